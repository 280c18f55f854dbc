"""Which wall-clock times a schedule names on a day of the calendar; clocks do not matter here."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from safepoint.models.policies import (
    IntervalSchedule,
    MonthlySchedule,
    Schedule,
    ScheduleWindow,
    Weekday,
)

__all__ = ["DayPlan", "Rule", "WallClockRules", "interval_minutes", "minutes_of", "weekday_number"]

_DAY: Final = timedelta(days=1)
_LAST_DAY: Final = date(9998, 12, 31)
#: Weekdays and lengths of months repeat within 40 years, also across the year 2100.
_CYCLE_MONTHS: Final = 40 * 12
_MINUTES_A_DAY: Final = 1440
_WEEKDAYS = {day: number for number, day in enumerate(Weekday)}
_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3}


class Rule(StrEnum):
    """The part of a schedule that asks for a start."""

    EVERY = "every"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


#: Minutes after midnight, in order, each with the rules that name it.
DayPlan: TypeAlias = tuple[tuple[int, tuple[Rule, ...]], ...]


def minutes_of(clock: str) -> int:
    """Return `HH:MM` as minutes after midnight."""
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def weekday_number(day: Weekday) -> int:
    """Return the number that `date.weekday()` gives that day: 0 is Monday."""
    return _WEEKDAYS[day]


class WallClockRules:
    """The wall-clock times of a schedule, day by day.

    Several rules are merged; a time that two rules name is one time with two reasons. What lies
    outside of the window is left out; the window is about wall-clock times, too.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._window = schedule.window
        self._monthly = schedule.monthly
        days = [_of_weekday(schedule, number) for number in range(7)]
        at = schedule.monthly.at if schedule.monthly is not None else ()
        extra = [(minutes_of(clock), Rule.MONTHLY) for clock in at]
        self._plain = [self._plan(number, day) for number, day in enumerate(days)]
        self._chosen = [self._plan(number, day + extra) for number, day in enumerate(days)]

    def plans_from(self, first: date) -> Iterator[tuple[date, DayPlan]]:
        """Return the days from `first` on, in order, that have something to start.

        Endless, unless the window holds no time at all: then it ends.
        """
        if any(self._plain):
            return self._every_day(first)
        return self._chosen_days(first)

    def _every_day(self, day: date) -> Iterator[tuple[date, DayPlan]]:
        chosen = _chosen_day(self._monthly, day.year, day.month)
        while day < _LAST_DAY:
            plan = (self._chosen if day == chosen else self._plain)[day.weekday()]
            if plan:
                yield day, plan
            day += _DAY
            if day.day == 1:
                chosen = _chosen_day(self._monthly, day.year, day.month)

    def _chosen_days(self, first: date) -> Iterator[tuple[date, DayPlan]]:
        year, month, idle = first.year, first.month, 0
        while year < _LAST_DAY.year and idle < _CYCLE_MONTHS:
            chosen = _chosen_day(self._monthly, year, month)
            plan = self._chosen[chosen.weekday()] if chosen is not None else ()
            idle += 1
            if plan and chosen is not None and chosen >= first:
                yield chosen, plan
                idle = 0
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)

    def _plan(self, weekday: int, wanted: Iterable[tuple[int, Rule]]) -> DayPlan:
        reasons: defaultdict[int, set[Rule]] = defaultdict(set)
        for minute, rule in wanted:
            if self._window is None or _is_open(self._window, weekday, minute):
                reasons[minute].add(rule)
        return tuple((m, tuple(r for r in Rule if r in reasons[m])) for m in sorted(reasons))


def _of_weekday(schedule: Schedule, weekday: int) -> list[tuple[int, Rule]]:
    found: list[tuple[int, Rule]] = []
    if schedule.every is not None:
        found += [
            (minute, Rule.EVERY)
            for minute in range(0, _MINUTES_A_DAY, interval_minutes(schedule.every))
        ]
    if schedule.daily is not None:
        found += [(minutes_of(clock), Rule.DAILY) for clock in schedule.daily.at]
    if schedule.weekly is not None and weekday in map(weekday_number, schedule.weekly.days):
        found += [(minutes_of(clock), Rule.WEEKLY) for clock in schedule.weekly.at]
    return found


def interval_minutes(every: IntervalSchedule) -> int:
    """Return the interval in minutes; it starts anew at every midnight."""
    return every.minutes or 60 * (every.hours or 24)


def _chosen_day(monthly: MonthlySchedule | None, year: int, month: int) -> date | None:
    """Return the day of that month which the rule names; None when the month has no such day."""
    if monthly is None:
        return None
    first_weekday, length = calendar.monthrange(year, month)
    if monthly.day is not None:
        number = length if monthly.day == "last" else monthly.day
    else:
        ordinal, _, name = (monthly.weekday or "").partition(" ")
        number = 1 + (weekday_number(Weekday(name)) - first_weekday) % 7
        number += 7 * (_ORDINALS[ordinal] if ordinal != "last" else (length - number) // 7)
    return date(year, month, number) if number <= length else None


def _is_open(window: ScheduleWindow, weekday: int, minute: int) -> bool:
    """Return whether the window is open; one that passes midnight belongs to its first day."""
    start, end = minutes_of(window.start), minutes_of(window.end)
    days = frozenset(map(weekday_number, window.days or Weekday))
    if start < end:
        return weekday in days and start <= minute < end
    return (weekday in days and minute >= start) or ((weekday - 1) % 7 in days and minute < end)
