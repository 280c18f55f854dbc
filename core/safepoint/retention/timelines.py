"""Days with the points that a schedule makes on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from safepoint.models.policies import DailySchedule, Schedule, Weekday
from safepoint.retention.points import Day, Point, Timeline
from safepoint.schedules import first_instant, next_runs

__all__ = ["UNSCHEDULED", "timeline"]

_DAY: Final = timedelta(days=1)
_WEEKDAYS: Final = tuple(Weekday)

#: What is taken for a policy without a schedule: one run a day.
UNSCHEDULED: Final = Schedule(timezone="UTC", daily=DailySchedule(at=("22:00",)))


def timeline(
    schedule: Schedule | None, first: date, days: int, *, full_on: Weekday | None = None
) -> Timeline:
    """Return consecutive local days with what the schedule makes on them.

    Args:
        schedule: When runs start; `UNSCHEDULED` when None. Every run makes a point at once.
        first: The first day, in the zone of the schedule.
        days: How many days.
        full_on: The weekday of the periodic full backup. The first run of that day is a full;
            when nothing runs on that day, the next run is. The very first run always is one.
    """
    schedule = schedule or UNSCHEDULED
    zone = ZoneInfo(schedule.timezone)
    ends = [_midnight(first + number * _DAY, zone) for number in range(days + 1)]
    runs = next_runs(schedule, ends[0] - timedelta(microseconds=1), until=ends[-1])
    made: dict[date, list[Point]] = {}
    for point in _points((run.local for run in runs), first, full_on):
        made.setdefault(point.date, []).append(point)
    found = (
        Day(
            number=number + 1,
            date=first + number * _DAY,
            ends_at=ends[number + 1],
            made=tuple(made.get(first + number * _DAY, ())),
        )
        for number in range(days)
    )
    return Timeline(tuple(found), schedule.timezone, full_on)


def _points(starts: Iterable[datetime], first: date, full_on: Weekday | None) -> Iterator[Point]:
    """Number the points; a full falls due when its weekday begins, and with the first run."""
    is_due = True
    looked_at = first - _DAY
    for number, start in enumerate(starts, 1):
        is_due = is_due or _passes(looked_at, start.date(), full_on)
        looked_at = start.date()
        yield Point(number, start, is_due)
        is_due = False


def _passes(after: date, until: date, weekday: Weekday | None) -> bool:
    """Return whether that weekday lies in (after, until]."""
    if weekday is None:
        return False
    ahead = (_WEEKDAYS.index(weekday) - after.weekday() - 1) % 7 + 1
    return after + ahead * _DAY <= until


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return first_instant(datetime.combine(day, time()), zone)[0].astimezone(UTC)
