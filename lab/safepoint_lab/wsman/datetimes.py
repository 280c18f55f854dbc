"""The three spellings of time on the wire: ISO text, ISO 8601 durations, CIM text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

__all__ = [
    "NEVER",
    "cim_text",
    "iso_datetime",
    "iso_duration",
    "parse_cim_text",
    "parse_duration",
    "parse_time",
]

NEVER = datetime(1601, 1, 1, tzinfo=UTC)
"""How Windows says "never"."""

_DURATION = re.compile(
    r"^P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)
_CIM_DATETIME = re.compile(r"^(\d{14})\.(\d{6})([+-])(\d{3})$")
_CIM_INTERVAL = re.compile(r"^(\d{8})(\d{2})(\d{2})(\d{2})\.(\d{6}):000$")


def iso_datetime(moment: datetime) -> str:
    """Write an aware time as UTC with `Z`, microseconds only when there are any."""
    if moment.tzinfo is None:
        msg = "a time without a zone cannot be put on the wire"
        raise ValueError(msg)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def iso_duration(span: timedelta) -> str:
    """Write an interval the way Windows does: `P0DT0H5M0S`, with a fraction when needed."""
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{span.microseconds:06d}".rstrip("0").rstrip(".")
    return f"P{span.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def parse_duration(text: str) -> timedelta | None:
    """Read an ISO 8601 duration without years and months; None when it is none."""
    match = _DURATION.match(text.strip())
    if match is None or text.strip() in {"P", "PT"}:
        return None
    return timedelta(**{unit: float(value or 0) for unit, value in match.groupdict().items()})


def cim_text(value: datetime | timedelta) -> str:
    """Write the 25-character CIM form that INSTANCE text uses."""
    if isinstance(value, timedelta):
        hours, rest = divmod(value.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        micros = value.microseconds
        return f"{value.days:08d}{hours:02d}{minutes:02d}{seconds:02d}.{micros:06d}:000"
    offset = value.utcoffset()
    if offset is None:
        msg = "a time without a zone cannot be put on the wire"
        raise ValueError(msg)
    minutes = int(offset.total_seconds() // 60)
    return f"{value:%Y%m%d%H%M%S.%f}{'-' if minutes < 0 else '+'}{abs(minutes):03d}"


def parse_cim_text(text: str) -> datetime | timedelta | None:
    """Read the 25-character CIM form, a time or an interval; None when it is neither."""
    interval = _CIM_INTERVAL.match(text)
    if interval:
        days, hours, minutes, seconds, micros = map(int, interval.groups())
        return timedelta(days, seconds, micros, 0, minutes, hours)
    match = _CIM_DATETIME.match(text)
    if match is None:
        return None
    offset = int(match[4]) * (1 if match[3] == "+" else -1)
    try:
        moment = datetime.strptime(f"{match[1]}.{match[2]}+0000", "%Y%m%d%H%M%S.%f%z")
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone(timedelta(minutes=offset)))


def parse_time(text: str) -> datetime | timedelta | None:
    """Read a time in any of the spellings a client may send; None when it is none of them."""
    plain = text.strip()
    known = parse_cim_text(plain) or parse_duration(plain)
    if known is not None:
        return known
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
