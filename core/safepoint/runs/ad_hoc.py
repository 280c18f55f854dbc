"""Checkpoints on their own: create before a patch, revert after a bad one, delete.

A checkpoint is not a backup: it lies on the same storage and slows the VM while it lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from safepoint.drivers.outcomes import error_from_status
from safepoint.errors import (
    ConflictError,
    FencedError,
    OutcomeUnknownError,
    QuiesceError,
    RunTimedOutError,
    SafepointError,
    UnknownNameError,
)
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    Consistency,
    OperationState,
    OperationStatus,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState, Workload
from safepoint.runs.crew import Crew
from safepoint.runs.hold import Held, Hold, Wish
from safepoint.runs.recover import discard_of, lease_key, settle_workload
from safepoint.runs.release import Release
from safepoint.runs.replicated import refuse_checkpoint_on_replica
from safepoint.store import CheckpointRow, Lease

__all__ = ["AdHoc", "AdHocWish"]


@dataclass(frozen=True)
class AdHocWish:
    """What a person asked for."""

    kind: CheckpointKind = CheckpointKind.PRODUCTION
    name: str = ""
    may_fall_back: bool = False
    expires_at: datetime | None = None


class AdHoc:
    """Creates, reverts and deletes checkpoints under the same journal as backup runs."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def create(self, workload: Workload, wish: AdHocWish) -> Held:
        """Make a user checkpoint that stays until somebody deletes it.

        Raises:
            QuiesceError: production was asked for and the guest could not be quiesced; what had
                been made is gone again.
            LeaseHeldError: a run works on the VM.
            ConflictError: the VM is a replica that receives changes.
        """
        refuse_checkpoint_on_replica(workload)
        consistency = Consistency.APPLICATION
        if wish.kind is CheckpointKind.STANDARD:
            consistency = Consistency.CRASH
        with self._lease(workload.ref, "checkpoint create") as lease:
            self._settle(lease, workload.ref)
            held = self._make(lease, workload, wish, consistency)
            fell_back = (
                wish.kind is CheckpointKind.PRODUCTION
                and held.checkpoint.kind is CheckpointKind.STANDARD
                and workload.power is PowerState.RUNNING
            )
            if fell_back and not wish.may_fall_back:
                Release(self._crew).finish(lease, held.row)
                msg = (
                    f"VM {workload.name} gave a standard checkpoint where a production one was "
                    "asked for; it was deleted again"
                )
                hint = "Repair the guest's integration services, or allow --fallback."
                raise QuiesceError(msg, hint=hint)
            if fell_back:
                text = "the guest could not be quiesced: this is a standard checkpoint"
                held = Held(held.row, held.checkpoint, (*held.warnings, text))
            return held

    def _make(
        self, lease: Lease, workload: Workload, wish: AdHocWish, consistency: Consistency
    ) -> Held:
        full = Wish(
            kind=wish.kind, consistency=consistency, name=wish.name, expires_at=wish.expires_at
        )
        try:
            return Hold(self._crew).make(lease, workload, full)
        except (FencedError, RunTimedOutError):
            raise  # not ours any more, or nothing can be said yet: the next sweep settles it
        except SafepointError:
            self._settle(lease, workload.ref)
            raise

    def revert(self, checkpoint: Checkpoint, *, stop_running: bool = False) -> None:
        """Put the VM back to the checkpoint. What was written since is lost.

        Args:
            checkpoint: A user checkpoint, of whichever owner; it stays afterwards.
            stop_running: Turn a running VM off first and start it again afterwards.

        Raises:
            ConflictError: the VM runs, or the checkpoint is none that can be applied.
        """
        if checkpoint.kind not in {CheckpointKind.PRODUCTION, CheckpointKind.STANDARD}:
            msg = f"checkpoint {checkpoint.name!r} is of kind {checkpoint.kind}: not one to revert to"
            raise ConflictError(msg, operation="revert", system=self._crew.connection)
        with self._lease(checkpoint.workload, "checkpoint revert"):
            operation = self._crew.hypervisor.revert_checkpoint(
                RevertRequest(checkpoint=checkpoint.ref, stop_running=stop_running),
                key=f"revert {checkpoint.ref}",
            )
            status = self._follow(operation)
            if status.state is OperationState.FAILED:
                raise error_from_status(status)
            if status.state is not OperationState.SUCCEEDED:
                msg = f"the hypervisor forgot whether it put {checkpoint.workload_name} back"
                hint = "Look into the VM before you use it; reverting again is harmless."
                raise OutcomeUnknownError(msg, hint=hint, operation="revert")

    def delete(self, checkpoint: Checkpoint) -> CheckpointRow:
        """Delete one of ours and wait for the merge; returns its final journal row.

        Raises:
            ConflictError: it is not ours; safepoint never deletes another owner's.
            CheckpointLeftError: not proved gone and merged in time.
        """
        with self._lease(checkpoint.workload, "checkpoint delete") as lease:
            row = self._row_of(checkpoint)
            return Release(self._crew).finish(lease, row)

    def _row_of(self, checkpoint: Checkpoint) -> CheckpointRow:
        for row in self._crew.store.checkpoints.open(checkpoint.workload):
            if row.native == checkpoint.ref:
                return row
        msg = (
            f"checkpoint {checkpoint.name!r} of {checkpoint.workload_name} was not made by this "
            "safepoint; it never deletes another owner's"
        )
        hint = "Delete it with the product or the console that made it."
        raise ConflictError(msg, hint=hint, operation="delete", system=self._crew.connection)

    def find(self, present: tuple[Checkpoint, ...], wanted: str) -> Checkpoint:
        """Return the checkpoint that `wanted` names: its name, id or tag.

        Raises:
            UnknownNameError: none or more than one.
        """
        tags = {r.native: r.tag for r in self._crew.store.checkpoints.open() if r.native}
        hits = [
            c for c in present if wanted in {c.name, c.ref.id, str(c.ref), tags.get(c.ref, "")}
        ]
        if len(hits) == 1:
            return hits[0]
        names = ", ".join(repr(c.name) for c in (hits or present)) or "none"
        what = "more than one checkpoint is" if hits else "no checkpoint is"
        msg = f"{what} called {wanted!r}"
        raise UnknownNameError(msg, hint=f"There is: {names}. Use the id to tell them apart.")

    def _follow(self, operation: Ref) -> OperationStatus:
        deadline = self._crew.deadlines.create_seconds
        status = self._crew.await_operation(operation, deadline_seconds=deadline)
        if status is None:
            msg = "the operation did not end in time"
            raise RunTimedOutError(msg, hint="Look at the VM's tasks on its node.")
        return status

    def _settle(self, lease: Lease, workload: Ref) -> None:
        settle_workload(self._crew, lease, workload, discard=discard_of(self._crew.hypervisor))

    @contextmanager
    def _lease(self, workload: Ref, purpose: str) -> Iterator[Lease]:
        lease = self._crew.store.leases.take(
            lease_key(workload), self._crew.executor, purpose=purpose
        )
        try:
            yield lease
        finally:
            self._crew.store.leases.give_back(lease)
