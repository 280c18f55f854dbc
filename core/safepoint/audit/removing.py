"""Deleting a checkpoint that is not ours, once everything that forbids it is out of the way."""

from __future__ import annotations

from safepoint.errors import CheckpointLeftError, NotFoundError
from safepoint.models.checkpoints import Checkpoint, MergeState, MergeStatus
from safepoint.runs.crew import Crew
from safepoint.runs.release import ask_deletion
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
            RunTimedOutError: the deletion did not end.
        """
        self._crew.store.leases.check(lease)  # the last look before the deed
        ask_deletion(self._crew, checkpoint.ref, key=f"clean {checkpoint.ref}")
        self._await_gone(checkpoint)
        self._await_merge(checkpoint)

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
            status = self._crew.merge_status(checkpoint.workload)
            return status if status.state in {MergeState.MERGED, MergeState.HELD} else None

        deadline = self._crew.deadlines.merge_seconds
        if self._crew.waiter.until(merged, deadline_seconds=deadline) is None:
            msg = (
                f"checkpoint {checkpoint.name!r} of {checkpoint.workload_name} is deleted, and "
                "its files are not merged yet"
            )
            hint = "Do not merge by hand; `safepoint checkpoint audit` shows how it stands."
            raise CheckpointLeftError(msg, hint=hint)
