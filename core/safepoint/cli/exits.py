"""Exit codes that are not an error family's."""

from __future__ import annotations

from typing import Final

from safepoint.errors import RunFailedError
from safepoint.models.runs import RunState

__all__ = ["EXIT_FINDINGS", "EXIT_INTERRUPTED", "exit_of_run"]

#: The command worked and found something, or only part of the work succeeded.
EXIT_FINDINGS: Final = 3
#: 128 + SIGINT, as shells expect.
EXIT_INTERRUPTED: Final = 130


def exit_of_run(state: RunState, *, has_findings: bool = False) -> int:
    """Return the exit code that says how a run ended, and whether something is left of it."""
    if state in {RunState.SUCCEEDED, RunState.WARNING}:
        return EXIT_FINDINGS if has_findings else 0
    codes = {RunState.PARTIAL: EXIT_FINDINGS, RunState.CANCELLED: EXIT_INTERRUPTED}
    return codes.get(state, RunFailedError.exit_code)
