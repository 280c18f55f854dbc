"""Policies: how consistent, how often and how long, in intents that no product owns."""

from __future__ import annotations

import re
import zoneinfo
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from safepoint.models.durations import Duration
from safepoint.models.estate import Document, EstateModel, refuse

__all__ = [
    "Consistency",
    "DailySchedule",
    "DayOfMonth",
    "Fallback",
    "IntervalSchedule",
    "MonthWeekday",
    "MonthlySchedule",
    "Policy",
    "PolicySpec",
    "Retention",
    "RetentionSlot",
    "Schedule",
    "ScheduleWindow",
    "TimeOfDay",
    "TimeZone",
    "Weekday",
    "WeeklySchedule",
    "known_time_zones",
]


class Consistency(StrEnum):
    """What the frozen state of a VM must be worth."""

    APPLICATION = "application"
    """Applications in the guest were quiesced (VSS)."""
    FILESYSTEM = "filesystem"
    """File systems in the guest were frozen."""
    CRASH = "crash"
    """As after a power cut."""


class Fallback(StrEnum):
    """What happens when the wanted consistency cannot be had."""

    FAIL = "fail"
    """The VM fails, with the reason; nothing weaker is kept in silence."""
    ALLOW = "allow"
    """A weaker state is taken and reported as such."""


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@cache
def known_time_zones() -> frozenset[str]:
    """Return the names of the time-zone database that this machine has (may be empty)."""
    return frozenset(zoneinfo.available_timezones()) - {"Factory", "localtime", "posixrules"}


def _check_zone(text: str) -> str:
    zones = known_time_zones()
    if not zones:
        refuse("time_zone_data", "this machine has no time-zone data")
    if text not in zones:
        refuse("time_zone", "no such time zone")
    return text


_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def _check_clock(text: str) -> str:
    if _CLOCK.fullmatch(text) is None:
        refuse("time_of_day", "expected a time of day from 00:00 to 23:59")
    return text


def _check_day(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    is_day = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 31
    if not is_day and value != "last":
        refuse("day_of_month", "expected a day from 1 to 31, or last")
    return handler(value)


_ORDINALS: Final = ("first", "second", "third", "fourth", "last")


def _check_month_weekday(text: str) -> str:
    ordinal, _, day = text.partition(" ")
    if ordinal not in _ORDINALS or day not in set(Weekday):
        refuse(
            "month_weekday",
            "expected first, second, third, fourth or last and a weekday: first sunday",
        )
    return text


#: A name of the IANA time-zone database, such as `Europe/Berlin`.
TimeZone = Annotated[str, AfterValidator(_check_zone), Field(title="time zone")]

#: A wall-clock time, `HH:MM`.
TimeOfDay = Annotated[
    str,
    AfterValidator(_check_clock),
    Field(title="time of day", json_schema_extra={"pattern": f"^(?:{_CLOCK.pattern})$"}),
]

#: A weekday counted within its month, such as `first sunday` or `last friday`.
MonthWeekday = Annotated[
    str, AfterValidator(_check_month_weekday), Field(title="weekday of the month")
]

#: A day of the month, 1 to 31, or `last`.
DayOfMonth = Annotated[
    int | Literal["last"],
    WrapValidator(_check_day),
    WithJsonSchema(
        {
            "title": "day of the month",
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": 31}, {"const": "last"}],
        }
    ),
]

_Times = Annotated[tuple[TimeOfDay, ...], Field(min_length=1)]
_Days = Annotated[tuple[Weekday, ...], Field(min_length=1)]


class IntervalSchedule(EstateModel):
    """Again and again, counted from midnight of the time zone."""

    minutes: Annotated[int, Field(ge=1, le=1439)] | None = None
    """Every so many minutes."""
    hours: Annotated[int, Field(ge=1, le=24)] | None = None
    """Every so many hours."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.minutes is None) == (self.hours is None):
            refuse("interval", "give either minutes or hours")
        return self


class DailySchedule(EstateModel):
    """At these times, every day."""

    at: _Times
    """Wall-clock times."""


class WeeklySchedule(EstateModel):
    """At these times, on these days of the week."""

    days: _Days
    """Days of the week."""
    at: _Times
    """Wall-clock times."""


class MonthlySchedule(EstateModel):
    """At these times, on one day of the month."""

    day: DayOfMonth | None = None
    """The day of the month, or `last`. In a month without that day nothing runs."""
    weekday: MonthWeekday | None = None
    """A counted weekday: `first sunday`."""
    at: _Times
    """Wall-clock times."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.day is None) == (self.weekday is None):
            refuse("month_day", "give either day or weekday")
        return self


class ScheduleWindow(EstateModel):
    """The part of the day in which runs may start; it may pass midnight."""

    start: TimeOfDay
    """First minute in which a run may start."""
    end: TimeOfDay
    """First minute in which no run starts any more."""
    days: _Days | None = None
    """The days on which the window opens; every day when left out."""

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.start == self.end:
            refuse("window", "the window must not begin and end at the same time")
        return self


class Schedule(EstateModel):
    """When runs start. Several rules may be given: a run starts when any of them says so.

    Each wall-clock time happens exactly once a day, also when clocks change.
    """

    timezone: TimeZone
    """The zone that all times are meant in: a name of the IANA database."""
    every: IntervalSchedule | None = None
    """Again and again."""
    daily: DailySchedule | None = None
    """Every day."""
    weekly: WeeklySchedule | None = None
    """On days of the week."""
    monthly: MonthlySchedule | None = None
    """On a day of the month."""
    window: ScheduleWindow | None = None
    """Runs start only inside this part of the day."""

    @model_validator(mode="after")
    def _check_some_rule(self) -> Self:
        if not (self.every or self.daily or self.weekly or self.monthly):
            refuse("schedule_empty", "give every, daily, weekly or monthly")
        return self


class RetentionSlot(EstateModel):
    """How many points of one rhythm are kept."""

    keep: Annotated[int, Field(ge=1, le=10_000)]
    """The number of points."""


class Retention(EstateModel):
    """How long restore points stay. A point stays while any of these rules wants it."""

    keep_for: Duration | None = None
    """Keep every point for this long."""
    keep_at_least: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Keep this many of the newest points, however old they are."""
    weekly: RetentionSlot | None = None
    """Keep one point a week."""
    monthly: RetentionSlot | None = None
    """Keep one point a month."""
    yearly: RetentionSlot | None = None
    """Keep one point a year."""

    @model_validator(mode="after")
    def _check_some_rule(self) -> Self:
        rules = (self.keep_for, self.keep_at_least, self.weekly, self.monthly, self.yearly)
        if all(rule is None for rule in rules):
            refuse("retention_empty", "give keepFor, keepAtLeast, weekly, monthly or yearly")
        return self


class PolicySpec(EstateModel):
    """How VMs are protected."""

    consistency: Consistency = Consistency.APPLICATION
    """What the frozen state must be worth."""
    fallback: Fallback = Fallback.FAIL
    """What happens when that consistency cannot be had."""
    schedule: Schedule | None = None
    """When runs start by themselves; without it they start on command only."""
    retention: Retention | None = None
    """How long restore points stay; without it they stay until someone deletes them."""
    rpo: Duration | None = None
    """The oldest that the newest restore point may become before it is reported."""


class Policy(Document):
    """How VMs are protected: consistency, schedule, retention."""

    kind: Literal["Policy"] = "Policy"
    """Always `Policy`."""
    spec: PolicySpec
    """What the policy asks for."""
