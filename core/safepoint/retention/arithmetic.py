"""The strategy: how somebody works out which points stay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from safepoint.models.policies import Retention
from safepoint.retention.points import Held, Timeline

__all__ = ["RetentionArithmetic"]


class RetentionArithmetic(ABC):
    """How one product ages restore points, as a pure function of the days.

    The rules, which `simulate` enforces:

    - one tuple for each day of the timeline, in order, oldest point first;
    - only points that were made by then, and none that was missing on an earlier day;
    - the same arguments give the same answer: no clock, no files, no connection.
    """

    name: str
    """The word by which people choose it; the driver's name, or begins with it."""
    title: str
    """The product and the mode, for people."""
    evidence: str
    """Where its rules come from, in one line, with how sure that is."""

    @abstractmethod
    def losses(self, retention: Retention) -> tuple[str, ...]:
        """Return what of a retention this product cannot carry exactly, and what it does instead.

        One line for each; empty when it carries everything.
        """

    @abstractmethod
    def held(self, retention: Retention, timeline: Timeline) -> Iterator[tuple[Held, ...]]:
        """Return for each day what exists at its end, and why."""
