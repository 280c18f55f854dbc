"""How values are written on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["moment", "seconds"]


def seconds(at: datetime | None) -> int:
    """Return a time as the product tells it: whole seconds since 1970, 0 for none."""
    return 0 if at is None else int(at.timestamp())


def moment(value: int) -> datetime | None:
    """Return the last instant of a second of the wire, None for 0."""
    return None if value <= 0 else datetime.fromtimestamp(value + 1, UTC)
