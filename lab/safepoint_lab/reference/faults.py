"""What can go wrong, how often, and with which call of the boundary.

Each method arranges a fault for the next `times` calls of that name (`create_checkpoint`,
`checkpoints`, `copy` …); the world takes them one by one as they come due.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from safepoint.errors import DriverError, UnreachableError
from safepoint_lab.reference.operations import Failure

__all__ = ["BrokenListing", "CopyFault", "Faults", "LostAnswer"]

FaultT = TypeVar("FaultT")


@dataclass(frozen=True)
class LostAnswer:
    """The answer to a request never comes."""

    has_effect: bool
    late_seconds: float = 0.0
    """How much later than the request its effect happens; with `has_effect` only."""


@dataclass(frozen=True)
class BrokenListing:
    """A listing that ends in an error after some rows."""

    after: int
    error: DriverError


@dataclass(frozen=True)
class CopyFault:
    """A copy that fails after some chunks, or stores something other than what it read."""

    after_chunks: int
    error: DriverError | None
    """None keeps going and flips a stored byte."""


class _Queue(Generic[FaultT]):
    """Faults waiting for their call, oldest first."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[FaultT]] = defaultdict(deque)

    def add(self, call: str, fault: FaultT, times: int) -> None:
        self._waiting[call].extend([fault] * times)

    def take(self, call: str) -> FaultT | None:
        waiting = self._waiting[call]
        return waiting.popleft() if waiting else None

    def is_due(self, call: str) -> bool:
        return bool(self._waiting[call])


class Faults:
    """The faults that are arranged and did not happen yet."""

    def __init__(self) -> None:
        self.lost_answers: _Queue[LostAnswer] = _Queue()
        self.refusals: _Queue[DriverError] = _Queue()
        self.broken_listings: _Queue[BrokenListing] = _Queue()
        self.failures: _Queue[Failure] = _Queue()
        self.durations: _Queue[float] = _Queue()
        self.weaknesses: _Queue[bool] = _Queue()
        self.vanishings: _Queue[bool] = _Queue()
        self.copies: _Queue[CopyFault] = _Queue()
        self.leavings: _Queue[bool] = _Queue()
        self.words: _Queue[str] = _Queue()

    def lose_answer(self, call: str, *, after_effect: bool = True, times: int = 1) -> None:
        """Let the request happen, or not, and the answer never come."""
        self.lost_answers.add(call, LostAnswer(after_effect), times)

    def lose_answer_and_come_late(self, call: str, *, late_seconds: float) -> None:
        """Let the answer never come and the request be executed that much later."""
        self.lost_answers.add(call, LostAnswer(has_effect=True, late_seconds=late_seconds), 1)

    def refuse(self, call: str, error: DriverError, *, times: int = 1) -> None:
        """Raise the error before anything has happened."""
        self.refusals.add(call, error, times)

    def break_listing(self, listing: str, *, after: int, times: int = 1) -> None:
        """Raise after that many rows; at the end when there are fewer."""
        error = UnreachableError("the connection broke in the middle of the answer")
        self.broken_listings.add(listing, BrokenListing(after, error), times)

    def fail(self, call: str, failure: Failure, *, times: int = 1) -> None:
        """Accept the operation and let it fail at its end."""
        self.failures.add(call, failure, times)

    def slow(self, call: str, seconds: float = math.inf, *, times: int = 1) -> None:
        """Let the operation take that long; for ever when left out. `merge` is a call, too.

        An `apply` that has to take long returns a reference to follow.
        """
        self.durations.add(call, seconds, times)

    def forget(self, call: str, *, times: int = 1) -> None:
        """Forget the operation as soon as it is accepted; its effect comes all the same."""
        self.vanishings.add(call, True, times)  # noqa: FBT003  # only its presence counts

    def weaken(self, *, times: int = 1) -> None:
        """Let a checkpoint come out less consistent than asked, without an error."""
        self.weaknesses.add("create_checkpoint", True, times)  # noqa: FBT003  # as above

    def break_copy(self, error: DriverError, *, after_chunks: int = 1) -> None:
        """Fail a copy after that many chunks."""
        self.copies.add("copy", CopyFault(after_chunks, error), 1)

    def corrupt_copy(self) -> None:
        """Let one stored byte differ from what was read."""
        self.copies.add("copy", CopyFault(0, None), 1)

    def leave_checkpoint(self, *, times: int = 1) -> None:
        """Let the product's own job say success for a VM and leave its checkpoint behind."""
        self.leavings.add("backup", True, times)  # noqa: FBT003  # only its presence counts

    def use_word(self, word: str) -> None:
        """Let the next run of the product's own jobs stand at a word of the product's, for ever."""
        self.words.add("start_run", word, 1)

    def end_with_word(self, word: str) -> None:
        """Let the next run of the product's own jobs end in a word of the product's."""
        self.words.add("end_run", word, 1)
