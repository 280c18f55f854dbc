"""How fast the log of changes grows, and when it would be half as large as the disks. Pure.

Products tell how much waits in the log and how much each cycle has sent, but no growth. It follows
from one look: a cycle empties the log, so that what waits was written since the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from safepoint.models.replicas import ReplicaSide, ReplicaState, ReplicaStatistics
from safepoint.models.sizes import size_text

__all__ = ["LOG_SHARE", "LogSource", "ReplicaLog", "log_of"]

#: When the log is larger than this share of the disks, both sides have to be compared.
LOG_SHARE: Final = 0.5
_HOUR: Final = 3600.0
#: Where no log is kept, or where what waits is not what was written since the last cycle.
_NO_LOG: Final = frozenset({ReplicaState.RESYNC_REQUIRED, ReplicaState.RESYNC_PAUSED})


class LogSource(StrEnum):
    """What the growth was computed from."""

    WAITING = "waiting"
    """A cycle is overdue: what waits, by the time since the last one that arrived."""
    CYCLES = "cycles"
    """The mean of what the counted cycles sent, by their frequency, without the largest one,
    which may be the first copy."""


@dataclass(frozen=True)
class ReplicaLog:
    """The log of one primary."""

    waiting_bytes: int | None
    """Written and not sent yet."""
    half_bytes: int | None
    """Half of the disks: beyond it the log is given up."""
    bytes_per_hour: float | None
    """How much it grows while nothing is sent; None when nothing tells."""
    source: LogSource | None

    @property
    def half_in_seconds(self) -> float | None:
        """How long until half of the disks is reached if nothing is sent meanwhile."""
        if self.half_bytes is None or self.waiting_bytes is None or not self.bytes_per_hour:
            return None
        room = max(0, self.half_bytes - self.waiting_bytes)
        return room / self.bytes_per_hour * _HOUR

    @property
    def text(self) -> str:
        """How large it is and when it would be half of the disks; empty when that is not known."""
        if self.half_in_seconds is None:
            return ""
        rate = size_text(int(self.bytes_per_hour or 0))
        minutes = int(self.half_in_seconds // 60)
        return (
            f"log {size_text(self.waiting_bytes)}, {rate} an hour, "
            f"half of the disks in {minutes} minutes"
        )

    @property
    def share(self) -> float | None:
        """What waits as a share of the disks."""
        if not self.half_bytes or self.waiting_bytes is None:
            return None
        return LOG_SHARE * self.waiting_bytes / self.half_bytes


def log_of(primary: ReplicaSide, now: datetime) -> ReplicaLog | None:
    """Return what is known of the log of a side that sends; None without figures.

    Args:
        primary: The side.
        now: By our clock, as the lag is measured.
    """
    figures = primary.statistics
    if figures is None:
        return None
    half = int(LOG_SHARE * primary.disk_bytes) if primary.disk_bytes else None
    rate, source = _growth(primary, figures, now)
    return ReplicaLog(figures.pending_bytes, half, rate, source)


def _growth(
    primary: ReplicaSide, figures: ReplicaStatistics, now: datetime
) -> tuple[float | None, LogSource | None]:
    frequency, sent = primary.frequency_seconds, primary.last_replicated_at
    if primary.state in _NO_LOG or not frequency:
        return None, None
    silence = now - sent if sent is not None else timedelta(0)
    if figures.pending_bytes is not None and silence > timedelta(seconds=frequency):
        return figures.pending_bytes / silence.total_seconds() * _HOUR, LogSource.WAITING
    usual = _usual_cycle_bytes(figures)
    return (None, None) if usual is None else (usual / frequency * _HOUR, LogSource.CYCLES)


def _usual_cycle_bytes(figures: ReplicaStatistics) -> float | None:
    cycles = figures.cycles_succeeded
    if figures.average_bytes is None or figures.largest_bytes is None or cycles < 2:
        return None
    return max(0.0, (figures.average_bytes * cycles - figures.largest_bytes) / (cycles - 1))
