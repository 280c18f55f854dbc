"""Running a VM straight from its restore point: starting, moving, and knowing what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from safepoint.drivers import CanRecoverInstantly
from safepoint.errors import (
    OutcomeUnknownError,
    RunCancelledError,
    RunFailedError,
    RunTimedOutError,
)
from safepoint.models.instant_recovery import (
    InstantRecovery,
    InstantRecoveryRequest,
    InstantRecoveryState,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import WorkloadQuery
from safepoint.runs.waiting import Waiter

__all__ = ["Instant"]

S = InstantRecoveryState

#: Mounting takes minutes; this only guards against one that never comes.
MOUNT_DEADLINE_SECONDS = 3600.0
#: Moving copies the whole VM.
MIGRATE_DEADLINE_SECONDS = 7 * 86400.0
#: How long to look for a recovery whose start got no answer.
LOST_DEADLINE_SECONDS = 60.0


class Instant:
    """Starts, follows and moves instant recoveries of one product.

    Args:
        driver: Does the work.
        say: Told when the state changes.
        waiter: How to wait.
    """

    def __init__(
        self, driver: CanRecoverInstantly, say: Callable[[str], None], waiter: Waiter
    ) -> None:
        self._driver = driver
        self._say = say
        self._waiter = waiter

    def start(
        self, request: InstantRecoveryRequest, key: str, cancel: threading.Event
    ) -> InstantRecovery:
        """Start and return the recovery once its VM is registered.

        A lost answer is settled by looking, never by asking again. When `cancel` is set the
        recovery is stopped again, unless it has taken the place of the original VM.

        Raises:
            RunCancelledError: it was cancelled.
            RunFailedError: the product could not mount it, in its own words.
            RunTimedOutError: it did not come in time; it is left as it is.
            OutcomeUnknownError: asked, no answer, and none began.
        """
        before = {one.ref for one in self._driver.instant_recoveries()}
        try:
            ref = self._driver.start_instant_recovery(request, key=key)
        except OutcomeUnknownError as error:
            ref = self._find_lost(request, before, error)
        shown: list[str] = []

        def come() -> InstantRecovery | None:
            if cancel.is_set():
                self._cancel(request, ref)
            one = self._find(ref)
            if one is None:
                return None
            if one.native_state not in shown:
                shown.append(one.native_state)
                self._say(f"{one.workload_name}: {one.native_state}")
            return one if one.state in {S.MOUNTED, S.FAILED, S.MIGRATING} else None

        found = self._waiter.until(come, deadline_seconds=MOUNT_DEADLINE_SECONDS)
        if found is None:
            word = shown[-1] if shown else "not listed"
            msg = f"the recovery did not come within {MOUNT_DEADLINE_SECONDS:.0f} s ({word})"
            raise RunTimedOutError(msg, hint=_SEE)
        if found.state is S.FAILED:
            msg = f"{found.workload_name}: {found.message or 'the product does not say why'}"
            raise RunFailedError(msg, hint="`safepoint instant stop` removes what is left of it.")
        return found

    def migrate(self, recovery: InstantRecovery, key: str) -> None:
        """Move the VM to production storage and return once it is an ordinary VM.

        Raises:
            RunFailedError: the product gave it up, in its own words; or it is gone, VM and all.
            RunTimedOutError: it did not end in time; it goes on.
        """
        ref = self._driver.migrate_instant_recovery(recovery.ref, key=key)
        moving: list[bool] = []

        def moved() -> InstantRecoveryState | None:
            one = self._find(ref)
            if one is None or one.state is S.MIGRATED:
                return S.MIGRATED
            if one.state is S.MIGRATING:
                moving.append(True)
                return None
            gave_up = one.state is S.FAILED or (one.state is S.MOUNTED and (moving or one.message))
            if gave_up:
                msg = f"{one.workload_name} was not moved: {one.message or 'nobody says why'}"
                raise RunFailedError(msg, hint="It still runs from the backup storage.")
            return None

        if self._waiter.until(moved, deadline_seconds=MIGRATE_DEADLINE_SECONDS) is None:
            msg = f"{recovery.workload_name} is still being moved"
            raise RunTimedOutError(msg, hint=_SEE)
        self._check_it_stayed(recovery)

    def _check_it_stayed(self, recovery: InstantRecovery) -> None:
        """Gone from the list is moved, or stopped by somebody: the inventory tells which."""
        query = WorkloadQuery(cluster=recovery.cluster or None)
        names = {one.name.casefold() for one in self._driver.workloads(query)}
        if recovery.workload_name.casefold() not in names:
            msg = f"{recovery.workload_name} is no instant recovery any more, and no VM either"
            raise RunFailedError(msg, hint="Somebody may have stopped it meanwhile.")

    def _cancel(self, request: InstantRecoveryRequest, ref: Ref) -> None:
        if request.in_place:
            msg = "left as it is: stopping it would remove the VM that took the original's place"
            raise RunCancelledError(msg, hint=_SEE)
        self._driver.stop_instant_recovery(ref, key=f"stop {ref}")
        msg = "cancelled; what had been begun is removed"
        raise RunCancelledError(msg)

    def _find(self, ref: Ref) -> InstantRecovery | None:
        return next((one for one in self._driver.instant_recoveries() if one.ref == ref), None)

    def _find_lost(
        self, request: InstantRecoveryRequest, before: set[Ref], error: OutcomeUnknownError
    ) -> Ref:
        self._say(f"{error.message}; looking whether it began")

        def look() -> Ref | None:
            new = [one for one in self._driver.instant_recoveries() if one.ref not in before]
            ours = [one.ref for one in new if _is_that(one, request)]
            return ours[0] if len(ours) == 1 else None

        ref = self._waiter.until(look, deadline_seconds=LOST_DEADLINE_SECONDS)
        if ref is None:
            raise error
        return ref


_SEE = "`safepoint instant list` shows how it stands."


def _is_that(one: InstantRecovery, request: InstantRecoveryRequest) -> bool:
    is_of_point = one.point in {None, request.point}
    is_of_name = (
        not request.new_name or one.workload_name.casefold() == request.new_name.casefold()
    )
    return is_of_point and is_of_name
