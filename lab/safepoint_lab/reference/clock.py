"""A clock that moves only when told, so that days pass in a test without waiting."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]

_START = datetime(2026, 1, 5, 20, 0, tzinfo=UTC)


class FakeClock:
    """One time for the host, the driver, the journal and whoever waits.

    Args:
        start: The first moment; aware.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._seconds = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the present moment, aware and in UTC."""
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._seconds

    def jump(self, seconds: float) -> None:
        """Set the time of day forward or back, as an operator or a time service does.

        What measures spans does not notice.
        """
        with self._lock:
            self._start += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting; a negative span is a mistake of the caller."""
        if seconds < 0:
            msg = f"time does not go back: {seconds}"
            raise ValueError(msg)
        with self._lock:
            self._seconds += seconds
