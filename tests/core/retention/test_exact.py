"""What an estate document means by its retention."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safepoint.models.policies import Retention, Schedule
from safepoint.retention import EXACT, Simulation, Why, simulate, timeline

MONDAY = date(2026, 6, 1)


def simulated(
    retention: dict[str, Any], *, days: int = 60, schedule: dict[str, Any] | None = None
) -> Simulation:
    """Simulate documents; without a schedule one run a day."""
    made = Schedule.model_validate({"timezone": "UTC", **schedule}) if schedule else None
    return simulate(Retention.model_validate(retention), timeline(made, MONDAY, days), EXACT)


def dates(result: Simulation, day: int) -> list[str]:
    """The days of the points that exist on a day."""
    return [f"{each.point.date:%m-%d}" for each in result.states[day - 1].held]


def test_keep_for_counts_from_the_start_of_the_run() -> None:
    """Fourteen days of daily runs are fourteen points, the oldest thirteen days old."""
    result = simulated({"keepFor": "14d"})

    assert {len(state.held) for state in result.settled} == {14}
    assert {state.oldest_age for state in result.settled} == {13}
    assert result.states[13].gone == ()
    assert [point.date for point in result.states[14].gone] == [MONDAY]
    assert {why for state in result.states for each in state.held for why in each.why} == {Why.AGE}


def test_keep_for_may_be_hours() -> None:
    """At midnight the points of the last thirty-six hours are there, the edge included."""
    result = simulated({"keepFor": "36h"}, schedule={"every": {"hours": 6}}, days=5)

    assert [len(state.held) for state in result.states] == [4, 6, 6, 6, 6]


def test_keep_at_least_holds_when_nothing_runs() -> None:
    """Three points outlive their time, because they are the newest."""
    rare = {"weekly": {"days": ["monday"], "at": ["22:00"]}}
    result = simulated({"keepFor": "7d", "keepAtLeast": 3}, schedule=rare)

    assert dates(result, 35) == ["06-15", "06-22", "06-29"]
    assert [each.why for each in result.states[34].held] == [
        (Why.COUNT,),
        (Why.COUNT,),
        (Why.AGE, Why.COUNT),
    ]


def test_a_rhythm_keeps_the_first_point_of_each_period() -> None:
    """Two Mondays and two firsts of the month beside the last three days."""
    result = simulated({"keepFor": "3d", "weekly": {"keep": 2}, "monthly": {"keep": 2}}, days=91)

    assert f"{result.states[90].day.date:%a %F}" == "Sun 2026-08-30"
    assert dates(result, 91) == ["07-01", "08-01", "08-17", "08-24", "08-28", "08-29", "08-30"]
    assert result.states[90].held[2].why == (Why.WEEKLY,)


def test_a_year_is_kept_for_years() -> None:
    """The first point of each of the last two years."""
    weekly = {"weekly": {"days": ["friday"], "at": ["22:00"]}}
    result = simulated({"keepFor": "7d", "yearly": {"keep": 2}}, schedule=weekly, days=1300)
    yearly = [each.point.date for each in result.states[-1].held if Why.YEARLY in each.why]

    assert yearly == [date(2028, 1, 7), date(2029, 1, 5)]


def test_the_newest_point_stays_whatever_the_rules_say() -> None:
    """A policy of monthly points alone never leaves a VM with last month's state only."""
    result = simulated({"monthly": {"keep": 1}}, days=20)

    assert dates(result, 20) == ["06-01", "06-20"]
    assert result.states[19].held[1].why == (Why.NEWEST,)


def test_days_are_those_of_the_zone() -> None:
    """A run at half past midnight in Auckland is the day before in UTC."""
    far = {"timezone": "Pacific/Auckland", "daily": {"at": ["00:30"]}}
    result = simulated({"keepFor": "2d"}, schedule=far, days=3)

    assert dates(result, 3) == ["06-02", "06-03"]
    assert result.states[0].day.ends_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


slots: st.SearchStrategy[dict[str, int]] = st.builds(
    dict, keep=st.integers(min_value=1, max_value=6)
)
retentions = st.fixed_dictionaries(
    {},
    optional={
        "keepFor": st.sampled_from(["1h", "36h", "3d", "14d"]),
        "keepAtLeast": st.integers(min_value=1, max_value=9),
        "weekly": slots,
        "monthly": slots,
        "yearly": slots,
    },
).filter(bool)
schedules = st.sampled_from(
    [
        {"every": {"hours": 8}},
        {"daily": {"at": ["00:00"]}},
        {"weekly": {"days": ["sunday", "tuesday"], "at": ["23:30"]}},
        {"monthly": {"weekday": "last friday", "at": ["12:00"]}},
    ]
)


@settings(max_examples=40, deadline=None)
@given(retentions, schedules)
def test_a_point_stays_exactly_while_a_rule_wants_it(
    retention: dict[str, Any], schedule: dict[str, Any]
) -> None:
    """Judged anew each day from everything ever made, as the documents say it."""
    result = simulated(retention, schedule=schedule, days=70)
    rules = Retention.model_validate(retention)
    made: list[tuple[int, datetime]] = []
    for state in result.states:
        made += [(point.number, point.made_at) for point in state.day.made]
        wanted = {number for number, _ in made[-max(rules.keep_at_least or 0, 1) :]}
        if rules.keep_for is not None:
            wanted |= {n for n, at in made if state.day.ends_at - at <= rules.keep_for}
        for slot, form in (
            (rules.weekly, "%G-%V"),
            (rules.monthly, "%Y-%m"),
            (rules.yearly, "%Y"),
        ):
            if slot is not None:
                firsts = {f"{at:{form}}": n for n, at in reversed(made)}
                wanted |= set(sorted(firsts.values())[-slot.keep :])
        assert {each.point.number for each in state.held} == wanted


def test_hourly_points_over_a_year_are_worked_out() -> None:
    """400 days of hourly runs: 9,600 points."""
    result = simulated(
        {"keepFor": "14d", "weekly": {"keep": 8}}, schedule={"every": {"hours": 1}}, days=400
    )

    assert max(len(state.held) for state in result.states) < 400
    assert result.states[-1].day.date == MONDAY + timedelta(days=399)


@pytest.mark.parametrize("losses", [EXACT.losses(Retention(keep_at_least=3))])
def test_the_meaning_loses_nothing(losses: tuple[str, ...]) -> None:
    """It is what the others are measured by."""
    assert losses == ()
