"""Counting and timing the calls of a driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from safepoint.drivers.wrap.intercept import Call

__all__ = ["CountCalls"]


class CountCalls:
    """Keep, per method, how often it was called and how many seconds it took in all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: dict[str, int] = {}
        self.seconds: dict[str, float] = {}

    def __call__(self, call: Call, proceed: Callable[[], Any], /) -> Any:
        """Run the call and note it, whether it succeeds or fails."""
        started = time.perf_counter()
        try:
            return proceed()
        finally:
            took = time.perf_counter() - started
            with self._lock:
                self.counts[call.method] = self.counts.get(call.method, 0) + 1
                self.seconds[call.method] = self.seconds.get(call.method, 0.0) + took
