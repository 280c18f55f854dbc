"""Lengths of time on the command line."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from safepoint.errors import UsageError
from safepoint.models.durations import parse_duration

__all__ = ["ago", "deadline", "span"]


def span(text: str, option: str) -> timedelta:
    """Return the length of time that an option gives, such as `90m` or `3d`.

    Raises:
        UsageError: it is none.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        msg = f"{option} {text!r}: {error}"
        raise UsageError(msg) from error


def deadline(text: str, option: str) -> float:
    """Return the seconds that an option allows: `90m`, `3d`, or a bare number of seconds.

    Raises:
        UsageError: it is no length of time, or less than a second.
    """
    try:
        seconds = float(text)
    except ValueError:
        return span(text, option).total_seconds()
    if not 1 <= seconds < math.inf:
        msg = f"{option} {text!r}: a deadline is a second or more, such as 90s or 4h"
        raise UsageError(msg)
    return seconds


def ago(now: datetime, text: str, option: str) -> datetime:
    """Return the moment that lies that long before `now`.

    Raises:
        UsageError: it is no length of time, or one before all calendars.
    """
    try:
        return now - span(text, option)
    except OverflowError as error:
        msg = f"{option} {text!r} reaches back before the year 1"
        raise UsageError(msg) from error
