"""The base of what the server sends: typed where we look, everything else kept as it came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from safepoint.errors import ProtocolError

__all__ = ["WireModel", "WireTime", "as_times"]


def as_times(value: object) -> object:
    """Read the server's times: six or seven fractional digits, sometimes without offset [S].

    A time without an offset is taken as UTC: which zone it means is not documented.
    """
    if not isinstance(value, str):
        return value
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


#: A time as the server writes it, aware afterwards; empty means none.
WireTime = Annotated[datetime | None, BeforeValidator(as_times)]


class WireModel(BaseModel):
    """One object. Unknown fields are kept, so that writing it back loses nothing.

    Enumerations stay plain text: the vendor's casing drifts and new values must not break [S].
    """

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def read(cls, raw: object) -> Self:
        """Read an answer; `ProtocolError` when a field we rely on is missing or wrong."""
        try:
            return cls.model_validate(raw)
        except ValidationError as exc:
            places = ", ".join(".".join(map(str, e["loc"])) for e in exc.errors())
            msg = f"the server sent a {cls.__name__} that cannot be read: {places}"
            raise ProtocolError(msg) from None

    def raw(self) -> dict[str, Any]:
        """Return the JSON form with every field the server sent and none that it did not."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
