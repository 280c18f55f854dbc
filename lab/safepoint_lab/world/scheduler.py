"""Things that happen later: one thread that waits, a few that work."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

__all__ = ["Scheduler"]

_WORKERS = 4
_log = logging.getLogger(__name__)

Action = Callable[[], None]


@dataclass(order=True, slots=True)
class _Due:
    at: float
    order: int
    action: Action = field(compare=False)


class Scheduler:
    """Runs actions on worker threads when their time has come. Thread-safe.

    An action that raises is logged and kept in `failures`; the others go on.
    """

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self._queue: list[_Due] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lab-work")
        self._thread = threading.Thread(target=self._loop, name="lab-clock", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def after(self, seconds: float, action: Action) -> None:
        """Run `action` on a worker in `seconds`; nothing happens once stopped."""
        with self._wake:
            if not self._stopped:
                due = _Due(time.monotonic() + seconds, next(self._order), action)
                heapq.heappush(self._queue, due)
                self._wake.notify_all()

    def stop(self) -> None:
        """Drop what has not begun, wait for what runs."""
        with self._wake:
            self._stopped = True
            self._queue.clear()
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True)

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._stopped and not self._is_due():
                    self._wake.wait(self._patience())
                if self._stopped:
                    return
                due = heapq.heappop(self._queue)
            self._pool.submit(self._do, due.action)

    def _is_due(self) -> bool:
        return bool(self._queue) and self._queue[0].at <= time.monotonic()

    def _patience(self) -> float | None:
        return max(0.0, self._queue[0].at - time.monotonic()) if self._queue else None

    def _do(self, action: Action) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - kept, and must not end the worker
            _log.exception("an action of the lab failed")
            self.failures.append(error)
