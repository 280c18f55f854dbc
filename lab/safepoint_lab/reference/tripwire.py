"""Points at which a simulated process can be killed or paused, counted as they are passed."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["SimulatedCrash", "Tripwire"]


class SimulatedCrash(BaseException):
    """The process is no more. Nothing it would still do has any effect."""


class Tripwire:
    """Counts the points a process passes and acts at one of them.

    Args:
        at: The number of the point, from 0; None only counts.
        act: Called there once; its process dies there when left out. What it raises goes to the
            code under test; when it returns, the process goes on, as after a long pause.
    """

    def __init__(self, at: int | None = None, act: Callable[[], None] | None = None) -> None:
        self.at = at
        self.act = act
        self.names: list[str] = []
        """The points passed so far, for people who read a failure."""
        self.is_dead = False

    def point(self, name: str) -> None:
        """Pass a point; a dead process gets no further."""
        if self.is_dead:
            raise SimulatedCrash(name)
        if self.reaches(name) and self.act is not None:
            self.act()

    def reaches(self, name: str) -> bool:
        """Count the point and tell whether it is the chosen one, leaving the deed to the caller."""
        self.names.append(name)
        return len(self.names) - 1 == self.at

    @property
    def where(self) -> str:
        """Name the chosen point, once it was passed."""
        passed = self.at is not None and self.at < len(self.names)
        return f"point {self.at}: {self.names[self.at]}" if passed and self.at is not None else ""
