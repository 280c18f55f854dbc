"""One start of a schedule: the instant, what the clock shows, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safepoint.schedules.rules import Rule

__all__ = ["Adjustment", "Occurrence"]


class Adjustment(StrEnum):
    """What a change of the clock did to a start."""

    SKIPPED = "skipped"
    """The clock never shows the time: it happens when the gap ends."""
    REPEATED = "repeated"
    """The clock shows the time twice: it happens the first time."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A run starts here, once, whatever the clock does."""

    at: datetime
    """The instant, UTC."""
    local: datetime
    """The same instant in the zone of the schedule, with fold."""
    wanted: tuple[datetime, ...]
    """The wall-clock times (naive) that this start answers; several when a gap swallowed them."""
    reasons: tuple[Rule, ...]
    """The rules that asked for it."""
    adjustment: Adjustment | None = None
    """What had to be settled, or None."""

    @property
    def zone(self) -> str:
        """The name of the zone."""
        return str(self.local.tzinfo)

    @property
    def fold(self) -> int:
        """0, or 1 when the clock shows this time for the second time."""
        return self.local.fold

    @property
    def note(self) -> str:
        """What was settled, for people; empty when nothing was."""
        if self.adjustment is None:
            return ""
        if self.adjustment is Adjustment.REPEATED:
            return f"the clock shows {self.local:%H:%M} twice: runs the first time only"
        shown = self.local.replace(tzinfo=None)
        skipped = [wall for wall in self.wanted if wall < shown]
        verb = "does" if len(skipped) == 1 else "do"
        return f"{_times(skipped, shown)} {verb} not exist: runs once, at {self.local:%H:%M}"


def _times(walls: list[datetime], near: datetime) -> str:
    """Return times as people read them, with the date where it is another day."""
    texts = [
        f"{wall:%H:%M}" if wall.date() == near.date() else f"{wall:%F %H:%M}" for wall in walls
    ]
    if len(texts) <= 3:
        return ", ".join(texts)
    return f"{len(texts)} times from {texts[0]} to {texts[-1]}"
