"""How values are written on the wire: times, sizes, platform, the word for a stop."""

from __future__ import annotations

from datetime import datetime

__all__ = ["CANCELLED", "HYPERV", "ZERO_ID", "duration", "iso", "parse_time", "size_text"]

HYPERV = "HyperV"
ZERO_ID = "00000000-0000-0000-0000-000000000000"
"""`platformId` of every built-in platform [S]."""

CANCELLED = "Operation was canceled by user"
"""Message of whatever somebody stopped."""

_UNITS = ("B", "KB", "MB", "GB", "TB")


def iso(moment: datetime) -> str:
    """Return a time with an offset and six fractional digits."""
    return moment.isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime | None:
    """Return a time of a filter, None when it is none; a time without offset is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.astimezone()


def size_text(size_bytes: int) -> str:
    """Return the display string of a size, such as ``128 GB``."""
    value, unit = float(size_bytes), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return ``hh:mm:ss``."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
