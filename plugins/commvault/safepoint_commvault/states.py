"""The product's words for the state of a job, as ours. One table.

Words of job status from the vendor's SDK and documentation [S][D]. The product calls a job that
lost a VM "Completed w/ one or more errors" and its SDK counts that as success; here it is partial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safepoint.models.runs import RunState

__all__ = ["STATES", "is_over", "is_success", "state_of"]

#: Word in lower case → state.
STATES: Final[Mapping[str, RunState]] = {
    "waiting": RunState.QUEUED,
    "queued": RunState.QUEUED,
    "running": RunState.RUNNING,
    "running (cannot be verified)": RunState.RUNNING,
    "pending": RunState.RUNNING,
    "suspend pending": RunState.RUNNING,
    "suspended": RunState.SUSPENDED,
    "kill pending": RunState.RUNNING,
    "interrupt pending": RunState.RUNNING,
    "interrupted": RunState.RUNNING,
    "completed": RunState.SUCCEEDED,
    "completed w/ one or more warnings": RunState.WARNING,
    "completed w/ one or more errors": RunState.PARTIAL,
    "committed": RunState.PARTIAL,
    "killed": RunState.CANCELLED,
    "failed": RunState.FAILED,
    "failed to start": RunState.FAILED,
    "abnormal terminated cleanup": RunState.FAILED,
}


def state_of(word: str) -> RunState:
    """Return what a word means; an unknown one is UNKNOWN, never a guess."""
    return STATES.get(" ".join(word.casefold().split()), RunState.UNKNOWN)


def is_over(word: str) -> bool:
    """Tell whether a job will not change any more; an unknown word counts as an end.

    Polling for a word that is not known would never end.
    """
    return state_of(word) not in {RunState.QUEUED, RunState.RUNNING, RunState.SUSPENDED}


def is_success(word: str) -> bool:
    """Tell whether everything was done."""
    return state_of(word) is RunState.SUCCEEDED
