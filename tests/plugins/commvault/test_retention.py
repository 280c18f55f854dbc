"""Golden numbers of Commvault's retention, and the cases its users ask about."""

from __future__ import annotations

from datetime import date

import pytest

from safepoint.models.policies import Retention, Schedule, Weekday
from safepoint.retention import EXACT, Simulation, Why, first_difference, simulate, timeline
from safepoint_commvault.retention import CommvaultRetention, settings_for

SUNDAY = date(2026, 3, 1)


def keep(**fields: object) -> Retention:
    """A retention as an estate document would say it."""
    return Retention.model_validate(fields)


def simulated(
    arithmetic: CommvaultRetention, retention: Retention, *, days: int = 100, fulls: bool = True
) -> Simulation:
    """One run a day, a full each Sunday or only at the beginning."""
    made = timeline(None, SUNDAY, days, full_on=Weekday.SUNDAY if fulls else None)
    return simulate(retention, made, arithmetic)


def test_days_and_cycles_with_a_full_each_sunday() -> None:
    """14 days and 2 cycles: between 15 and 21 points; whole cycles go, on Sundays."""
    result = simulated(CommvaultRetention(), keep(keepFor="14d"))
    counts = [len(state.held) for state in result.settled]

    assert (min(counts), max(counts)) == (15, 21)
    assert {len(state.gone) for state in result.settled} == {0, 7}
    assert {state.day.date.weekday() for state in result.settled if state.gone} == {6}


def test_days_only() -> None:
    """14 days: 15 points, the oldest 14 days old; a full goes before what was made from it."""
    result = simulated(CommvaultRetention(None), keep(keepFor="14d"))

    assert {len(state.held) for state in result.settled} == {15}
    assert {state.oldest_age for state in result.settled} == {14}


def test_the_last_cycle_never_ages() -> None:
    """One day, one cycle: the first full goes when the second comes; that one stays for ever."""
    twice = Schedule.model_validate(
        {"timezone": "UTC", "monthly": {"weekday": "first sunday", "at": ["22:00"]}}
    )
    made = timeline(twice, SUNDAY, 36, full_on=Weekday.SUNDAY)
    alone = simulate(keep(keepFor="1d"), made, CommvaultRetention(1))
    days_only = simulate(keep(keepFor="1d"), made, CommvaultRetention(None))

    assert [each.why for each in alone.states[33].held] == [(Why.CYCLES,)]
    assert [each.point.date for each in alone.states[35].held] == [date(2026, 4, 5)]
    assert days_only.states[33].held == ()


def test_without_a_second_full_nothing_ever_goes() -> None:
    """There is no older cycle, so the days do not matter."""
    result = simulated(CommvaultRetention(), keep(keepFor="6d"), fulls=False)

    assert len(result.states[-1].held) == 100
    assert all(not state.gone for state in result.states)


def test_more_cycles_than_days() -> None:
    """Four cycles outlast seven days."""
    result = simulated(CommvaultRetention(4), keep(keepFor="7d"))
    last = result.states[97]

    assert {len(state.held) for state in result.settled} == set(range(22, 29))
    assert last.held[0].why == (Why.CYCLES,)


def test_a_cycle_waits_for_its_youngest_job() -> None:
    """What is out of date stays with a job that is not."""
    result = simulated(CommvaultRetention(1), keep(keepFor="14d"))
    saturday = result.states[20]

    assert [each.why for each in saturday.held[:7]] == [(Why.CHAIN,)] * 6 + [(Why.AGE,)]


@pytest.mark.parametrize("cycles", [2, None])
def test_extended_rules_keep_the_first_full_of_a_period(cycles: int | None) -> None:
    """Alone, for a number of days."""
    wanted = keep(keepFor="7d", weekly={"keep": 5}, monthly={"keep": 2})
    result = simulated(CommvaultRetention(cycles), wanted)
    last = result.states[97]
    alone = [each for each in last.held if Why.AGE not in each.why and Why.CYCLES not in each.why]
    weekly = [last.day.age_of(each.point) for each in alone if Why.WEEKLY in each.why]
    monthly = [each.point.date for each in last.held if Why.MONTHLY in each.why]

    assert weekly == [34, 27, 20] + ([13] if cycles is None else [])
    assert monthly == [date(2026, 4, 5), date(2026, 5, 3)]
    assert all(each.point.is_full for each in alone)


def test_where_it_parts_from_the_meaning() -> None:
    """On the fifteenth day the first point is still there."""
    made = timeline(None, SUNDAY, 60, full_on=Weekday.SUNDAY)
    exact, days = (
        simulate(keep(keepFor="14d"), made, each) for each in (EXACT, CommvaultRetention(None))
    )
    found = first_difference(exact, days)

    assert found is not None
    assert (found.day.number, found.only_first) == (15, ())
    assert [each.point.date for each in found.only_second] == [SUNDAY]


def test_losses_name_what_a_copy_cannot_carry() -> None:
    """One line for each, with what happens instead."""
    settings, losses = settings_for(keep(keepFor="36h", keepAtLeast=9, yearly={"keep": 2}))
    plain, _ = settings_for(keep(keepAtLeast=9), None)
    default, told = settings_for(keep(weekly={"keep": 4}))

    assert (settings.days, settings.cycles) == (2, 2)
    assert settings.extended_days == {Why.YEARLY: 732}
    words = [line.split(":")[0] for line in losses]
    assert words == ["keepFor", "keepFor", "keepAtLeast 9", "yearly"]
    assert (plain.days, plain.cycles) == (9, None)
    assert default.days == 30
    assert "default" in told[0]
