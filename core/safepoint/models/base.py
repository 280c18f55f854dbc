"""The base of all neutral data: frozen, closed, with aware times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

__all__ = ["Model", "UtcTime"]


class Model(BaseModel):
    """Frozen data that refuses unknown fields.

    Equal content means equal objects; a changed copy comes from `model_copy(update=…)`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "a time needs a zone; naive times are refused at the boundary"
        raise ValueError(msg)
    return value.astimezone(UTC)


#: A point in time, always aware and always UTC.
UtcTime = Annotated[datetime, AfterValidator(_to_utc)]
