"""What a simulation is made of: points, the days on which they are made, and why they stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from safepoint.models.policies import Weekday

__all__ = ["Day", "Held", "Point", "Timeline", "Why", "whole_days"]


class Why(StrEnum):
    """What keeps a point."""

    AGE = "age"
    """It is young enough."""
    COUNT = "count"
    """It is among the newest, of which a number stays."""
    NEWEST = "newest"
    """It is the newest; no rule takes the last one away."""
    WEEKLY = "weekly"
    """It stands for its week."""
    MONTHLY = "monthly"
    """It stands for its month."""
    YEARLY = "yearly"
    """It stands for its year."""
    CHAIN = "chain"
    """It would go, but a point that stays is tied to it."""
    CYCLES = "cycles"
    """It belongs to one of the newest cycles, of which a number stays."""
    PENDING = "pending"
    """It would go, but nothing has run yet that takes it away."""


@dataclass(frozen=True, slots=True)
class Point:
    """A restore point."""

    number: int
    """Unique within its timeline, counted from 1 in the order in which points are made."""
    made_at: datetime
    """When its run started, in the zone of the timeline."""
    is_full: bool
    """Whether a product that distinguishes makes a full backup here."""

    @property
    def date(self) -> date:
        """The local day to which it belongs."""
        return self.made_at.date()


@dataclass(frozen=True, slots=True)
class Held:
    """A point that exists, and everything that keeps it."""

    point: Point
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A local day."""

    number: int
    """Counted from 1."""
    date: date
    ends_at: datetime
    """The instant (UTC) at which the day is over; this is when a simulation looks."""
    made: tuple[Point, ...]
    """What was made on this day, in order."""

    def age_of(self, point: Point) -> int:
        """Return the age of a point in calendar days: 0 on the day it was made."""
        return (self.date - point.date).days


@dataclass(frozen=True, slots=True)
class Timeline:
    """Consecutive days and what is made on them."""

    days: tuple[Day, ...]
    zone: str
    full_on: Weekday | None
    """The weekday of the periodic full; None when only the first point is one."""


def whole_days(length: timedelta) -> int:
    """Return a length of time in days, begun days counted as whole ones."""
    return -(-length // timedelta(days=1))
