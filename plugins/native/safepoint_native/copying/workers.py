"""A few threads that each run their work to completion; the first error stops them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from safepoint.errors import RunCancelledError

__all__ = ["OnProgress", "ShouldStop", "WorkQueue", "run_workers"]

#: Called with done and total bytes, by one thread at a time, but not always the same one.
OnProgress = Callable[[int, int], None]
#: True makes the work end with `RunCancelledError`.
ShouldStop = Callable[[], bool]

T = TypeVar("T")
_JOIN_SECONDS = 0.5


class WorkQueue(Generic[T]):
    """Hands out jobs in their order and counts what is done."""

    def __init__(
        self,
        jobs: Iterator[T],
        total_bytes: int,
        *,
        on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
        batch: int = 4,
    ) -> None:
        self._jobs = jobs
        self._total_bytes = total_bytes
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._batch = batch
        self._lock = threading.Lock()
        self._done_bytes = 0
        self._is_stopped = False

    def stop(self) -> None:
        """Hand out nothing any more."""
        self._is_stopped = True

    def jobs(self) -> Iterator[T]:
        """Yield jobs for one worker until there are none, or until somebody stopped.

        Neighbouring jobs go to one worker, a few at a time, so that it reads in order.

        Raises:
            RunCancelledError: `should_stop` said so.
        """
        while batch := self._take():
            for job in batch:
                if self._is_stopped:
                    return
                yield job

    def done(self, done_bytes: int) -> None:
        """Count finished bytes and report them."""
        with self._lock:
            self._done_bytes += done_bytes
            if self._on_progress is not None:
                self._on_progress(self._done_bytes, self._total_bytes)

    def _take(self) -> list[T]:
        if self._should_stop is not None and self._should_stop():
            msg = "cancelled while bytes were moving"
            raise RunCancelledError(msg)
        with self._lock:
            if self._is_stopped:
                return []
            return [job for _, job in zip(range(self._batch), self._jobs, strict=False)]


def run_workers(queue: WorkQueue[T], work: Callable[[Iterator[T]], None], count: int) -> None:
    """Run `work` on `count` threads, each with its share of the queue, and wait for all.

    The first exception of a worker stops the queue, and is raised here once all have ended.
    """
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work(queue.jobs())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)
            queue.stop()

    threads = [threading.Thread(target=run, name=f"copy-{n}", daemon=True) for n in range(count)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            # A join without end could not be interrupted by Ctrl-C on Windows.
            while thread.is_alive():
                thread.join(_JOIN_SECONDS)
    except BaseException:
        queue.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        raise
    if errors:
        raise errors[0]
