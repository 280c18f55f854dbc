"""The product's words for days, weeks and months, and how hours of a window are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from safepoint.models.policies import Weekday

__all__ = [
    "DAYS",
    "GFS_SLOTS",
    "clock",
    "days_in_order",
    "from_hours",
    "lower",
    "title",
    "to_hours",
    "whole",
]

DAYS: Final = tuple(day.value for day in Weekday)
#: Long-term levels: name, the product's field for how long, ours, and ours for which full.
GFS_SLOTS: Final = (
    ("weekly", "keepForNumberOfWeeks", "weeks", "day"),
    ("monthly", "keepForNumberOfMonths", "months", "week"),
    ("yearly", "keepForNumberOfYears", "years", "month"),
)


def title(word: str) -> str:
    """Return a word as the product writes it: `Monday`."""
    return word[:1].upper() + word[1:]


def lower(word: object) -> str:
    """Return a word of the product as we write it."""
    return str(word or "").lower()


def days_in_order(days: Iterable[object]) -> tuple[str, ...]:
    """Return days once each, Monday first; words that are no days are left out."""
    known = {lower(day) for day in days}
    return tuple(day for day in DAYS if day in known)


def clock(text: object) -> str:
    """Return `HH:MM` of the product's `HH:MM` or `HH:MM:SS`; empty for anything else."""
    parts = str(text or "").split(":")
    if len(parts) < 2 or not all(part.isdigit() for part in parts[:2]):
        return ""
    return f"{int(parts[0]):02}:{int(parts[1]):02}"


def from_hours(window: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a backup window as `monday:` and 24 digits a day; days without an hour left out."""
    rows = {lower(row.get("day")): str(row.get("hours", "")) for row in window.get("days") or ()}
    flags = {day: rows.get(day, "").replace(",", "") for day in DAYS}
    return tuple(f"{day}:{text}" for day, text in flags.items() if "1" in text)


def to_hours(window: Iterable[str]) -> dict[str, Any]:
    """Return the product's form of a backup window: every day with its 24 flags [S]."""
    flags = dict(row.split(":") for row in window)
    return {
        "days": [{"day": title(day), "hours": ",".join(flags.get(day, "0" * 24))} for day in DAYS]
    }


def whole(value: object) -> int | None:
    """Return a whole number of the product's JSON, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
