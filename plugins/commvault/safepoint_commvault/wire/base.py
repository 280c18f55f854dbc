"""The base of what the CommServe sends: typed where we look, lenient everywhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from safepoint.errors import ProtocolError

__all__ = ["Listed", "WireId", "WireModel", "WireTime", "as_list", "as_text", "as_time"]

ItemT = TypeVar("ItemT")

#: Seconds beyond this are taken as milliseconds: the year 5138.
_MAX_SECONDS: Final = 100_000_000_000


def as_list(value: object) -> list[Any]:
    """Return a list: JSON made from XML has a list of one as its element, and none as nothing."""
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def as_text(value: object) -> object:
    """Read an id or enumeration as text: numbers and texts both occur for the same field."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def as_time(value: object) -> object:
    """Read Unix seconds, or the object that holds them; zero means never."""
    if isinstance(value, dict):
        value = value.get("time")
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if value <= 0:
        return None
    return datetime.fromtimestamp(value / (1000 if value > _MAX_SECONDS else 1), UTC)


#: A list of one kind, whatever the wire made of it.
Listed = Annotated[tuple[ItemT, ...], BeforeValidator(as_list)]
#: An id or word of the product, as text.
WireId = Annotated[str, BeforeValidator(as_text)]
#: A moment, aware; None for never.
WireTime = Annotated[datetime | None, BeforeValidator(as_time)]


class WireModel(BaseModel):
    """One object. Unknown fields are passed over; what we rely on is checked."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    @classmethod
    def read(cls, raw: object) -> Self:
        """Read an answer; `ProtocolError` when a field we rely on is missing or wrong."""
        try:
            return cls.model_validate(raw)
        except ValidationError as exc:
            places = ", ".join(".".join(map(str, e["loc"])) or "all of it" for e in exc.errors())
            msg = f"the CommServe sent a {cls.__name__} that cannot be read: {places}"
            raise ProtocolError(msg) from None
