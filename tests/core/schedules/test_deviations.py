"""Where a product will not do what a schedule means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from safepoint.models.policies import Schedule
from safepoint.schedules import (
    Grade,
    Occurrence,
    ScheduleBehaviour,
    ScheduleDialect,
    ScheduleTrait,
    departure,
    deviations,
    next_runs,
)

Make: TypeAlias = Callable[..., Schedule]
B = ScheduleBehaviour
SPRING = datetime(2027, 3, 27, 12, tzinfo=UTC)
AUTUMN = datetime(2027, 10, 30, 12, tzinfo=UTC)


def product(*behaviours: ScheduleBehaviour) -> ScheduleDialect:
    """A product with these behaviours, all documented."""
    traits = (ScheduleTrait(each, Grade.DOCUMENTED, "its manual") for each in behaviours)
    return ScheduleDialect("acme", "Acme Backup", tuple(traits))


def starts(schedule: Schedule, after: datetime) -> list[Occurrence]:
    """The next two starts."""
    return list(next_runs(schedule, after, count=2))


@pytest.mark.parametrize(
    ("behaviour", "after", "expected"),
    [
        (B.EXACTLY_ONCE, SPRING, ""),
        (B.EXACTLY_ONCE, AUTUMN, ""),
        (B.SKIPS_GAP, SPRING, "does not run"),
        (B.REPEATS_OVERLAP, AUTUMN, "runs twice"),
        (B.GAP_UNSTATED, SPRING, "may not run"),
        (B.OVERLAP_UNSTATED, AUTUMN, "may run twice"),
        (B.SKIPS_GAP, AUTUMN, "may run twice"),
        (B.COUNTS_FROM_MIDNIGHT, SPRING, "may not run"),
    ],
)
def test_a_start_at_a_clock_change_is_told_for_each_product(
    schedule: Make, behaviour: ScheduleBehaviour, after: datetime, expected: str
) -> None:
    """Silence about clock changes is never read as a promise; other starts are untouched."""
    changed, ordinary = starts(schedule(daily={"at": ["02:30"]}), after)

    assert departure(changed, product(behaviour)) == expected
    assert departure(ordinary, product(behaviour)) == ""


@pytest.mark.parametrize(
    ("behaviour", "rules", "word"),
    [
        (B.SERVER_ZONE, {"daily": {"at": ["22:00"]}}, "Europe/Berlin"),
        (B.CLIENT_ZONE, {"daily": {"at": ["22:00"]}}, "Europe/Berlin"),
        (B.SKIPS_OVERRUN, {"every": {"hours": 1}}, "interval"),
        (B.SHORT_MONTH_LAST_DAY, {"monthly": {"day": 30, "at": ["22:00"]}}, "day 30"),
        (
            B.RUNS_AT_WINDOW_OPENING,
            {"every": {"hours": 2}, "window": {"start": "09:00", "end": "17:00"}},
            "09:00",
        ),
        (
            B.WHOLE_HOUR_WINDOWS,
            {"every": {"hours": 2}, "window": {"start": "08:30", "end": "17:00"}},
            "08:30",
        ),
    ],
)
def test_a_behaviour_is_told_when_it_concerns_the_schedule(
    schedule: Make, behaviour: ScheduleBehaviour, rules: dict[str, Any], word: str
) -> None:
    """With what it means here and the evidence."""
    (found,) = deviations(schedule(**rules), [], product(behaviour))

    assert found.behaviour is behaviour
    assert word in found.text
    assert (found.grade, found.evidence) == (Grade.DOCUMENTED, "its manual")


@pytest.mark.parametrize(
    ("behaviour", "rules"),
    [
        (B.SKIPS_OVERRUN, {"daily": {"at": ["22:00"]}}),
        (B.COUNTS_FROM_MIDNIGHT, {"every": {"hours": 1}}),
        (B.SHORT_MONTH_LAST_DAY, {"monthly": {"day": 28, "at": ["22:00"]}}),
        (B.SHORT_MONTH_LAST_DAY, {"monthly": {"day": "last", "at": ["22:00"]}}),
        (
            B.RUNS_AT_WINDOW_OPENING,
            {"every": {"hours": 2}, "window": {"start": "08:00", "end": "17:00"}},
        ),
        (
            B.WHOLE_HOUR_WINDOWS,
            {"every": {"hours": 2}, "window": {"start": "08:00", "end": "17:00"}},
        ),
    ],
)
def test_a_behaviour_that_changes_nothing_here_is_not_told(
    schedule: Make, behaviour: ScheduleBehaviour, rules: dict[str, Any]
) -> None:
    """A report that cries wolf is not read."""
    assert deviations(schedule(**rules), [], product(behaviour)) == ()


def test_clock_changes_are_told_only_when_a_start_falls_on_one(schedule: Make) -> None:
    """And then with the times."""
    risky, safe = schedule(daily={"at": ["02:30"]}), schedule(daily={"at": ["22:00"]})
    skipping = product(B.SKIPS_GAP)
    (found,) = deviations(risky, starts(risky, SPRING), skipping)

    assert found.behaviour is B.SKIPS_GAP
    assert "2027-03-28 02:30" in found.text
    assert deviations(safe, starts(safe, SPRING), skipping) == ()
    assert deviations(risky, starts(risky, SPRING), product(B.EXACTLY_ONCE)) == ()


def test_every_behaviour_that_differs_has_words(schedule: Make) -> None:
    """A new behaviour cannot be forgotten: each is told somewhere, or means no difference."""
    busy = schedule(
        every={"minutes": 50},
        monthly={"day": 31, "at": ["02:30"]},
        window={"start": "01:15", "end": "04:00"},
    )
    runs = [*starts(busy, SPRING), *starts(busy, AUTUMN)]
    silent = {each for each in B if not deviations(busy, runs, product(each, B.EXACTLY_ONCE))}

    assert silent - {B.GAP_UNSTATED, B.OVERLAP_UNSTATED} == {
        B.EXACTLY_ONCE,
        B.COUNTS_FROM_MIDNIGHT,
    }
