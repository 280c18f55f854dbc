"""Background work of a server: threads that can be told to end, and waiting that obeys."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Crew", "Halted"]

_log = logging.getLogger(__name__)
_WORKERS = 48


class Halted(Exception):  # noqa: N818 - not an error: the server goes down
    """The server stops now; whoever waits leaves everything as it is."""


class Crew:
    """Runs work in the background. An action that raises is logged and kept.

    Args:
        name: Whose work it is, for logs and thread names.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.failures: list[BaseException] = []
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"{name}-work")

    def begin(self, action: Callable[[], None]) -> Future[None]:
        """Run an action on a thread of its own."""
        return self._pool.submit(self._do, action)

    def pause(self, seconds: float) -> None:
        """Wait; `Halted` when the server stops meanwhile."""
        if self._stopping.wait(seconds):
            raise Halted

    def check(self) -> None:
        """Raise `Halted` when the server stops."""
        if self._stopping.is_set():
            raise Halted

    def stop(self) -> None:
        """End what waits and wait for the threads. Idempotent."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Halted:
            return
        except Exception as error:  # noqa: BLE001 - kept, and must not end the worker
            _log.exception("the %s simulator failed in the background", self._name)
            self.failures.append(error)
