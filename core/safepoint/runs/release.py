"""From any open state to the proof that nothing is left. Run after success, failure and death.

Releasing never trusts the journal about the world: it looks, then acts, then looks again.
"""

from __future__ import annotations

from safepoint.drivers.outcomes import error_from_status
from safepoint.errors import (
    AuthenticationError,
    CertificateError,
    CheckpointLeftError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RunTimedOutError,
)
from safepoint.lifecycle import CheckpointEvent, CheckpointState
from safepoint.models.checkpoints import (
    Checkpoint,
    MergeState,
    MergeStatus,
    OperationState,
)
from safepoint.models.refs import Ref
from safepoint.runs.crew import Crew
from safepoint.runs.finding import find_ours
from safepoint.runs.settling import settle
from safepoint.store import CheckpointRow, Lease

__all__ = ["Release", "ask_deletion"]

S = CheckpointState
E = CheckpointEvent

#: Refusals that asking again in a moment cannot change, and that may lock an account.
_HOPELESS = (AuthenticationError, CertificateError, InvalidRequestError, PermissionDeniedError)


def _left(row: CheckpointRow, reason: str, hint: str = "") -> CheckpointLeftError:
    msg = f"checkpoint {row.name!r} of {row.workload_name} could not be deleted: {reason}"
    stays = "It stays in the journal; `safepoint doctor --fix` tries again."
    return CheckpointLeftError(msg, hint=f"{hint} {stays}".strip())


def ask_deletion(crew: Crew, checkpoint: Ref, *, key: str) -> None:
    """Ask for the deletion and wait for the operation; whether it worked, the list tells.

    Raises:
        DriverError: it was refused or failed.
        RunTimedOutError: it did not end.
    """
    try:
        operation = crew.hypervisor.delete_checkpoint(checkpoint, key=key)
    except (NotFoundError, OutcomeUnknownError):
        return  # the next look at the list tells
    deadline = crew.deadlines.delete_seconds
    status = crew.await_operation(operation, deadline_seconds=deadline)
    if status is None:
        msg = "the deletion did not end in time"
        raise RunTimedOutError(msg, hint="Look at the VM's tasks on its node.")
    if status.state is OperationState.FAILED:
        raise error_from_status(status)


class Release:
    """Brings one journaled checkpoint to its end.

    May be repeated from any point, any number of times, by any process that holds the lease.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._journal = crew.store.checkpoints

    def finish(self, lease: Lease, row: CheckpointRow) -> CheckpointRow:
        """Delete the checkpoint if it exists and wait until the merge is proved.

        Returns the row in a final state.

        Raises:
            CheckpointLeftError: not proved within the deadlines; the row stays open.
            FencedError: the lease was taken over.
        """
        row = self.delete(lease, row)
        return self.await_merge(lease, row)

    def delete(self, lease: Lease, row: CheckpointRow) -> CheckpointRow:
        """Bring the row to `merging` or to a final state: the checkpoint is off the list."""
        row = self._journal.get(row.tag)
        if row.state is S.REQUESTED:
            return self._journal.note(lease, row, E.NEVER_CREATED)
        if row.state is S.CREATING:
            row = self._journal.note(lease, row, E.ANSWER_LOST, note="the creator died")
        if row.state is S.LOST:
            row = self._settle_lost(lease, row)
        if row.state in {S.HELD, S.COPYING, S.RELEASING, S.RELEASE_FAILED}:
            row = self._delete_seen(lease, row)
        return row

    def _settle_lost(self, lease: Lease, row: CheckpointRow) -> CheckpointRow:
        found = settle(self._crew, row)
        if found is None:
            return self._journal.note(lease, row, E.NEVER_CREATED)
        return self._journal.note(lease, row, E.SEEN, native=found.ref)

    def _delete_seen(self, lease: Lease, row: CheckpointRow) -> CheckpointRow:
        last: list[str] = []

        def gone() -> CheckpointRow | None:
            nonlocal row
            found = self._present(row)
            if found is None:
                return self._journal.note(lease, row, E.DELETED)
            row = self._journal.note(lease, row, E.RELEASE, native=found.ref)
            self._crew.store.leases.check(lease)  # the last look before the deed
            try:
                ask_deletion(self._crew, found.ref, key=row.tag)
            except (DriverError, RunTimedOutError) as error:
                last[:] = [error.message]
                row = self._journal.note(lease, row, E.DELETE_REFUSED, note=error.message)
                if isinstance(error, _HOPELESS):
                    raise _left(row, error.message, error.hint) from error
            return None

        done = self._crew.waiter.until(gone, deadline_seconds=self._crew.deadlines.delete_seconds)
        if done is None:
            raise _left(row, last[0] if last else "it is still listed")
        return done

    def _present(self, row: CheckpointRow) -> Checkpoint | None:
        try:
            return find_ours(row, self._crew.checkpoints_of(row.workload))
        except NotFoundError:
            return None  # the VM is no more, and its checkpoints with it

    def await_merge(self, lease: Lease, row: CheckpointRow) -> CheckpointRow:
        """Wait for the proof that the VM is back on its own files; a no-op in a final state.

        Raises:
            CheckpointLeftError: the merge did not end in time; the row stays `merging`.
        """
        if row.state is not S.MERGING:
            return row
        seen: list[MergeStatus] = []

        def merged() -> MergeStatus | None:
            status = self._crew.merge_status(row.workload)
            seen[:] = [status]
            return status if status.state in {MergeState.MERGED, MergeState.HELD} else None

        proof = self._crew.waiter.until(
            merged, deadline_seconds=self._crew.deadlines.merge_seconds
        )
        if proof is None:
            files = ", ".join(seen[0].differencing) if seen else "unknown files"
            msg = (
                f"the checkpoint of {row.workload_name} is deleted but not merged: "
                f"the VM still runs on {files}"
            )
            hint = (
                "Do not merge by hand. Check free space and the node's VMMS log; "
                "`safepoint doctor` shows when it is done."
            )
            raise CheckpointLeftError(msg, hint=hint)
        return self._journal.note(lease, row, E.MERGED)
