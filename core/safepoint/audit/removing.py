"""Deleting a checkpoint that is not ours, once everything that forbids it is out of the way."""

from __future__ import annotations

from safepoint.drivers.outcomes import error_from_status
from safepoint.errors import (
    CheckpointLeftError,
    NotFoundError,
    OutcomeUnknownError,
    RunTimedOutError,
)
from safepoint.models.checkpoints import (
    Checkpoint,
    MergeState,
    MergeStatus,
    OperationState,
    OperationStatus,
)
from safepoint.models.refs import Ref
from safepoint.runs.crew import Crew
from safepoint.store import Lease

__all__ = ["Removal"]


class Removal:
    """Asks for the deletion once, looks whether it is off the list, and watches the merge.

    No row of the lifecycle is kept: the checkpoint was never ours, and when this process dies on
    the way the hypervisor ends what it began. The audit log has every step.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def finish(self, lease: Lease, checkpoint: Checkpoint) -> None:
        """Delete the checkpoint and wait for the proof of its merge.

        Raises:
            CheckpointLeftError: it is still listed, or not merged, at the end of the deadline.
            DriverError: the hypervisor refused.
        """
        self._crew.store.leases.check(lease)  # the last look before the deed
        try:
            operation = self._crew.hypervisor.delete_checkpoint(
                checkpoint.ref, key=f"clean {checkpoint.ref}"
            )
        except (NotFoundError, OutcomeUnknownError):
            operation = None  # the list tells
        if operation is not None:
            self._follow(operation)
        self._await_gone(checkpoint)
        self._await_merge(checkpoint)

    def _follow(self, operation: Ref) -> None:
        def ended() -> OperationStatus | None:
            status = self._crew.hypervisor.operation(operation)
            return None if status.state is OperationState.RUNNING else status

        deadline = self._crew.deadlines.delete_seconds
        status = self._crew.waiter.until(ended, deadline_seconds=deadline)
        if status is None:
            msg = "the deletion did not end in time"
            raise RunTimedOutError(msg, hint="Look at the VM's tasks on its node.")
        if status.state is OperationState.FAILED:
            raise error_from_status(status)

    def _await_gone(self, checkpoint: Checkpoint) -> None:
        def gone() -> bool | None:
            try:
                present = self._crew.checkpoints_of(checkpoint.workload)
            except NotFoundError:
                return True  # the VM is no more, and its checkpoints with it
            return None if any(one.ref == checkpoint.ref for one in present) else True

        deadline = self._crew.deadlines.settle_seconds
        if not self._crew.waiter.until(gone, deadline_seconds=deadline):
            msg = f"checkpoint {checkpoint.name!r} of {checkpoint.workload_name} is still listed"
            raise CheckpointLeftError(msg, hint="Look at the VM's tasks on its node.")

    def _await_merge(self, checkpoint: Checkpoint) -> None:
        def merged() -> MergeStatus | None:
            try:
                status = self._crew.hypervisor.merge_status(checkpoint.workload)
            except NotFoundError:
                return MergeStatus(state=MergeState.MERGED)
            return status if status.state in {MergeState.MERGED, MergeState.HELD} else None

        deadline = self._crew.deadlines.merge_seconds
        if self._crew.waiter.until(merged, deadline_seconds=deadline) is None:
            msg = (
                f"checkpoint {checkpoint.name!r} of {checkpoint.workload_name} is deleted, and "
                "its files are not merged yet"
            )
            hint = "Do not merge by hand; `safepoint checkpoint audit` shows how it stands."
            raise CheckpointLeftError(msg, hint=hint)
