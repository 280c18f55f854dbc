"""Schedules and windows of a plan in normal form, to the wire and back.

The neutral schedule is a set of rules; a plan has one schedule per start time, kept in the zone of
the client [D]. Times are seconds after midnight on the wire [O], `HH:MM` here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from safepoint.models.policies import Schedule, ScheduleWindow, Weekday
from safepoint_commvault.wire.base import as_list

__all__ = [
    "Row",
    "from_wire",
    "normal",
    "policy_schedule",
    "rows_of",
    "to_wire",
    "window_to_wire",
    "windows_from_wire",
    "windows_of",
]

_DAY_SECONDS: Final = 86_400
_DAY_MINUTES: Final = 1440
_WEEK: Final = tuple(day.value for day in Weekday)
#: The window that means none.
_ALWAYS: Final = {"days": list(_WEEK), "start": "00:00", "end": "24:00"}
#: Kinds of backup that the neutral schedule is about; others are the product's own.
_OWN_KINDS: Final = frozenset({"INCREMENTAL", "FULL", "DIFFERENTIAL"})

#: One start, or one window, in normal form.
Row = dict[str, Any]


def normal(rows: Iterable[Row]) -> list[Row]:
    """Return rows in one order: they are a set in meaning."""
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


# -- from documents ---------------------------------------------------------------------------


def rows_of(schedule: Schedule | None) -> list[Row]:
    """Return the starts that a neutral schedule asks for."""
    return normal(_rows(schedule)) if schedule is not None else []


def _rows(schedule: Schedule) -> Iterator[Row]:
    if schedule.every is not None:
        minutes = schedule.every.minutes or (schedule.every.hours or 0) * 60
        yield {"kind": "minutes", "every": minutes, "at": "00:00"}
    for at in schedule.daily.at if schedule.daily else ():
        yield {"kind": "daily", "at": at}
    if schedule.weekly is not None:
        days = [day for day in _WEEK if day in schedule.weekly.days]
        for at in schedule.weekly.at:
            yield {"kind": "weekly", "days": days, "at": at}
    if schedule.monthly is not None:
        for at in schedule.monthly.at:
            yield {"kind": "monthly", **_day_of_month(schedule), "at": at}


def _day_of_month(schedule: Schedule) -> Row:
    assert schedule.monthly is not None, "asked for a monthly rule only"
    if schedule.monthly.day == "last":
        return {"week": "last", "weekday": "day"}
    if schedule.monthly.day is not None:
        return {"day": schedule.monthly.day}
    week, _, weekday = (schedule.monthly.weekday or "").partition(" ")
    return {"week": week, "weekday": weekday}


def windows_of(window: ScheduleWindow | None) -> list[Row]:
    """Return the windows of a plan; one that passes midnight is two of them."""
    if window is None:
        return []
    days = [day for day in _WEEK if window.days is None or day in window.days]
    if window.end == "00:00" or window.start < window.end:
        end = "24:00" if window.end == "00:00" else window.end
        return [{"days": days, "start": window.start, "end": end}]
    late = {"days": days, "start": window.start, "end": "24:00"}
    early = {"days": _shifted(days, 1), "start": "00:00", "end": window.end}
    return normal([late, early])


def _shifted(days: Iterable[str], by: int) -> list[str]:
    moved = {_WEEK[(_WEEK.index(day) + by) % len(_WEEK)] for day in days}
    return [day for day in _WEEK if day in moved]


# -- to and from the wire ---------------------------------------------------------------------


def to_wire(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schedule of `CreateServerPlan` for one start."""
    pattern: dict[str, Any] = {
        "scheduleFrequencyType": row["kind"].upper(),
        "frequency": row.get("every", 1),
        "startTime": seconds_of(row["at"]),
    }
    if "days" in row:
        pattern["weeklyDays"] = [day.upper() for day in row["days"]]
    if "day" in row:
        pattern["dayOfMonth"] = row["day"]
    if "week" in row:
        pattern |= {"weekOfMonth": row["week"].upper(), "dayOfWeek": row["weekday"].upper()}
    return {
        "backupType": row.get("backup", "incremental").upper(),
        "scheduleOperation": "ADD",
        "forDatabasesOnly": False,
        "schedulePattern": pattern,
    }


def from_wire(schedule: Mapping[str, Any]) -> Row | None:
    """Return the start that a plan's schedule stands for; None for the product's own ones."""
    kind = str(schedule.get("backupType") or "").upper()
    if kind not in _OWN_KINDS or schedule.get("forDatabasesOnly"):
        return None
    pattern = schedule.get("schedulePattern") or {}
    frequency = str(pattern.get("scheduleFrequencyType") or "").lower()
    every = int(pattern.get("frequency") or 1)
    row: Row = {"kind": frequency, "at": clock_of(int(pattern.get("startTime") or 0))}
    if frequency == "minutes" or every != 1:
        row["every"] = every
    if frequency == "weekly":
        days = {str(day).lower() for day in as_list(pattern.get("weeklyDays"))}
        row["days"] = [day for day in _WEEK if day in days]
    if frequency == "monthly":
        row |= _monthly(pattern)
    if kind != "INCREMENTAL":
        row["backup"] = kind.lower()
    return row


def _monthly(pattern: Mapping[str, Any]) -> Row:
    if pattern.get("weekOfMonth"):
        week, weekday = str(pattern["weekOfMonth"]), str(pattern.get("dayOfWeek") or "day")
        return {"week": week.lower(), "weekday": weekday.lower()}
    return {"day": int(pattern.get("dayOfMonth") or 1)}


def window_to_wire(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `DayAndTime`."""
    return {
        "dayOfWeek": [day.upper() for day in row["days"]],
        "startTime": seconds_of(row["start"]),
        "endTime": seconds_of(row["end"]),
    }


def windows_from_wire(windows: Iterable[Any]) -> list[Row]:
    """Return windows in normal form; one that is always open is none."""
    rows = [_window_from_wire(one) for one in windows if isinstance(one, dict)]
    return normal(row for row in rows if row != _ALWAYS)


def _window_from_wire(window: Mapping[str, Any]) -> Row:
    """Return a window in normal form."""
    days = {str(day).lower() for day in as_list(window.get("dayOfWeek"))}
    return {
        "days": [day for day in _WEEK if day in days],
        "start": clock_of(int(window.get("startTime") or 0)),
        "end": clock_of(int(window.get("endTime") or _DAY_SECONDS)),
    }


def seconds_of(clock: str) -> int:
    """Return seconds after midnight; 24:00 is the end of the day."""
    hours, _, minutes = clock.partition(":")
    return int(hours) * 3600 + int(minutes) * 60


def clock_of(seconds: int) -> str:
    """Return `HH:MM`; a rest of seconds is cut off, as the product's own pages do."""
    minutes = min(max(seconds, 0), _DAY_SECONDS) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# -- to documents -----------------------------------------------------------------------------


def policy_schedule(
    rows: Sequence[Mapping[str, Any]], windows: Sequence[Mapping[str, Any]], timezone: str
) -> dict[str, Any] | None:
    """Return the schedule of a policy that translates back to these rows; None without rows.

    Raises:
        ValueError: no neutral schedule says this; the text says why.
    """
    if not rows:
        if windows:
            msg = "a window without a schedule"
            raise ValueError(msg)
        return None
    result: dict[str, Any] = {"timezone": timezone}
    for row in rows:
        if row.get("backup") or (row["kind"] != "minutes" and row.get("every", 1) != 1):
            msg = f"a schedule that is {row.get('backup') or 'not every period'}"
            raise ValueError(msg)
        _add(result, row)
    if windows:
        result["window"] = _window(windows)
    return result


def _add(result: dict[str, Any], row: Mapping[str, Any]) -> None:
    kind = row["kind"]
    if kind == "minutes":
        rule = _interval(row)
    elif kind == "daily":
        rule = {"at": []}
    elif kind == "weekly":
        rule = {"days": list(row["days"]), "at": []}
    elif kind == "monthly":
        rule = {**_neutral_day(row), "at": []}
    else:
        msg = f"a schedule of kind {kind or 'unknown'}"
        raise ValueError(msg)
    name = "every" if kind == "minutes" else kind
    known = result.setdefault(name, rule)
    if {k: v for k, v in known.items() if k != "at"} != {
        k: v for k, v in rule.items() if k != "at"
    }:
        msg = f"two different {kind} schedules"
        raise ValueError(msg)
    if kind != "minutes":
        known["at"].append(row["at"])


def _interval(row: Mapping[str, Any]) -> dict[str, Any]:
    minutes = int(row["every"])
    if row["at"] != "00:00" or not 1 <= minutes <= _DAY_MINUTES:
        msg = f"a schedule every {minutes} minutes from {row['at']}"
        raise ValueError(msg)
    return {"hours": minutes // 60} if minutes % 60 == 0 else {"minutes": minutes}


def _neutral_day(row: Mapping[str, Any]) -> dict[str, Any]:
    if "day" in row:
        return {"day": row["day"]}
    if (row["week"], row["weekday"]) == ("last", "day"):
        return {"day": "last"}
    if row["weekday"] not in _WEEK:
        msg = f"a schedule on the {row['week']} {row['weekday']}"
        raise ValueError(msg)
    return {"weekday": f"{row['week']} {row['weekday']}"}


def _window(windows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = _one_window(windows)
    if found is None:
        msg = "several windows"
        raise ValueError(msg)
    days, start, end = found
    if (start, end) == ("00:00", "24:00"):
        msg = "a window of whole days"
        raise ValueError(msg)
    window: dict[str, Any] = {"start": start, "end": "00:00" if end == "24:00" else end}
    if len(days) < len(_WEEK):
        window["days"] = days
    return window


def _one_window(windows: Sequence[Mapping[str, Any]]) -> tuple[list[str], str, str] | None:
    if len(windows) == 1:
        (one,) = windows
        return list(one["days"]), one["start"], one["end"]
    if len(windows) == 2:
        for late, early in (tuple(windows), tuple(reversed(windows))):
            joined = (late["end"], early["start"]) == ("24:00", "00:00")
            if joined and list(early["days"]) == _shifted(late["days"], 1):
                return list(late["days"]), late["start"], early["end"]
    return None
