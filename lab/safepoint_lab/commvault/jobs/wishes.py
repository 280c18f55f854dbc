"""What somebody wants a running job to do: be killed or suspended."""

from __future__ import annotations

import threading

__all__ = ["Stopped", "Wishes"]


class Stopped(Exception):  # noqa: N818 - somebody's wish, not an error
    """The job shall go no further now."""


class Wishes:
    """Wishes by job, in memory: a restart of the server ends jobs anyway. A kill wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._killed: set[int] = set()
        self._suspended: set[int] = set()

    def kill(self, job: int) -> None:
        """Want a job killed."""
        with self._lock:
            self._killed.add(job)

    def suspend(self, job: int) -> None:
        """Want a job suspended."""
        with self._lock:
            self._suspended.add(job)

    def resume(self, job: int) -> None:
        """Want a job suspended no more."""
        with self._lock:
            self._suspended.discard(job)

    def is_killed(self, job: int) -> bool:
        """Tell whether a job shall be killed."""
        return job in self._killed

    def is_suspended(self, job: int) -> bool:
        """Tell whether a job shall stand still."""
        return job in self._suspended

    def check(self, job: int) -> None:
        """Raise `Stopped` when a job shall go no further now."""
        if job in self._killed or job in self._suspended:
            raise Stopped
