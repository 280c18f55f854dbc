"""Waiting by looking: short pauses that grow, a deadline, patience with a node that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from safepoint.errors import TransientError

__all__ = ["Waiter"]

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Waiter:
    """How to wait; injected so that tests take no time.

    Args:
        sleep: Waits that many seconds.
        monotonic: A clock that never goes back.
        first_pause_seconds: The pause after the first look.
        longest_pause_seconds: The pauses stop growing here.
    """

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    first_pause_seconds: float = 0.05
    longest_pause_seconds: float = 2.0

    def until(
        self,
        look: Callable[[], ResultT | None],
        *,
        deadline_seconds: float,
        bears: type[TransientError] = TransientError,
    ) -> ResultT | None:
        """Look until there is a result; None when the deadline passed first.

        An error of the kind that it `bears` counts as "nothing yet" until the deadline; then it is
        raised, because "I could not look" must not be taken for "nothing is there".
        """
        end = self.monotonic() + deadline_seconds
        pause = self.first_pause_seconds
        while True:
            failure: TransientError | None = None
            try:
                result = look()
            except bears as error:
                result, failure = None, error
            if result is not None:
                return result
            if self.monotonic() >= end:
                if failure is not None:
                    raise failure
                return None
            self.sleep(pause)
            pause = min(pause * 1.5, self.longest_pause_seconds)
