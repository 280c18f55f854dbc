"""The only waiting in this plugin: for settings changes of a moment, and in its own threads."""

from __future__ import annotations

import threading
import time

from safepoint.errors import OutcomeUnknownError, RunTimedOutError
from safepoint.models.checkpoints import OperationState
from safepoint_native.cim.client import CimClient
from safepoint_native.hyperv.jobs import Started, look_at_job

__all__ = ["finish"]

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0


def finish(client: CimClient, started: Started, *, deadline_seconds: float = 300.0) -> None:
    """Wait until a small operation has ended.

    Raises:
        SafepointError: what its failure means.
        OutcomeUnknownError: the host forgot it.
        RunTimedOutError: it did not end in time.
    """
    if started.job is None:
        return
    end = time.monotonic() + deadline_seconds
    pause = _FIRST_PAUSE_SECONDS
    wake = threading.Event()
    while True:
        look = look_at_job(client, started.job, operation=started.operation)
        if look.error is not None:
            raise look.error
        if look.state is OperationState.SUCCEEDED:
            return
        if look.state is OperationState.UNKNOWN:
            msg = f"{client.node}: the host forgot the outcome of {started.operation}"
            raise OutcomeUnknownError(msg, operation=started.operation, system=client.node)
        if time.monotonic() > end:
            msg = f"{client.node}: {started.operation} did not end in {deadline_seconds:.0f} s"
            raise RunTimedOutError(msg, hint="Look at the VM's tasks on its node.")
        wake.wait(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
