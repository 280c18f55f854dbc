"""Lengths of time on the command line."""

from __future__ import annotations

from datetime import datetime, timedelta

from safepoint.errors import UsageError
from safepoint.models.durations import parse_duration

__all__ = ["ago", "span"]


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
