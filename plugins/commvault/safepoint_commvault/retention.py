"""How Commvault ages backup jobs on a copy.

Facts, from the product's documentation unless marked:

- Retention in days **and** cycles: a job goes when all jobs of its cycle are older than the days
  and enough newer cycles exist. A cycle is a full and what depends on it, up to the next full. One
  full is one cycle, so the last cycle never ages (a maintainer's answer in the community).
- Retention in days only (an additional setting, supported since 2024E on each copy): a job goes
  when it is older than the days, also the full that younger jobs were made from; their data stays
  until the next synthetic full.
- What counts is the start of a job. Ageing is a daily task.
- Extended rules keep the first or last full of a week, month or year for a number of days.

Ours: ages are calendar days; weeks begin on Monday; the first full of a period is the chosen one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from safepoint.models.policies import Retention
from safepoint.retention import (
    Day,
    FirstOfPeriod,
    Held,
    Point,
    RetentionArithmetic,
    Timeline,
    Why,
    whole_days,
)

__all__ = ["CommvaultRetention", "CommvaultRetentionSettings", "settings_for"]

#: What a new plan starts with.
DEFAULT_DAYS: Final = 30
#: What a copy is given: the number in the example of the product's documentation.
DEFAULT_CYCLES: Final = 2

_DAYS_EACH: Final = {Why.WEEKLY: 7, Why.MONTHLY: 31, Why.YEARLY: 366}


@dataclass(frozen=True, slots=True)
class CommvaultRetentionSettings:
    """What a copy is given."""

    days: int
    cycles: int | None
    """How many cycles stay; None when only days count."""
    extended_days: dict[Why, int] = field(default_factory=dict)
    """For how many days the first full of each period stays."""


def settings_for(
    retention: Retention, cycles: int | None = DEFAULT_CYCLES
) -> tuple[CommvaultRetentionSettings, tuple[str, ...]]:
    """Translate the intents; return the settings and what could not be carried exactly.

    Args:
        retention: The intents.
        cycles: How many cycles stay; None for a copy that counts days only.
    """
    losses: list[str] = []
    days = _days(retention, losses)
    if cycles is not None:
        losses.append(f"keepFor: goes by whole cycles, and {cycles} cycles stay however old")
    if retention.keep_for is not None and retention.keep_at_least is not None:
        instead = "only the newest cycles stay" if cycles else "nothing stays but by its age"
        losses.append(f"keepAtLeast {retention.keep_at_least}: dropped, {instead}")
    slots = (
        (Why.WEEKLY, retention.weekly),
        (Why.MONTHLY, retention.monthly),
        (Why.YEARLY, retention.yearly),
    )
    extended = {why: _DAYS_EACH[why] * slot.keep for why, slot in slots if slot is not None}
    losses += [
        f"{why}: the first full of each {why.removesuffix('ly')} for {length} days, "
        "not a number of points"
        for why, length in extended.items()
    ]
    return CommvaultRetentionSettings(days, cycles, extended), tuple(losses)


def _days(retention: Retention, losses: list[str]) -> int:
    if retention.keep_for is not None:
        days = whole_days(retention.keep_for)
        losses.append(f"keepFor: older than {days} calendar days, so {days + 1} days have points")
        return days
    if retention.keep_at_least is not None:
        days = retention.keep_at_least
        losses.append(f"keepAtLeast {days}: points are not counted, {days} days instead")
        return days
    losses.append(f"no keepFor: the default of {DEFAULT_DAYS} days applies")
    return DEFAULT_DAYS


class CommvaultRetention(RetentionArithmetic):
    """The arithmetic of a copy.

    Args:
        cycles: How many cycles stay besides the days; None for days-based retention.
    """

    evidence = "documentation 11.16 to 2024E, community answers; not tried live"

    def __init__(self, cycles: int | None = DEFAULT_CYCLES) -> None:
        self._cycles = cycles
        self.name = "commvault" if cycles is not None else "commvault-days"
        mode = f"days and {cycles} cycles" if cycles is not None else "days only"
        self.title = f"Commvault, {mode}"

    @override
    def losses(self, retention: Retention) -> tuple[str, ...]:
        """Return what of a retention a copy cannot carry exactly."""
        return settings_for(retention, self._cycles)[1]

    @override
    def held(self, retention: Retention, timeline: Timeline) -> Iterator[tuple[Held, ...]]:
        """Return for each day what exists at its end, and why."""
        settings, _ = settings_for(retention, self._cycles)
        copy = _Copy(settings)
        for day in timeline.days:
            yield copy.day(day)


@dataclass(frozen=True, slots=True)
class _Job:
    point: Point
    cycle: int
    firsts: tuple[Why, ...]
    """The periods whose first full it is."""


class _Copy:
    def __init__(self, settings: CommvaultRetentionSettings) -> None:
        self._settings = settings
        self._first = FirstOfPeriod()
        self._cycle = 0
        self._jobs: list[_Job] = []

    def day(self, day: Day) -> tuple[Held, ...]:
        """Let a day pass: its runs, then ageing. Return what is left."""
        for point in day.made:
            self._cycle += point.is_full
            firsts = self._first.opened_by(point) if point.is_full else ()
            self._jobs.append(_Job(point, self._cycle, firsts))
        young = {job.cycle for job in self._jobs if self._is_young(day, job)}
        judged = [(job, tuple(self._why(day, job, young))) for job in self._jobs]
        self._jobs = [job for job, why in judged if why]
        return tuple(Held(job.point, why) for job, why in judged if why)

    def _is_young(self, day: Day, job: _Job) -> bool:
        return day.age_of(job.point) <= self._settings.days

    def _why(self, day: Day, job: _Job, young: set[int]) -> Iterator[Why]:
        cycles = self._settings.cycles
        if self._is_young(day, job):
            yield Why.AGE
        elif cycles is not None and job.cycle in young:
            yield Why.CHAIN
        if cycles is not None and self._cycle - job.cycle < cycles:
            yield Why.CYCLES
        for why in job.firsts:
            if day.age_of(job.point) <= self._settings.extended_days.get(why, -1):
                yield why
