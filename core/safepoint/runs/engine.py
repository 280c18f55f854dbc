"""The port to whatever executes tasks: it only has to call the work at least once each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from safepoint.models.runs import Task

__all__ = ["Engine", "Work"]

#: Does one task and returns it as it ended. Safe to call again for the same task.
Work = Callable[[Task], Task]


class Engine(Protocol):
    """Executes the tasks of a run.

    The invariants (intent before effect, fencing, release by proof) live in the work itself, so
    an engine needs no steps, no retries and no clean-up of its own.
    """

    def run_all(self, tasks: Iterable[Task], work: Work) -> tuple[Task, ...]:
        """Do every task and return them as they ended, in the order given."""

    def close(self) -> None:
        """Let go of workers; waits for what is running."""
