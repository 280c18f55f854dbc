"""Where a product will not do what a schedule means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from safepoint.models.policies import Schedule
from safepoint.schedules.dialects import (
    Grade,
    ScheduleBehaviour,
    ScheduleDialect,
    ScheduleTrait,
)
from safepoint.schedules.occurrences import Adjustment, Occurrence
from safepoint.schedules.rules import interval_minutes, minutes_of

__all__ = ["Deviation", "departure", "deviations"]

_B = ScheduleBehaviour
_UNSTATED: Final = {
    Adjustment.SKIPPED: ScheduleTrait(_B.GAP_UNSTATED, Grade.ASSUMED, "its plugin is silent"),
    Adjustment.REPEATED: ScheduleTrait(_B.OVERLAP_UNSTATED, Grade.ASSUMED, "its plugin is silent"),
}
_AT_CHANGES: Final = {
    Adjustment.SKIPPED: (_B.SKIPS_GAP, _B.EXACTLY_ONCE, _B.GAP_UNSTATED),
    Adjustment.REPEATED: (_B.REPEATS_OVERLAP, _B.EXACTLY_ONCE, _B.OVERLAP_UNSTATED),
}
_DEPARTURES: Final = {
    _B.SKIPS_GAP: "does not run",
    _B.GAP_UNSTATED: "may not run",
    _B.REPEATS_OVERLAP: "runs twice",
    _B.OVERLAP_UNSTATED: "may run twice",
}
_WORDS: Final = {
    _B.SKIPS_GAP: "a start at a time that the clock skips does not happen: {times}",
    _B.GAP_UNSTATED: "unknown what becomes of a start at a time that the clock skips: {times}",
    _B.REPEATS_OVERLAP: "a start at a time that the clock shows twice happens twice: {times}",
    _B.OVERLAP_UNSTATED: (
        "unknown what becomes of a start at a time that the clock shows twice: {times}"
    ),
    _B.SKIPS_OVERRUN: "a run that takes longer than the interval makes it drop the starts in between",
    _B.SERVER_ZONE: "times are those of the product's server, whose zone has to be {zone}",
    _B.CLIENT_ZONE: "times are those of each protected system unless the zone {zone} is set",
    _B.SHORT_MONTH_LAST_DAY: (
        "in a month without day {day} it runs on the last day; safepoint runs nothing"
    ),
    _B.RUNS_AT_WINDOW_OPENING: (
        "one more start when the window opens at {start}, which is no multiple of the interval"
    ),
    _B.WHOLE_HOUR_WINDOWS: "the window {start} to {end} is rounded to whole hours",
}


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference between a schedule and what a product makes of it."""

    behaviour: ScheduleBehaviour
    text: str
    """What it means for this schedule."""
    grade: Grade
    evidence: str


def departure(run: Occurrence, dialect: ScheduleDialect) -> str:
    """Return how a product departs from one start, in a few words; empty when it does not."""
    if run.adjustment is None:
        return ""
    return _DEPARTURES.get(_at_change(run.adjustment, dialect).behaviour, "")


def deviations(
    schedule: Schedule, runs: Iterable[Occurrence], dialect: ScheduleDialect
) -> tuple[Deviation, ...]:
    """Return where a product deviates from a schedule; empty when it does as previewed.

    Args:
        schedule: The rules.
        runs: The starts in question; changes of the clock outside of them are not mentioned.
        dialect: What the product does.
    """
    found = [trait for trait in dialect.traits if _concerns(trait.behaviour, schedule)]
    touched: dict[Adjustment, list[Occurrence]] = {}
    for run in runs:
        if run.adjustment is not None:
            touched.setdefault(run.adjustment, []).append(run)
    answers = {each: _at_change(each, dialect) for each in touched}
    told = [_deviation(trait, _facts(schedule)) for trait in found]
    for adjustment, trait in answers.items():
        if trait.behaviour in _DEPARTURES:
            times = ", ".join(f"{run.wanted[0]:%F %H:%M}" for run in touched[adjustment][:3])
            more = " …" if len(touched[adjustment]) > 3 else ""
            told.append(_deviation(trait, {"times": times + more}))
    return tuple(told)


def _at_change(adjustment: Adjustment, dialect: ScheduleDialect) -> ScheduleTrait:
    named = (dialect.trait(behaviour) for behaviour in _AT_CHANGES[adjustment])
    return next((trait for trait in named if trait is not None), _UNSTATED[adjustment])


def _deviation(trait: ScheduleTrait, facts: dict[str, str]) -> Deviation:
    text = _WORDS[trait.behaviour].format_map(facts)
    return Deviation(trait.behaviour, text, trait.grade, trait.evidence)


def _facts(schedule: Schedule) -> dict[str, str]:
    window, monthly = schedule.window, schedule.monthly
    return {
        "zone": schedule.timezone,
        "day": str(monthly.day) if monthly else "",
        "start": window.start if window else "",
        "end": window.end if window else "",
    }


def _is_off_grid(schedule: Schedule) -> bool:
    if schedule.every is None or schedule.window is None:
        return False
    step = interval_minutes(schedule.every)
    return minutes_of(schedule.window.start) % step != 0


_CONCERNS: Final[dict[ScheduleBehaviour, Callable[[Schedule], bool]]] = {
    _B.SERVER_ZONE: lambda _: True,
    _B.CLIENT_ZONE: lambda _: True,
    _B.SKIPS_OVERRUN: lambda schedule: schedule.every is not None,
    _B.SHORT_MONTH_LAST_DAY: lambda schedule: (
        schedule.monthly is not None and schedule.monthly.day in {29, 30, 31}
    ),
    _B.RUNS_AT_WINDOW_OPENING: _is_off_grid,
    _B.WHOLE_HOUR_WINDOWS: lambda schedule: (
        schedule.window is not None
        and not (schedule.window.start.endswith(":00") and schedule.window.end.endswith(":00"))
    ),
}


def _concerns(behaviour: ScheduleBehaviour, schedule: Schedule) -> bool:
    return behaviour in _CONCERNS and _CONCERNS[behaviour](schedule)
