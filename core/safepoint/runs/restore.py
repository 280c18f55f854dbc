"""Following a restore to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from safepoint.drivers import CanRestore
from safepoint.drivers.outcomes import error_class
from safepoint.errors import (
    DamagedDataError,
    RunCancelledError,
    RunFailedError,
    SafepointError,
    VendorFaultError,
)
from safepoint.models.checkpoints import OperationState
from safepoint.models.restores import RestoreRequest, RestoreStatus
from safepoint.runs.waiting import Waiter

__all__ = ["Restore"]

#: A restore copies for hours; this only guards against one that never ends.
RESTORE_DEADLINE_SECONDS = 7 * 86400.0


class Restore:
    """Starts a restore and waits for it.

    Args:
        driver: Does the work.
        say: Told when the phase changes, and now and then how far it is.
        waiter: Injected for tests.
    """

    def __init__(
        self, driver: CanRestore, say: Callable[[str], None], waiter: Waiter | None = None
    ) -> None:
        self._driver = driver
        self._say = say
        self._waiter = waiter or Waiter(longest_pause_seconds=0.5)

    def follow(self, request: RestoreRequest, key: str, cancel: threading.Event) -> RestoreStatus:
        """Return the status of the finished restore.

        Raises:
            RunCancelledError: `cancel` was set; what was half-done is removed.
            DamagedDataError: the restore point is not what was copied.
            DriverError: whatever the driver reports.
        """
        ref = self._driver.start_restore(request, key=key)
        shown = ""
        is_asked = False

        def ended() -> RestoreStatus | None:
            nonlocal shown, is_asked
            if cancel.is_set() and not is_asked:
                self._driver.cancel_restore(ref)
                is_asked = True
            status = self._driver.restore_status(ref)
            if status.phase and status.phase != shown:
                shown = status.phase
                self._say(shown)
            return None if status.state is OperationState.RUNNING else status

        status = self._waiter.until(ended, deadline_seconds=RESTORE_DEADLINE_SECONDS)
        if status is None:
            msg = "the restore did not end"
            raise RunFailedError(msg)
        if status.state is not OperationState.SUCCEEDED:
            raise _failure(status)
        return status


def _failure(status: RestoreStatus) -> SafepointError:
    message = status.message or "the restore failed without saying why"
    if status.is_cancelled:
        return RunCancelledError(message, hint=status.hint)
    if status.code == DamagedDataError.code:
        return DamagedDataError(message, hint=status.hint)
    kind = error_class(status.code)
    if kind is VendorFaultError and status.code != VendorFaultError.code:
        return RunFailedError(message, hint=status.hint)
    return kind(message, hint=status.hint, operation="restore")
