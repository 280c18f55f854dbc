"""Repeating reads that failed for a moment. Writes are never repeated here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from safepoint.drivers.wrap.intercept import Call
from safepoint.errors import ThrottledError, TransientError

__all__ = ["RetryReads"]

log = logging.getLogger(__name__)


class RetryReads:
    """Repeat a read after a `TransientError`, with doubling pauses.

    Args:
        sleep: Waits that many seconds; injected so that tests do not wait.
        attempts: How often to try in all.
        first_pause_seconds: The pause before the second attempt.
        longest_pause_seconds: The pauses stop growing here.
    """

    def __init__(
        self,
        sleep: Callable[[float], None],
        *,
        attempts: int = 4,
        first_pause_seconds: float = 0.25,
        longest_pause_seconds: float = 5.0,
    ) -> None:
        self._sleep = sleep
        self._attempts = attempts
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds

    def __call__(self, call: Call, proceed: Callable[[], Any], /) -> Any:
        """Run the call, again if it is a read and the failure may pass."""
        pause = self._first_pause_seconds
        for attempt in range(1, self._attempts + 1):
            try:
                return proceed()
            except TransientError as error:
                if not call.is_read or attempt == self._attempts:
                    raise
                wanted = error.retry_after_seconds if isinstance(error, ThrottledError) else None
                log.info("%s.%s: %s; repeating", call.driver, call.method, error)
                self._sleep(min(wanted or pause, self._longest_pause_seconds))
                pause *= 2
        msg = "the loop above returns or raises"
        raise AssertionError(msg)
