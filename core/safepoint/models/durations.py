"""Lengths of time as people write them: `14d`, `24h`, `1d12h`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["Duration", "format_duration", "parse_duration", "rough_duration"]

_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TEXT: Final = re.compile(r"(?:\d{1,9}[wdhms])+")
_PART: Final = re.compile(r"(\d{1,9})([wdhms])")


def parse_duration(text: str) -> timedelta:
    """Read `14d`, `90m` or `1d12h` (units w, d, h, m, s); raises ValueError on anything else.

    Months and years have no fixed length and are refused, as is a length of zero. A unit may
    be given once only.
    """
    units = [unit for _, unit in _PART.findall(text)]
    if _TEXT.fullmatch(text) is None or len(set(units)) != len(units):
        msg = "a length of time is a number and a unit (w, d, h, m, s), such as 14d or 1d12h"
        raise ValueError(msg)
    seconds = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
    if not 0 < seconds <= timedelta.max.days * 86_400:
        msg = "a length of time must be more than zero and less than a few million years"
        raise ValueError(msg)
    return timedelta(seconds=seconds)


def format_duration(length: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back; whole seconds only."""
    rest = int(length.total_seconds())
    parts: list[str] = []
    for unit, size in _UNITS.items():
        if unit == "w" and rest % size:
            continue  # 10d reads better than 1w3d
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def rough_duration(seconds: float) -> str:
    """Return a length of time in the one unit a person would use: `3 d`, `5 h`, `12 min`, `40 s`."""
    whole = int(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _read(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        code = "duration_type"
        template = "expected a length of time such as 14d, 24h or 90m"
        raise PydanticCustomError(code, template)
    try:
        return parse_duration(value)
    except ValueError as error:
        code = "duration"
        template = "{reason}"
        raise PydanticCustomError(code, template, {"reason": str(error)}) from error


#: A length of time; text such as `14d` in documents, `timedelta` in Python.
Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "title": "length of time",
            "type": "string",
            "pattern": r"^(?:\d{1,9}[wdhms])+$",
            "examples": ["14d", "24h"],
        }
    ),
]
