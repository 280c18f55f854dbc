"""Beginning something once for a key, for drivers whose product knows no keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Once"]

BegunT = TypeVar("BegunT")


class Once(Generic[BegunT]):
    """Remembers what was begun by which key, for as long as the driver lives.

    One thing is begun at a time, so that looking whether something runs already and beginning it
    are not torn apart by another thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[str, BegunT] = {}

    def __call__(self, key: str, begin: Callable[[], BegunT]) -> BegunT:
        """Begin, or return what this key began before; a failure is not remembered."""
        with self._lock:
            if key not in self._begun:
                self._begun[key] = begin()
            return self._begun[key]
