"""A machine's clock that jumps while a command runs; commands know nothing of it."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from typing_extensions import override

__all__ = ["Hands", "set_clock"]


class Hands:
    """How far a clock is off: a file that is read at each look at the clock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def move(self, seconds: float) -> None:
        """Let the clock jump, this far from the right time."""
        part = self._path.with_suffix(".part")
        part.write_text(str(seconds), "ascii")
        part.replace(self._path)

    def off(self) -> timedelta:
        """Return how far it is off now."""
        try:
            return timedelta(seconds=float(self._path.read_text("ascii")))
        except FileNotFoundError:
            return timedelta(0)


def set_clock(session: Any, hands: Hands) -> None:
    """Let the journal and the drivers of this process see the time that a clock shows.

    Args:
        session: The module in which a command opens both.
        hands: How far that clock is off.
    """

    class Clock(datetime):
        @override
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one
            return datetime.now(tz) + hands.off()

    real = session.Store
    session.datetime = Clock
    session.Store = lambda folder: real(folder, clock=lambda: Clock.now(session.UTC))
