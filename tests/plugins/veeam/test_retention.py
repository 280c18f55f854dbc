"""Golden numbers of Veeam's retention in days, and the examples of its guide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest

from safepoint.models.policies import Retention, Schedule, Weekday
from safepoint.retention import Day, Point, Simulation, Timeline, Why, simulate, timeline
from safepoint_veeam.gfs import Flag, Flags, FlagSettings, expiry
from safepoint_veeam.retention import VeeamRetention, settings_for

SUNDAY = date(2026, 3, 1)
DAY = timedelta(days=1)


def keep(**fields: object) -> Retention:
    """A retention as an estate document would say it."""
    return Retention.model_validate(fields)


def on_days(runs: Iterable[int], fulls: Iterable[int], days: int, *, merges: bool) -> Timeline:
    """A timeline with one run on each of these days (1 is a Sunday), some of them fulls."""
    at = {n: datetime.combine(SUNDAY + (n - 1) * DAY, datetime.min.time(), UTC) for n in runs}
    full = set(fulls)
    return Timeline(
        tuple(
            Day(
                n,
                SUNDAY + (n - 1) * DAY,
                datetime.combine(SUNDAY + n * DAY, datetime.min.time(), UTC),
                (Point(n, at[n], n in full),) if n in at else (),
            )
            for n in range(1, days + 1)
        ),
        "UTC",
        None if merges else Weekday.SUNDAY,
    )


def numbers(result: Simulation, day: int) -> list[int]:
    """The points that exist on a day; each bears the number of its day."""
    return [each.point.number for each in result.states[day - 1].held]


def test_fourteen_days_with_a_full_each_sunday() -> None:
    """Between 15 and 21 points; the oldest is 14 to 20 days old."""
    made = timeline(None, SUNDAY, 100, full_on=Weekday.SUNDAY)
    result = simulate(keep(keepFor="14d"), made, VeeamRetention())
    counts = [len(state.held) for state in result.settled]
    oldest = [state.oldest_age for state in result.settled]

    assert (min(counts), max(counts)) == (15, 21)
    assert (min(o for o in oldest if o), max(o for o in oldest if o)) == (14, 20)
    assert {len(state.gone) for state in result.settled} == {0, 7}
    assert {state.day.date.weekday() for state in result.settled if state.gone} == {6}


def test_days_are_kept_one_more_than_said_and_the_rule_works_on_the_next() -> None:
    """Six days: seven points, the first one goes on the eighth day."""
    made = timeline(None, SUNDAY, 20)
    result = simulate(keep(keepFor="6d"), made, VeeamRetention())

    assert numbers(result, 7) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(result, 8) == [2, 3, 4, 5, 6, 7, 8]
    assert {len(state.held) for state in result.settled} == {7}


def test_a_chain_goes_as_a_whole_when_its_last_point_is_out_of_date() -> None:
    """Three days, fulls on Sunday and Thursday: the first chain goes on the next Sunday."""
    made = on_days(range(1, 9), {1, 5}, 8, merges=False)
    result = simulate(keep(keepFor="3d"), made, VeeamRetention())

    assert numbers(result, 7) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(result, 8) == [5, 6, 7, 8]
    assert [each.why for each in result.states[6].held][:3] == [(Why.CHAIN,)] * 3


@pytest.mark.parametrize("merges", [True, False])
def test_three_points_stay_after_a_pause(*, merges: bool) -> None:
    """Five days, a pause of ten: the new point and the two before it remain."""
    runs = [1, 2, 3, 4, 5, 16]
    made = on_days(runs, {1} if merges else {1, 16}, 16, merges=merges)
    result = simulate(keep(keepFor="5d"), made, VeeamRetention())

    if merges:
        assert numbers(result, 15) == [1, 2, 3, 4, 5]
        assert {each.why for each in result.states[14].held[:2]} == {(Why.PENDING,)}
        assert numbers(result, 16) == [4, 5, 16]
    else:
        # A chain cannot lose its beginning: all of it stays, so that three points are left.
        assert numbers(result, 16) == runs
    assert result.states[15].held[-2].why == (Why.COUNT,)


def test_a_chain_out_of_date_goes_by_night_without_a_run() -> None:
    """Background retention needs no session."""
    made = on_days([1, 2, 3, 4, 5], {1, 3}, 12, merges=False)
    result = simulate(keep(keepFor="5d"), made, VeeamRetention())

    assert numbers(result, 7) == [1, 2, 3, 4, 5]
    assert numbers(result, 8) == [3, 4, 5]
    assert numbers(result, 12) == [3, 4, 5]


def test_a_long_term_flag_stops_merging() -> None:
    """Forever forward incremental with a flagged full: nothing goes until the flag is off."""
    made = timeline(None, SUNDAY + DAY, 40)
    result = simulate(keep(keepFor="3d", weekly={"keep": 2}), made, VeeamRetention())

    assert len(result.states[13].held) == 14
    assert result.states[13].held[0].why == (Why.WEEKLY,)
    assert result.states[13].held[5].why == (Why.CHAIN,)
    assert len(result.states[14].held) == 4


def test_a_flagged_full_outlives_its_increments() -> None:
    """Weekly fulls stand alone after their chain has gone, for as many weeks as said."""
    made = timeline(None, SUNDAY, 100, full_on=Weekday.SUNDAY)
    result = simulate(keep(keepFor="7d", weekly={"keep": 5}), made, VeeamRetention())
    last = result.states[97]

    assert f"{last.day.date:%A}" == "Saturday"
    alone = [each for each in last.held if each.why == (Why.WEEKLY,)]
    assert [last.day.age_of(each.point) for each in alone] == [34, 27, 20, 13]
    assert all(each.point.is_full for each in alone)


def test_hourly_points_of_a_year_are_worked_out() -> None:
    """400 days with every level of flag."""
    hourly = Schedule.model_validate({"timezone": "Europe/Berlin", "every": {"hours": 1}})
    made = timeline(hourly, SUNDAY, 400, full_on=Weekday.SUNDAY)
    wanted = keep(keepFor="14d", weekly={"keep": 8}, monthly={"keep": 12}, yearly={"keep": 3})
    result = simulate(wanted, made, VeeamRetention())

    assert result.states[-1].day.date == SUNDAY + timedelta(days=399)
    assert 14 * 24 <= len(result.states[-1].held) < 400


def flagged(
    settings: FlagSettings, first: date, fulls: Iterable[int], days: int
) -> dict[int, str]:
    """One run a day; the flags by day, 1 being the first."""
    flags, found, full = Flags(settings), {}, set(fulls)
    for n in range(1, days + 1):
        got = flags.run_ended(first + (n - 1) * DAY, is_full=n in full)
        if got:
            found[n] = " ".join(got)
    return found


def test_a_week_waits_for_the_next_full() -> None:
    """Wanted on Wednesday, the full comes on Friday."""
    wednesdays = FlagSettings({Flag.WEEKLY: 4}, weekday=Weekday.WEDNESDAY)

    assert flagged(wednesdays, SUNDAY + DAY, {5}, 9) == {5: "weekly"}
    assert flagged(wednesdays, SUNDAY + DAY, {1, 3, 4, 5}, 9) == {3: "weekly"}


def test_a_period_gives_its_flag_once() -> None:
    """Fulls on the first, third and ninth: the first has it, and nothing waits any more."""
    first_week = FlagSettings({Flag.MONTHLY: 2})

    assert flagged(first_week, date(2026, 6, 1), {1, 3, 9}, 12) == {1: "monthly"}


def test_a_month_needs_the_flag_of_a_week() -> None:
    """Thursdays and the first week: a full without the weekly flag does not do."""
    levels = FlagSettings({Flag.WEEKLY: 4, Flag.MONTHLY: 2}, weekday=Weekday.THURSDAY)

    assert flagged(levels, date(2026, 6, 1), {2, 5}, 9) == {5: "weekly monthly"}


def test_a_year_without_a_month_stands_alone() -> None:
    """Weekly and yearly alone do not depend on one another; with a month they do."""
    pair = FlagSettings({Flag.WEEKLY: 4, Flag.YEARLY: 2}, weekday=Weekday.WEDNESDAY)
    chain = FlagSettings({Flag.WEEKLY: 4, Flag.MONTHLY: 2, Flag.YEARLY: 2})

    assert flagged(pair, date(2026, 1, 1), {2}, 3) == {2: "yearly"}
    assert flagged(chain, date(2026, 1, 8), {5, 26}, 30) == {
        5: "weekly",
        26: "weekly monthly yearly",
    }
    assert flagged(chain, date(2026, 1, 1), {5}, 9) == {5: "weekly monthly yearly"}


@pytest.mark.parametrize(
    ("flag", "given", "count", "off"),
    [
        (Flag.WEEKLY, date(2026, 6, 1), 2, date(2026, 6, 15)),
        (Flag.MONTHLY, date(2019, 1, 31), 1, date(2019, 3, 1)),
        (Flag.MONTHLY, date(2026, 11, 30), 3, date(2027, 3, 1)),
        (Flag.YEARLY, date(2024, 2, 29), 1, date(2025, 3, 1)),
        (Flag.YEARLY, date(2026, 12, 31), 1, date(2028, 1, 1)),
    ],
)
def test_flags_are_taken_off_by_the_formulas_of_the_guide(
    flag: Flag, given: date, count: int, off: date
) -> None:
    """Weeks to the day; months and years one day later, short months clamped."""
    assert expiry(flag, given, count) == off


def test_losses_name_what_a_job_cannot_carry() -> None:
    """One line for each, with what happens instead."""
    settings, losses = settings_for(keep(keepFor="36h", keepAtLeast=10, monthly={"keep": 6}))

    assert settings.days == 2
    assert settings.flags.keep == {Flag.MONTHLY: 6}
    assert [line.split(":")[0] for line in losses] == ["keepFor", "keepAtLeast 10", "monthly 6"]
    assert "6 months" in losses[2]
    assert settings_for(keep(keepAtLeast=10))[0].days == 10
    assert settings_for(keep(yearly={"keep": 2}))[0].days == 7
    assert "default" in settings_for(keep(yearly={"keep": 2}))[1][0]
