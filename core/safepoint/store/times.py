"""Times as the journal keeps them: ISO 8601 in UTC, so that text order is time order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

__all__ = ["Clock", "from_text", "to_text"]

#: Returns the present moment, aware and in UTC.
Clock: TypeAlias = Callable[[], datetime]


def to_text(moment: datetime) -> str:
    """Return the text form with microseconds, of fixed width."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """Read back what `to_text` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
