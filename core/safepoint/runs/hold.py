"""From the intent to a checkpoint that holds. Every step is journaled before it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from safepoint.drivers.outcomes import error_from_status
from safepoint.errors import (
    DriverError,
    OutcomeUnknownError,
    RunFailedError,
    RunTimedOutError,
    UnsupportedError,
)
from safepoint.lifecycle import CheckpointEvent, checkpoint_name, new_tag
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    CheckpointRequest,
    Consistency,
    OperationState,
    OperationStatus,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import Workload
from safepoint.runs.crew import Crew
from safepoint.runs.finding import find_ours
from safepoint.runs.settling import settle
from safepoint.store import CheckpointRow, Intent, Lease

__all__ = ["Held", "Hold", "Wish"]


@dataclass(frozen=True)
class Wish:
    """What kind of checkpoint is wanted, and for whom."""

    kind: CheckpointKind
    consistency: Consistency
    label: str = ""
    """A word in the name; ad hoc checkpoints may bring a whole `name` instead."""
    name: str = ""
    run: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Held:
    """A checkpoint that exists under our name."""

    row: CheckpointRow
    checkpoint: Checkpoint
    warnings: tuple[str, ...] = ()


class Hold:
    """Makes one checkpoint, or proves that none was made, or leaves a row that says `lost`."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def make(self, lease: Lease, workload: Workload, wish: Wish) -> Held:
        """Return the held checkpoint.

        Raises:
            QuiesceError: the guest could not be made consistent; nothing was left behind.
            DriverError: refused or failed; nothing was left behind, unless the row says `lost`.
            RunTimedOutError: it did not come in time; the row says `lost`.
            FencedError: the lease was taken over.
        """
        row = self._intend(lease, workload, wish)
        row = self._crew.store.checkpoints.note(lease, row, CheckpointEvent.ASK)
        request = CheckpointRequest(
            workload=workload.ref, name=row.name, kind=wish.kind, consistency=wish.consistency
        )
        self._crew.store.leases.check(lease)  # the last look before the deed
        try:
            operation = self._crew.hypervisor.create_checkpoint(request, key=row.tag)
        except OutcomeUnknownError as error:
            return self._after_lost_answer(lease, row, error)
        except (DriverError, UnsupportedError) as error:
            self._note(lease, row, CheckpointEvent.REFUSED, note=error.message)
            raise
        row = self._crew.store.checkpoints.set_operation(lease, row, operation)
        return self._follow(lease, row, operation)

    def _intend(self, lease: Lease, workload: Workload, wish: Wish) -> CheckpointRow:
        baseline = tuple(c.ref.id for c in self._crew.checkpoints_of(workload.ref))
        tag = new_tag()
        intent = Intent(
            tag=tag,
            connection=self._crew.connection,
            workload=workload.ref,
            workload_name=workload.name,
            name=wish.name or checkpoint_name(tag, wish.label),
            kind=wish.kind,
            baseline=baseline,
            run=wish.run,
            expires_at=wish.expires_at,
        )
        return self._crew.store.checkpoints.intend(lease, intent)

    def _follow(self, lease: Lease, row: CheckpointRow, operation: Ref) -> Held:
        seconds = self._crew.deadlines.create_seconds
        status = self._crew.await_operation(operation, deadline_seconds=seconds)
        if status is None:
            msg = f"the checkpoint of {row.workload_name} did not come within {seconds:.0f} s"
            self._note(lease, row, CheckpointEvent.ANSWER_LOST, note=msg)
            hint = "Look at the VM's tasks on its node; `safepoint doctor --fix` settles the rest."
            raise RunTimedOutError(msg, hint=hint)
        if status.state is OperationState.FAILED:
            raise self._failed(lease, row, status)
        found = self._found(row, status.result)
        if found is not None:
            return self._seen(lease, row, found, status.warnings)
        msg = f"the hypervisor forgot the checkpoint operation for {row.workload_name}"
        return self._after_lost_answer(lease, row, OutcomeUnknownError(msg))

    def _failed(self, lease: Lease, row: CheckpointRow, status: OperationStatus) -> DriverError:
        """Journal the failure and return it as the error to raise.

        A failed operation may have left a checkpoint; only its own word for which one counts,
        because a request often fails for the very reason that another product is making one.
        """
        if status.result is not None and self._found(row, status.result) is not None:
            self._note(
                lease,
                row,
                CheckpointEvent.ANSWER_LOST,
                note=f"failed, and left a checkpoint: {status.message}",
                native=status.result,
            )
        else:
            self._note(lease, row, CheckpointEvent.REFUSED, note=status.message)
        return error_from_status(status)

    def _after_lost_answer(
        self, lease: Lease, row: CheckpointRow, error: OutcomeUnknownError
    ) -> Held:
        row = self._note(lease, row, CheckpointEvent.ANSWER_LOST, note=error.message)
        found = settle(self._crew, row)
        if found is not None:
            return self._seen(lease, row, found, ("the answer to its creation was lost",))
        self._note(lease, row, CheckpointEvent.NEVER_CREATED)
        msg = f"{error.message}; looked: no checkpoint was made"
        raise RunFailedError(msg, hint="Run the job again.") from error

    def _found(self, row: CheckpointRow, result: Ref | None) -> Checkpoint | None:
        present = self._crew.checkpoints_of(row.workload)
        if result is not None:
            return next((c for c in present if c.ref == result), None)
        return find_ours(row, present)

    def _seen(
        self, lease: Lease, row: CheckpointRow, found: Checkpoint, warnings: tuple[str, ...]
    ) -> Held:
        row = self._note(lease, row, CheckpointEvent.SEEN, native=found.ref)
        if found.name != row.name:
            try:
                self._rename(row, found)
            except DriverError as error:
                # Harmless: the journal knows its id. Only a person at the console misses it.
                warnings = (*warnings, f"its checkpoint could not be renamed: {error.message}")
        return Held(row, found, warnings)

    def _rename(self, row: CheckpointRow, found: Checkpoint) -> None:
        """Give it our name, again for a short while if the host is away just now."""

        def renamed() -> bool:
            self._crew.hypervisor.rename_checkpoint(found.ref, row.name, key=row.tag)
            return True

        self._crew.waiter.until(renamed, deadline_seconds=self._crew.deadlines.rename_seconds)

    def _note(
        self,
        lease: Lease,
        row: CheckpointRow,
        event: CheckpointEvent,
        *,
        note: str = "",
        native: Ref | None = None,
    ) -> CheckpointRow:
        return self._crew.store.checkpoints.note(lease, row, event, note=note, native=native)
