"""From wall-clock time to instants, across every change of the clock.

The rule: **a wall-clock time happens at the first instant at which the clock of the zone shows
it or has passed it.**

- A time that exists once: then.
- A time that the clock skips (02:30 in spring): when the gap ends (03:00). Not an hour later
  (03:30), because then it would come after a run that was meant for 03:15, and not an hour
  earlier, because no run may start before its time.
- A time that the clock shows twice (02:30 in autumn): the first time.

The instant never decreases when the wall-clock time increases, so no order is ever turned round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from safepoint.schedules.occurrences import Adjustment

__all__ = ["ClockChange", "clock_changes", "first_instant"]

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """One change of a zone's clock."""

    at: datetime
    """The first instant with the new time, UTC."""
    before: timedelta
    """How far the clock was ahead of UTC."""
    after: timedelta
    """How far it is ahead from now on."""

    @property
    def shift(self) -> timedelta:
        """How far the clock is moved: more than zero is forward, as in spring."""
        return self.after - self.before

    @property
    def from_wall(self) -> datetime:
        """What the clock would have shown at that instant (naive)."""
        return self.at.replace(tzinfo=None) + self.before

    @property
    def to_wall(self) -> datetime:
        """What the clock shows at that instant (naive)."""
        return self.at.replace(tzinfo=None) + self.after


def first_instant(wall: datetime, zone: ZoneInfo) -> tuple[datetime, Adjustment | None]:
    """Return the instant (UTC) of a naive wall-clock time, and what had to be settled for it.

    Total and without gaps: every wall-clock time has exactly one instant.
    """
    early = _offset(wall.replace(tzinfo=zone, fold=0))
    late = _offset(wall.replace(tzinfo=zone, fold=1))
    if early == late:
        return _utc(wall - early), None
    if early > late:  # shown twice: the offset before the change gives the first time
        return _utc(wall - early), Adjustment.REPEATED
    return _end_of_gap(zone, _utc(wall - late), _utc(wall - early)), Adjustment.SKIPPED


def clock_changes(zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[ClockChange]:
    """Return the changes of a zone's clock in (after, until], in order.

    Changes that only rename the time do not count. Two changes within a day that cancel each
    other are not seen; the time-zone database has none since 1970.
    """
    start = after.astimezone(UTC)
    end = until.astimezone(UTC)
    while start < end:
        stop = min(start + _DAY, end)
        before, now = _ahead(zone, start), _ahead(zone, stop)
        if before != now:
            at = _end_of_gap(zone, start, stop)
            yield ClockChange(at=at, before=before, after=now)
        start = stop


def _end_of_gap(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first instant with the offset of `high`, which differs from that of `low`.

    Exact to the second, as the time-zone database is.
    """
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    old = _ahead(zone, low)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if _ahead(zone, middle) == old:
            low = middle
        else:
            high = middle
    return high


def _ahead(zone: ZoneInfo, at: datetime) -> timedelta:
    return _offset(at.astimezone(zone))


def _offset(at: datetime) -> timedelta:
    offset = at.utcoffset()
    if offset is None:
        msg = "a time without a zone"
        raise ValueError(msg)
    return offset


def _utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)
