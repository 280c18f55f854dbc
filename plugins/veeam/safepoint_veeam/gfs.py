"""Long-term flags of Veeam Backup & Replication: which full gets one, and until when it holds.

From the user guide (version 13): a flag goes to a full that exists, never to one made for it. A
level waits for the next full when its period passes without one. A higher level needs a file that
has the flag below it, unless only weekly and yearly are used. A weekly flag is taken off after N
weeks, a monthly and a yearly one a day after N months or years.

Our own reading, where the guide is silent or garbled: within one period a level is given once, also
when the level below would allow a second one; and a level that was given in a period does not
start to wait in the same period.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from safepoint.models.policies import Weekday

__all__ = ["Flag", "FlagSettings", "Flags", "expiry"]

_WEEKDAYS: Final = tuple(Weekday)


class Flag(StrEnum):
    """A level of long-term retention, lowest first."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class FlagSettings:
    """What a job says about long-term retention."""

    keep: Mapping[Flag, int]
    """For how many weeks, months or years; a level that is missing is off."""
    weekday: Weekday = Weekday.MONDAY
    """The day from which a week's full is taken."""
    week: int = 1
    """The seven days of the month from which a month's full is taken, 1 to 4."""
    month: int = 1
    """The month from which a year's full is taken."""

    def below(self, flag: Flag) -> Flag | None:
        """Return the level that a file must have before it gets this one."""
        lower = {Flag.MONTHLY: Flag.WEEKLY, Flag.YEARLY: Flag.MONTHLY}.get(flag)
        return lower if lower in self.keep else None

    def period(self, flag: Flag, day: date) -> tuple[int, ...] | None:
        """Return the period of that level in which a day lies, or None outside of any."""
        if flag is Flag.WEEKLY:
            return _ymd(day) if _WEEKDAYS[day.weekday()] is self.weekday else None
        if flag is Flag.MONTHLY:
            return (day.year, day.month) if (day.day - 1) // 7 + 1 == self.week else None
        return (day.year,) if day.month == self.month else None


class Flags:
    """The memory of a job: what was given in which period, and which level still waits."""

    def __init__(self, settings: FlagSettings) -> None:
        self._settings = settings
        self._waiting: set[Flag] = set()
        self._given: dict[Flag, tuple[int, ...]] = {}

    def run_ended(self, day: date, *, is_full: bool) -> tuple[Flag, ...]:
        """Return the flags for what a run made; to be called once for each run, in order."""
        got: list[Flag] = []
        for flag in Flag:
            if flag in self._settings.keep and self._decide(flag, day, got, is_full=is_full):
                got.append(flag)
        return tuple(got)

    def _decide(self, flag: Flag, day: date, got: list[Flag], *, is_full: bool) -> bool:
        period = self._settings.period(flag, day)
        if period is not None and self._given.get(flag) == period:
            return False
        below = self._settings.below(flag)
        is_fit = is_full if below is None else below in got
        if is_fit and (period is not None or flag in self._waiting):
            self._waiting.discard(flag)
            if period is not None:
                self._given[flag] = period
            return True
        if period is not None:
            self._waiting.add(flag)
        return False


def expiry(flag: Flag, given_on: date, keep: int) -> date:
    """Return the first day on which a flag is taken off."""
    if flag is Flag.WEEKLY:
        return given_on + timedelta(days=7 * keep)
    months = keep if flag is Flag.MONTHLY else 12 * keep
    return _months_later(given_on, months) + timedelta(days=1)


def _months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or its last day when it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, length))


def _ymd(day: date) -> tuple[int, ...]:
    return (day.year, day.month, day.day)
