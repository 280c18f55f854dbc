"""What became of a request for a checkpoint whose answer we do not have."""

from __future__ import annotations

from safepoint.errors import CheckpointLeftError, NotFoundError, RunTimedOutError
from safepoint.models.checkpoints import Checkpoint, OperationState
from safepoint.models.workloads import Activity
from safepoint.runs.crew import Crew
from safepoint.runs.finding import find_ours, named_ours, unclaimed
from safepoint.store import CheckpointRow

__all__ = ["settle"]

#: Idle looks before a lost request counts as never executed, on top of the time it had.
_LOOKS_NEEDED = 5


def settle(crew: Crew, row: CheckpointRow) -> Checkpoint | None:
    """Wait until the hypervisor is done with the request behind `row`.

    Returns:
        The checkpoint it made, or None once it is proved, as far as looking can, that there is
        none: the operation says so, the VM is no more, or the VM was idle in several looks and
        the request had `settle_seconds` to arrive.

    Raises:
        RunTimedOutError: the VM is still busy with it; nothing can be said yet.
        CheckpointLeftError: there are new checkpoints without a name that may be ours and may be
            another product's; none is touched.
    """
    try:
        result = crew.waiter.until(
            _Search(crew, row).look, deadline_seconds=crew.deadlines.create_seconds
        )
    except NotFoundError:
        return None  # the VM is no more, and with it whatever was asked of it
    if result is None:
        msg = f"the hypervisor is still busy with a checkpoint request for {row.workload_name}"
        hint = "Look at the VM's tasks on its node; `safepoint doctor --fix` settles the rest."
        raise RunTimedOutError(msg, hint=hint)
    return result if isinstance(result, Checkpoint) else None


class _Search:
    """Looks again and again; True means that there is nothing and nothing will come."""

    def __init__(self, crew: Crew, row: CheckpointRow) -> None:
        self._crew = crew
        self._row = row
        self._idle_looks = 0

    def look(self) -> Checkpoint | bool | None:
        told = self._ask_operation()
        if told is not None:
            return told
        present = self._crew.checkpoints_of(self._row.workload)
        named = named_ours(self._row, present)
        if named is not None:
            return named
        activity = self._crew.look_at(self._row.workload).activity
        is_idle = activity is not Activity.CREATING_CHECKPOINT
        self._idle_looks = self._idle_looks + 1 if is_idle else 0
        if not self._is_proof():
            return None
        # Ours has had its time to come. Taken earlier, a nameless one might be another product's,
        # made just then, and ours would come after it.
        nameless = find_ours(self._row, present)
        if nameless is not None:
            return nameless
        if self._row.native is None:
            self._refuse_guess(len(unclaimed(self._row, present)))
        return True

    def _ask_operation(self) -> Checkpoint | bool | None:
        """Take the operation's own word, when its answer came and it is still remembered."""
        if self._row.operation is None:
            return None
        status = self._crew.hypervisor.operation(self._row.operation)
        if status.state is OperationState.RUNNING:
            self._idle_looks = 0
        for checkpoint in self._crew.checkpoints_of(self._row.workload) if status.result else ():
            if checkpoint.ref == status.result:
                return checkpoint
        return True if status.state is OperationState.FAILED else None

    def _is_proof(self) -> bool:
        """The request may still be on its way to the VM: one idle look proves nothing."""
        age = self._crew.store.clock() - self._row.intended_at
        had_time = age.total_seconds() >= self._crew.deadlines.settle_seconds
        return had_time and self._idle_looks >= _LOOKS_NEEDED

    def _refuse_guess(self, nameless: int) -> None:
        if nameless:
            msg = (
                f"VM {self._row.workload_name} has checkpoints under the host's own name, "
                f"{nameless} of which may be the one whose creation we lost track of"
            )
            hint = "See `safepoint checkpoint list`; delete by hand the one that no product owns."
            raise CheckpointLeftError(msg, hint=hint)
