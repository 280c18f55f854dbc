"""Simulations: days, fulls, differences, and arithmetics that break the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TypeAlias

import pytest
from typing_extensions import override

from safepoint.errors import DriverContractError
from safepoint.models.policies import Retention, Schedule, Weekday
from safepoint.retention import (
    EXACT,
    Held,
    RetentionArithmetic,
    Timeline,
    Why,
    first_difference,
    simulate,
    timeline,
    whole_days,
)

MONDAY = date(2026, 6, 1)
RETENTION = Retention(keep_for=timedelta(days=3))
Answers: TypeAlias = list[list[int]]


class Scripted(RetentionArithmetic):
    """Holds the points whose numbers it was told, day by day."""

    name = "scripted"
    title = "scripted"
    evidence = "none"

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    @override
    def losses(self, retention: Retention) -> tuple[str, ...]:
        return ("everything",)

    @override
    def held(self, retention: Retention, timeline: Timeline) -> Iterator[tuple[Held, ...]]:
        points = {p.number: p for day in timeline.days for p in day.made}
        for numbers in self.answers:
            yield tuple(Held(points[n], (Why.AGE,)) for n in numbers)


def weekly(*days: str) -> Schedule:
    return Schedule.model_validate(
        {"timezone": "Europe/Berlin", "weekly": {"days": days, "at": ["01:00", "13:00"]}}
    )


def test_without_a_schedule_there_is_one_point_a_day() -> None:
    """And the first of them is a full, whatever the weekday."""
    days = timeline(None, MONDAY, 10).days

    assert [len(day.made) for day in days] == [1] * 10
    assert [day.number for day in days] == list(range(1, 11))
    assert [day.date for day in days if day.made[0].is_full] == [MONDAY]


def test_the_first_run_of_the_chosen_weekday_is_a_full() -> None:
    """One a day, even when the day has two runs."""
    made = timeline(weekly(*Weekday), MONDAY, 21, full_on=Weekday.SUNDAY)
    fulls = [p.made_at for day in made.days for p in day.made if p.is_full]

    assert [f"{at:%a %H}" for at in fulls] == ["Mon 01", "Sun 01", "Sun 01", "Sun 01"]


def test_a_full_that_found_no_run_is_made_by_the_next() -> None:
    """Nothing runs on Sunday: the run of Tuesday is the full."""
    made = timeline(weekly("tuesday", "thursday"), MONDAY, 21, full_on=Weekday.SUNDAY)
    fulls = [p.made_at for day in made.days for p in day.made if p.is_full]

    assert [f"{at:%a %d %H}" for at in fulls] == ["Tue 02 01", "Tue 09 01", "Tue 16 01"]


def test_no_run_is_lost_or_doubled_where_clocks_change() -> None:
    """Days of 23 and 25 hours have their two runs, and every instant lies within its day."""
    for first in (date(2027, 3, 26), date(2027, 10, 29)):
        made = timeline(weekly(*Weekday), first, 5)
        assert [len(day.made) for day in made.days] == [2] * 5
        assert all(
            p.made_at < day.ends_at and p.date == day.date for day in made.days for p in day.made
        )


def test_the_first_difference_names_day_and_points() -> None:
    """From both sides; equal simulations have none."""
    made = timeline(None, MONDAY, 4)
    one = simulate(RETENTION, made, Scripted([[1], [1, 2], [1, 2, 3], [4]]))
    other = simulate(RETENTION, made, Scripted([[1], [1, 2], [2, 3], [3, 4]]))
    found = first_difference(one, other)

    assert found is not None
    assert found.day.number == 3
    assert [each.point.number for each in found.only_first] == [1]
    assert found.only_second == ()
    assert first_difference(one, one) is None


def test_what_goes_is_told_on_its_day() -> None:
    """Also a point that does not survive the day on which it was made."""
    result = simulate(RETENTION, timeline(None, MONDAY, 3), Scripted([[1], [1], [3]]))

    assert [[point.number for point in state.gone] for state in result.states] == [[], [2], [1]]
    assert [state.oldest_age for state in result.states] == [0, 1, 0]
    assert len(result.settled) == 2
    assert result.losses == ("everything",)


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ([[1], [1, 2]], "day 3"),
        ([[1], [1, 2], [1, 2, 3], [1]], "after the last day"),
        ([[1], [2], [1, 2, 3]], "day 3"),
        ([[1], [2, 1], [3]], "day 2"),
        ([[1], [1, 1], [3]], "day 2"),
        ([[1], [1, 3], [3]], "day 2"),
    ],
    ids=["too few", "too many", "risen", "disordered", "double", "too early"],
)
def test_an_arithmetic_that_breaks_the_rules_is_named(answers: Answers, word: str) -> None:
    """A plugin's defect is not taken for a product's behaviour."""
    with pytest.raises(DriverContractError, match="scripted") as caught:
        simulate(RETENTION, timeline(None, MONDAY, 3), Scripted(answers))
    assert word in caught.value.message


@pytest.mark.parametrize(
    ("length", "days"), [("1s", 1), ("24h", 1), ("25h", 2), ("36h", 2), ("2w", 14)]
)
def test_begun_days_count(length: str, days: int) -> None:
    """Rounding down would lose points."""
    duration = Retention.model_validate({"keepFor": length}).keep_for

    assert duration is not None
    assert whole_days(duration) == days


def test_simulations_are_pure() -> None:
    """The same question, the same answer."""
    made = timeline(None, MONDAY, 30)
    ask: Callable[[], object] = lambda: simulate(RETENTION, made, EXACT)

    assert ask() == ask()
