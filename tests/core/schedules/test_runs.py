"""The starts of a schedule: which times, in which order, up to where."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

import pytest

from safepoint.models.policies import Schedule
from safepoint.schedules import Rule, next_runs

Make: TypeAlias = Callable[..., Schedule]


def walls(schedule: Schedule, after: str, *, count: int) -> list[str]:
    """The local times of the next starts; `after` is local, too."""
    zone = next(next_runs(schedule, datetime(2020, 1, 1, tzinfo=UTC))).local.tzinfo
    begin = datetime.fromisoformat(after).replace(tzinfo=zone)
    return [f"{run.local:%a %F %H:%M}" for run in next_runs(schedule, begin, count=count)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            {"daily": {"at": ["22:00", "06:30"]}},
            ["Tue 2026-06-02 06:30", "Tue 2026-06-02 22:00", "Wed 2026-06-03 06:30"],
        ),
        (
            {"weekly": {"days": ["sunday", "friday"], "at": ["01:00"]}},
            ["Fri 2026-06-05 01:00", "Sun 2026-06-07 01:00", "Fri 2026-06-12 01:00"],
        ),
        (
            {"monthly": {"weekday": "first sunday", "at": ["03:00"]}},
            ["Sun 2026-06-07 03:00", "Sun 2026-07-05 03:00", "Sun 2026-08-02 03:00"],
        ),
        (
            {"monthly": {"weekday": "last friday", "at": ["03:00"]}},
            ["Fri 2026-06-26 03:00", "Fri 2026-07-31 03:00", "Fri 2026-08-28 03:00"],
        ),
        (
            {"monthly": {"weekday": "fourth monday", "at": ["03:00"]}},
            ["Mon 2026-06-22 03:00", "Mon 2026-07-27 03:00", "Mon 2026-08-24 03:00"],
        ),
        (
            {"monthly": {"day": "last", "at": ["03:00"]}},
            ["Tue 2026-06-30 03:00", "Fri 2026-07-31 03:00", "Mon 2026-08-31 03:00"],
        ),
        (
            {"monthly": {"day": 31, "at": ["03:00"]}},
            ["Fri 2026-07-31 03:00", "Mon 2026-08-31 03:00", "Sat 2026-10-31 03:00"],
        ),
        (
            {"every": {"hours": 10}},
            ["Tue 2026-06-02 00:00", "Tue 2026-06-02 10:00", "Tue 2026-06-02 20:00"],
        ),
        (
            {"every": {"minutes": 1000}},
            ["Tue 2026-06-02 00:00", "Tue 2026-06-02 16:40", "Wed 2026-06-03 00:00"],
        ),
        (
            {"every": {"hours": 24}},
            ["Tue 2026-06-02 00:00", "Wed 2026-06-03 00:00", "Thu 2026-06-04 00:00"],
        ),
    ],
)
def test_each_rule_names_its_times(
    schedule: Make, rules: dict[str, Any], expected: list[str]
) -> None:
    """From Monday 1 June 2026, late in the evening."""
    assert walls(schedule(**rules), "2026-06-01 23:30", count=3) == expected


def test_the_29th_of_february_comes_in_leap_years_only(schedule: Make) -> None:
    """And 2100 is none."""
    leap = schedule(monthly={"day": 29, "at": ["00:00"]})
    found = next_runs(leap, datetime(2095, 1, 1, tzinfo=UTC), count=120)
    assert [run.local.year for run in found if run.local.month == 2] == [2096, 2104]


def test_rules_are_merged_without_doubles(schedule: Make) -> None:
    """A time that several rules name is one start with several reasons."""
    both = schedule(
        every={"hours": 12},
        daily={"at": ["12:00", "22:00"]},
        weekly={"days": ["monday"], "at": ["22:00"]},
        monthly={"day": 1, "at": ["22:00"]},
    )
    monday_first = datetime(2026, 5, 31, 23, tzinfo=UTC)
    found = list(next_runs(both, monday_first, count=3))

    assert [f"{run.local:%a %H:%M}" for run in found] == ["Mon 12:00", "Mon 22:00", "Tue 00:00"]
    assert [run.reasons for run in found] == [
        (Rule.EVERY, Rule.DAILY),
        (Rule.DAILY, Rule.WEEKLY, Rule.MONTHLY),
        (Rule.EVERY,),
    ]


def test_a_window_leaves_out_what_lies_outside(schedule: Make) -> None:
    """The first minute counts, the last does not."""
    inside = schedule(every={"hours": 1}, window={"start": "09:00", "end": "12:00"})
    assert walls(inside, "2026-06-01 00:00", count=4) == [
        "Mon 2026-06-01 09:00",
        "Mon 2026-06-01 10:00",
        "Mon 2026-06-01 11:00",
        "Tue 2026-06-02 09:00",
    ]


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(schedule: Make) -> None:
    """Opened on Saturday, it is still open in the small hours of Sunday, and not of Saturday."""
    night = schedule(
        every={"hours": 2}, window={"start": "22:00", "end": "03:00", "days": ["saturday"]}
    )
    assert walls(night, "2026-06-01 00:00", count=4) == [
        "Sat 2026-06-06 22:00",
        "Sun 2026-06-07 00:00",
        "Sun 2026-06-07 02:00",
        "Sat 2026-06-13 22:00",
    ]


def test_a_window_that_holds_no_time_means_no_start(schedule: Make) -> None:
    """The iterator ends instead of searching for ever."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    window = {"start": "01:00", "end": "02:00"}
    never = schedule(daily={"at": ["22:00"]}, window=window)
    neither = schedule(
        monthly={"weekday": "first sunday", "at": ["01:30"]}, window={**window, "days": ["monday"]}
    )
    rarely = schedule(monthly={"day": 31, "at": ["01:30"]}, window={**window, "days": ["monday"]})

    assert list(next_runs(never, begin)) == []
    assert list(next_runs(neither, begin)) == []
    assert {run.local.weekday() for run in next_runs(rarely, begin, count=20)} == {0}


def test_limits_hold_and_neighbouring_spans_share_nothing(schedule: Make) -> None:
    """(a, b] and (b, c] together are (a, c]: what `after` names is out, what `until` names is in."""
    hourly = schedule(every={"hours": 1})
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    middle, end = start + timedelta(hours=9), start + timedelta(days=2)
    whole = [run.at for run in next_runs(hourly, start, until=end)]
    parts = [run.at for run in next_runs(hourly, start, until=middle)]

    assert parts[-1] == middle
    assert whole[0] == start + timedelta(hours=1)
    assert parts + [run.at for run in next_runs(hourly, middle, until=end)] == whole
    assert [run.at for run in next_runs(hourly, start, until=end, count=3)] == whole[:3]
    assert list(next_runs(hourly, start, count=0)) == []


def test_a_time_without_a_zone_is_refused(schedule: Make) -> None:
    """At once, not at the first start."""
    daily = schedule(daily={"at": ["22:00"]})
    with pytest.raises(ValueError, match="zone"):
        next_runs(daily, datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValueError, match="zone"):
        next_runs(daily, datetime.now(UTC), until=datetime(2026, 1, 1))  # noqa: DTZ001 - same


@pytest.mark.parametrize(
    "rules",
    [
        {"every": {"minutes": 15}},
        {"daily": {"at": ["02:30"]}},
        {"monthly": {"day": 31, "at": ["02:30"]}},
    ],
)
def test_ten_thousand_starts_come_in_order(schedule: Make, rules: dict[str, Any]) -> None:
    found = list(next_runs(schedule(**rules), datetime(2026, 1, 1, tzinfo=UTC), count=10_000))

    assert len(found) == 10_000
    assert all(one.at < other.at for one, other in pairwise(found))
