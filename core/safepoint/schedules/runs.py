"""The starts of a schedule, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, islice, takewhile
from operator import itemgetter
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from safepoint.models.policies import Schedule
from safepoint.schedules.occurrences import Adjustment, Occurrence
from safepoint.schedules.rules import Rule, WallClockRules
from safepoint.schedules.walltime import first_instant

__all__ = ["next_runs"]

_MIDNIGHT: Final = time()

_Wanted: TypeAlias = tuple[datetime, datetime, tuple[Rule, ...], Adjustment | None]


def next_runs(
    schedule: Schedule,
    after: datetime,
    *,
    count: int | None = None,
    until: datetime | None = None,
) -> Iterator[Occurrence]:
    """Return the starts later than `after`, in order, without doubles.

    Every wall-clock time that the schedule names happens exactly once (`walltime` has the rule),
    so the starts of (a, b] and of (b, c] together are those of (a, c]. Where a gap of the clock
    swallows several times, one start answers them all. Pure: the same arguments, the same starts.

    Args:
        schedule: The rules.
        after: An aware time; a start at this very instant is not returned.
        count: How many at most; no limit when left out.
        until: An aware time, the last instant that may be returned; no limit when left out.

    Returns:
        An iterator, endless without limits. It ends early when the schedule never starts
        anything, because its window holds none of its times.

    Raises:
        ValueError: a time without a zone.
    """
    for moment in (after, until):
        if moment is not None and moment.tzinfo is None:
            msg = "a time needs a zone"
            raise ValueError(msg)
    found = _occurrences(schedule, after.astimezone(UTC))
    if until is not None:
        found = takewhile(lambda each: each.at <= until, found)
    return islice(found, count)


def _occurrences(schedule: Schedule, after: datetime) -> Iterator[Occurrence]:
    zone = ZoneInfo(schedule.timezone)
    # What the clock shows or has passed by then has happened, so nothing earlier is left.
    wanted = _wanted(WallClockRules(schedule), zone, after.astimezone(zone).date())
    for at, group in groupby(wanted, key=itemgetter(0)):
        if at > after:
            yield _merged(at, zone, group)


def _wanted(rules: WallClockRules, zone: ZoneInfo, first_day: date) -> Iterator[_Wanted]:
    """Return every wall-clock time with its instant; neither ever decreases."""
    for day, plan in rules.plans_from(first_day):
        midnight = datetime.combine(day, _MIDNIGHT)
        for minute, reasons in plan:
            wall = midnight + timedelta(minutes=minute)
            at, adjustment = first_instant(wall, zone)
            yield at, wall, reasons, adjustment


def _merged(at: datetime, zone: ZoneInfo, group: Iterable[_Wanted]) -> Occurrence:
    walls: list[datetime] = []
    rules: set[Rule] = set()
    adjustments: set[Adjustment | None] = set()
    for _, wall, reasons, adjustment in group:
        walls.append(wall)
        rules.update(reasons)
        adjustments.add(adjustment)
    return Occurrence(
        at=at,
        local=at.astimezone(zone),
        wanted=tuple(walls),
        reasons=tuple(rule for rule in Rule if rule in rules),
        adjustment=next((each for each in Adjustment if each in adjustments), None),
    )
