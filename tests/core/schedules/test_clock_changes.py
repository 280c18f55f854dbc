"""Each wall-clock time happens exactly once, in every zone, whatever the clock does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safepoint.models.policies import Schedule, Weekday, known_time_zones
from safepoint.schedules import Adjustment, clock_changes, first_instant, next_runs

Make: TypeAlias = Callable[..., Schedule]
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

#: Changes of every kind: an hour, half an hour, twenty-four hours, at midnight, twice a year
#: against the seasons, forward and back.
ODD_CHANGES = [
    ("Europe/Berlin", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2027, 10, 31, 1, tzinfo=UTC)),
    ("America/St_Johns", datetime(2006, 4, 2, 3, 31, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2024, 3, 30, 22, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2027, 2, 7, 2, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2027, 3, 14, 2, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Pacific/Kwajalein", datetime(1993, 8, 21, 12, tzinfo=UTC)),
    ("Asia/Pyongyang", datetime(2015, 8, 14, 15, tzinfo=UTC)),
    ("America/Caracas", datetime(2016, 5, 1, 7, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(1985, 12, 31, 18, 30, tzinfo=UTC)),
]

clocks = st.builds(
    lambda minute: f"{minute // 60:02}:{minute % 60:02}", st.integers(min_value=0, max_value=1439)
)
times = st.lists(clocks, min_size=1, max_size=3)
days = st.lists(st.sampled_from([day.value for day in Weekday]), min_size=1, max_size=3)
instants = st.datetimes(
    min_value=datetime(1973, 1, 1),  # noqa: DTZ001 - hypothesis wants it without
    max_value=datetime(2060, 1, 1),  # noqa: DTZ001 - hypothesis wants it without
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(second=0, microsecond=0))
zone_names = st.sampled_from(sorted(known_time_zones()))
rules: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "every": st.one_of(
            st.builds(dict, minutes=st.integers(min_value=7, max_value=1439)),
            st.builds(dict, hours=st.integers(min_value=1, max_value=24)),
        ),
        "daily": st.builds(dict, at=times),
        "weekly": st.builds(dict, days=days, at=times),
        "monthly": st.one_of(
            st.builds(dict, day=st.integers(min_value=1, max_value=31), at=times),
            st.builds(dict, day=st.just("last"), at=times),
        ),
    },
).filter(bool)


@st.composite
def zones_and_moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a moment near one of its changes: an odd one, or any of the year."""
    if draw(st.booleans()):
        return draw(st.sampled_from(ODD_CHANGES))
    name, moment = draw(zone_names), draw(instants)
    changes = list(clock_changes(ZoneInfo(name), moment, moment + 370 * DAY))
    return name, draw(st.sampled_from([change.at for change in changes] or [moment]))


def clock_watcher(schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """Sit before the clock of the zone, minute by minute, and start what it reaches.

    An oracle that shares nothing with the code under test but the wish of the schedule: whenever
    the clock shows or has passed a named time that it had not reached before, it starts.
    """
    zone = ZoneInfo(schedule.timezone)
    moment = after - 2 * DAY
    reached = moment.astimezone(zone).replace(tzinfo=None)
    waiting = deque(
        wall
        for wall in named_by(schedule, reached.date(), (until + 2 * DAY).date())
        if wall > reached
    )
    started = []
    while moment < until:
        moment += MINUTE
        shown = moment.astimezone(zone).replace(tzinfo=None)
        due = False
        while waiting and waiting[0] <= shown:
            waiting.popleft()
            due = True
        if due and moment > after:
            started.append(moment)
    return started


def named_by(schedule: Schedule, first: date, last: date) -> list[datetime]:
    """Read the document word by word, without any of the helpers of the room."""
    found = []
    for number in range((last - first).days + 1):
        day = first + number * DAY
        minutes = set()
        if schedule.every:
            minutes |= set(
                range(0, 1440, schedule.every.minutes or 60 * (schedule.every.hours or 1))
            )
        if schedule.daily:
            minutes |= set(map(_minute, schedule.daily.at))
        if schedule.weekly and f"{day:%A}".lower() in schedule.weekly.days:
            minutes |= set(map(_minute, schedule.weekly.at))
        if schedule.monthly and schedule.monthly.day in {day.day, _name_if_last(day)}:
            minutes |= set(map(_minute, schedule.monthly.at))
        found += [datetime(day.year, day.month, day.day) + m * MINUTE for m in sorted(minutes)]  # noqa: DTZ001 - a wall-clock time has no zone
    return found


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _name_if_last(day: date) -> str:
    return "last" if (day + DAY).day == 1 else "-"


@settings(max_examples=100, deadline=None)
@given(zones_and_moments(), rules, st.integers(min_value=-1500, max_value=1500))
def test_starts_are_those_of_someone_who_watches_the_clock(
    place: tuple[str, datetime], wanted: dict[str, Any], offset: int
) -> None:
    """Strictly in order, each once, none left out: in any zone, around any of its changes."""
    name, change = place
    schedule = Schedule.model_validate({"timezone": name, **wanted})
    after = change + offset * MINUTE
    until = after + 2 * DAY
    found = [run.at for run in next_runs(schedule, after, until=until)]

    assert found == clock_watcher(schedule, after, until)
    assert all(one < other for one, other in pairwise(found))


@settings(max_examples=150, deadline=None)
@given(zones_and_moments(), rules)
def test_every_wall_clock_time_is_answered_exactly_once(
    place: tuple[str, datetime], wanted: dict[str, Any]
) -> None:
    """What the calendar names and what the starts answer are the same, with no double."""
    name, change = place
    schedule = Schedule.model_validate({"timezone": name, **wanted})
    runs = list(next_runs(schedule, change - 4 * DAY, until=change + 4 * DAY))
    answered = [wall for run in runs for wall in run.wanted]
    first, last = (change - 2 * DAY).date(), (change + 2 * DAY).date()
    assert len(set(answered)) == len(answered)
    assert [wall for wall in answered if first <= wall.date() <= last] == named_by(
        schedule, first, last
    )


@settings(max_examples=300, deadline=None)
@given(zones_and_moments(), st.integers(min_value=-3000, max_value=3000), st.integers(0, 3000))
def test_the_instant_is_the_first_at_which_the_clock_has_got_there(
    place: tuple[str, datetime], offset: int, later: int
) -> None:
    """Not a second before; and a later time never comes earlier."""
    zone = ZoneInfo(place[0])
    wall = (place[1] + offset * MINUTE).replace(tzinfo=None)
    at, adjustment = first_instant(wall, zone)
    shown = at.astimezone(zone).replace(tzinfo=None)
    just_before = (at - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)

    assert just_before < wall <= shown
    assert (adjustment is Adjustment.SKIPPED) == (shown != wall)
    assert first_instant(wall + later * MINUTE, zone)[0] >= at


@pytest.mark.parametrize(("name", "at"), ODD_CHANGES)
def test_changes_of_the_clock_are_found_to_the_second(name: str, at: datetime) -> None:
    """And nothing else is taken for one."""
    (change,) = clock_changes(ZoneInfo(name), at - DAY, at + DAY)

    assert change.at == at
    assert change.to_wall - change.from_wall == change.shift != timedelta()


def _texts(schedule: Schedule, after: datetime, count: int) -> list[str]:
    return [f"{run.local:%F %H:%M %z}" for run in next_runs(schedule, after, count=count)]


def test_spring_swallows_no_run(schedule: Make) -> None:
    """02:30 does not exist: it runs when the gap ends, before 03:15 and not after it."""
    nightly = schedule(daily={"at": ["02:30", "03:15"]})
    saturday = datetime(2027, 3, 27, 12, tzinfo=UTC)

    assert _texts(nightly, saturday, 3) == [
        "2027-03-28 03:00 +0200",
        "2027-03-28 03:15 +0200",
        "2027-03-29 02:30 +0200",
    ]
    first = next(next_runs(nightly, saturday))
    assert first.adjustment is Adjustment.SKIPPED
    assert first.note == "02:30 does not exist: runs once, at 03:00"
    assert (first.zone, first.fold) == ("Europe/Berlin", 0)


def test_autumn_repeats_no_run(schedule: Make) -> None:
    """02:30 comes twice: it runs the first time."""
    nightly = schedule(daily={"at": ["02:30"]})
    found = list(next_runs(nightly, datetime(2027, 10, 30, 12, tzinfo=UTC), count=2))

    assert [f"{run.local:%F %H:%M %z}" for run in found] == [
        "2027-10-31 02:30 +0200",
        "2027-11-01 02:30 +0100",
    ]
    assert found[0].adjustment is Adjustment.REPEATED
    assert "twice" in found[0].note
    assert found[1].note == ""


def test_several_swallowed_times_are_one_start(schedule: Make) -> None:
    """02:00, 02:30 and 03:00 fall together; the start says for which it stands."""
    half_hourly = schedule(every={"minutes": 30})
    found = list(next_runs(half_hourly, datetime(2027, 3, 28, 0, 30, tzinfo=UTC), count=2))

    assert [f"{run.local:%H:%M}" for run in found] == ["03:00", "03:30"]
    assert [f"{wall:%H:%M}" for wall in found[0].wanted] == ["02:00", "02:30", "03:00"]
    assert found[0].note.startswith("02:00, 02:30 do not exist")


def test_a_day_that_never_was_runs_when_the_next_begins(schedule: Make) -> None:
    """Samoa had no Friday, 30 December 2011."""
    samoa = schedule(
        timezone="Pacific/Apia", weekly={"days": ["friday"], "at": ["01:00", "23:00"]}
    )
    found = list(next_runs(samoa, datetime(2011, 12, 29, tzinfo=UTC), count=2))

    assert f"{found[0].local:%a %F %H:%M}" == "Sat 2011-12-31 00:00"
    assert len(found[0].wanted) == 2
    assert "2011-12-30 23:00" in found[0].note
    assert f"{found[1].local:%a %F %H:%M}" == "Fri 2012-01-06 01:00"


def test_half_an_hour_is_a_change_too(schedule: Make) -> None:
    """Lord Howe moves its clock by thirty minutes."""
    lord_howe = schedule(timezone="Australia/Lord_Howe", daily={"at": ["02:15"]})

    assert _texts(lord_howe, datetime(2026, 10, 3, 0, tzinfo=UTC), 2) == [
        "2026-10-04 02:30 +1100",
        "2026-10-05 02:15 +1100",
    ]
    assert _texts(lord_howe, datetime(2027, 4, 3, 0, tzinfo=UTC), 2) == [
        "2027-04-04 02:15 +1030",
        "2027-04-05 02:15 +1030",
    ]


def test_every_zone_of_the_database_keeps_the_rule_at_its_next_changes(schedule: Make) -> None:
    """All of them, not a sample: a start a quarter of an hour, three hours to either side."""
    begin, end = datetime(2026, 9, 20, tzinfo=UTC), datetime(2027, 4, 10, tzinfo=UTC)
    margin = timedelta(hours=3)
    count = 0
    for name in sorted(known_time_zones()):
        quarterly = schedule(timezone=name, every={"minutes": 15})
        for change in clock_changes(ZoneInfo(name), begin, end):
            runs = list(next_runs(quarterly, change.at - margin, until=change.at + margin))
            repeated = max(-change.shift, timedelta()) // timedelta(minutes=15)
            assert len(runs) == 24 - repeated, name
            assert repeated or change.at in {run.at for run in runs}, name
            count += 1
    assert count > 200
