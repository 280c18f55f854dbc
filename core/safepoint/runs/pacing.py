"""Pauses between looks at something far away: short at first and after news, longer in between."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from safepoint.runs.waiting import Waiter

__all__ = ["Pause", "Wishes"]

#: A pause is slept in slices, so that Ctrl-C is answered at once.
_SLICE_SECONDS = 0.25
_GROWTH = 1.5


@dataclass(frozen=True)
class Wishes:
    """What somebody who watches may want; set by Ctrl-C or another process."""

    cancel: threading.Event = field(default_factory=threading.Event)
    """The work should be stopped."""
    leave: threading.Event = field(default_factory=threading.Event)
    """Nobody wants to watch any longer; the work goes on where it is done."""


class Pause:
    """The pause between two looks.

    Args:
        waiter: How to wait.
        wishes: Cut a pause short when they change.
        first_seconds: The pause after news.
        longest_seconds: The pauses stop growing here.
    """

    def __init__(
        self,
        waiter: Waiter,
        wishes: Wishes,
        *,
        first_seconds: float = 1.0,
        longest_seconds: float = 15.0,
    ) -> None:
        self._waiter = waiter
        self._wishes = wishes
        self.restart(first_seconds, longest_seconds)

    def restart(self, first_seconds: float, longest_seconds: float) -> None:
        """Begin anew with other figures."""
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._seconds = first_seconds

    def shorten(self) -> None:
        """There was news: look again soon."""
        self._seconds = self._first_seconds

    def wait(self) -> bool:
        """Wait, a little longer each time; False when somebody wants to leave.

        A wish ends the pause at once.
        """
        end = self._waiter.monotonic() + self._seconds
        was_cancelled = self._wishes.cancel.is_set()
        while (left := end - self._waiter.monotonic()) > 0:
            if self._wishes.leave.is_set() or self._wishes.cancel.is_set() != was_cancelled:
                break
            self._waiter.sleep(min(left, _SLICE_SECONDS))
        self._seconds = min(self._seconds * _GROWTH, self._longest_seconds)
        return not self._wishes.leave.is_set()
