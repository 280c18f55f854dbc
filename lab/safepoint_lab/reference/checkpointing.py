"""`CanCheckpoint` of the reference driver."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from safepoint.drivers import CanCheckpoint
from safepoint.errors import BusyError, ConflictError
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    CheckpointQuery,
    CheckpointRequest,
    Consistency,
    FrozenDisk,
    MergeState,
    MergeStatus,
    OperationStatus,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import Activity, GuestState, PowerState
from safepoint_lab.reference.machines import Frozen, Machine
from safepoint_lab.reference.operations import Failure, Operation, OperationKind
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["CheckpointingSession"]


class CheckpointingSession(ReferenceSession, CanCheckpoint):
    """Checkpoints of the machines in memory."""

    @override
    def checkpoints(self, query: CheckpointQuery, /) -> Iterator[Checkpoint]:
        def wanted(machine: Machine) -> bool:
            ref = Ref(kind="workload", system=machine.cluster, id=machine.id)
            return query.cluster in {None, machine.cluster} and query.workload in {None, ref}

        def read() -> list[Checkpoint]:
            machines = self._world.machines.values()
            return [
                self._checkpoint(m, frozen) for m in machines if wanted(m) for frozen in m.frozen
            ]

        return self._list("checkpoints", read)

    def _checkpoint(self, machine: Machine, frozen: Frozen) -> Checkpoint:
        told = frozen.consistency if self._world.tells_consistency else Consistency.UNKNOWN
        return Checkpoint(
            ref=Ref(kind="checkpoint", system=machine.cluster, id=frozen.id),
            workload=Ref(kind="workload", system=machine.cluster, id=machine.id),
            workload_name=machine.name,
            name=frozen.name,
            kind=frozen.kind,
            created_at=frozen.created_at,
            node=machine.node,
            has_default_name=frozen.given_name is None,
            consistency=told,
            parent_id=frozen.parent,
            disks=tuple(
                FrozenDisk(name=disk, path=machine.frozen_file_of(disk, frozen))
                for disk in frozen.contents
                if disk not in machine.unprotectable
            ),
            native_state=frozen.kind.value,
        )

    # --- create -------------------------------------------------------------------------------

    @override
    def create_checkpoint(self, request: CheckpointRequest, /, *, key: str) -> Ref:
        call = "create_checkpoint"
        return self._ask(call, request.workload.id, lambda: self._create(request))

    def _create(self, request: CheckpointRequest) -> Ref:
        world = self._world
        machine = world.find_machine(request.workload.id, "create_checkpoint")
        self._refuse_busy(machine, "create_checkpoint", allowed=frozenset())
        if machine.power is PowerState.CRITICAL:
            msg = f"VM {machine.name} has lost its storage"
            raise ConflictError(msg, operation="create_checkpoint", system=machine.cluster)
        is_weak = world.faults.weaknesses.take("create_checkpoint") is not None
        kind, consistency = _outcome(machine, request, is_weak=is_weak)
        operation = world.begin(
            OperationKind.CREATE,
            machine.id,
            lambda: world.freeze(machine, kind, consistency).id,
            call="create_checkpoint",
        )
        if operation.failure is None and not is_weak and _needs_guest(machine, request):
            text = f"the guest of VM {machine.name} does not answer"
            operation.failure = Failure("quiesce", text)
        return self._ref(operation)

    def _refuse_busy(self, machine: Machine, call: str, *, allowed: frozenset[Activity]) -> None:
        activity = self._world.activity_of(machine)
        if activity is not Activity.NONE and activity not in allowed:
            msg = f"VM {machine.name} on {machine.node} is busy: {activity}"
            raise BusyError(msg, operation=call, system=machine.cluster)

    def _ref(self, operation: Operation) -> Ref:
        return Ref(kind=operation.kind.value, system=self._world.cluster, id=operation.id)

    @override
    def rename_checkpoint(self, checkpoint: Ref, name: str, /, *, key: str) -> None:
        def write() -> None:
            _, frozen = self._world.find_checkpoint(checkpoint.id, "rename_checkpoint")
            frozen.given_name = name

        self._ask("rename_checkpoint", checkpoint.id, write)

    # --- revert -------------------------------------------------------------------------------

    @override
    def revert_checkpoint(self, request: RevertRequest, /, *, key: str) -> Ref:
        call = "revert_checkpoint"
        return self._ask(call, request.checkpoint.id, lambda: self._revert(request))

    def _revert(self, request: RevertRequest) -> Ref:
        call = "revert_checkpoint"
        machine, frozen = self._world.find_checkpoint(request.checkpoint.id, call)
        if frozen.kind not in {CheckpointKind.PRODUCTION, CheckpointKind.STANDARD}:
            msg = f"a {frozen.kind} checkpoint cannot be applied: {frozen.name}"
            raise ConflictError(msg, operation=call, system=machine.cluster)
        if machine.power is not PowerState.OFF and not request.stop_running:
            msg = f"VM {machine.name} is {machine.power}; it must be off to be put back"
            raise ConflictError(msg, operation=call, system=machine.cluster)
        self._refuse_busy(machine, call, allowed=frozenset({Activity.MERGING}))

        def effect() -> str:
            machine.contents = dict(frozen.contents)
            return ""

        operation = self._world.begin(OperationKind.REVERT, machine.id, effect, call=call)
        return self._ref(operation)

    # --- delete -------------------------------------------------------------------------------

    @override
    def delete_checkpoint(self, checkpoint: Ref, /, *, key: str) -> Ref:
        return self._ask("delete_checkpoint", checkpoint.id, lambda: self._delete(checkpoint))

    def _delete(self, checkpoint: Ref) -> Ref:
        call = "delete_checkpoint"
        machine, frozen = self._world.find_checkpoint(checkpoint.id, call)
        self._refuse_busy(machine, call, allowed=frozenset({Activity.MERGING}))

        def effect() -> str:
            if frozen in machine.frozen:
                self._world.thaw(machine, frozen)
            return ""

        operation = self._world.begin(OperationKind.DELETE, machine.id, effect, call=call)
        return self._ref(operation)

    # --- following ----------------------------------------------------------------------------

    @override
    def operation(self, operation: Ref, /) -> OperationStatus:
        def read() -> OperationStatus:
            return self._status_of(operation, makes="checkpoint", on=self._world.cluster)

        return self._look("operation", read)

    @override
    def merge_status(self, workload: Ref, /) -> MergeStatus:
        return self._look("merge_status", lambda: self._merge_status(workload))

    def _merge_status(self, workload: Ref) -> MergeStatus:
        machine = self._world.find_machine(workload.id, "merge_status")
        if machine.merges:
            files = tuple(
                machine.file_of(disk, merge.layer)
                for merge in machine.merges
                for disk in machine.contents
            )
            return MergeStatus(state=MergeState.MERGING, differencing=files, node=machine.node)
        state = MergeState.HELD if machine.frozen else MergeState.MERGED
        return MergeStatus(state=state, node=machine.node)


def _needs_guest(machine: Machine, request: CheckpointRequest) -> bool:
    """Tell whether the request asks a running guest to quiesce that cannot."""
    asks = request.consistency is not Consistency.CRASH
    asks = asks and request.kind is not CheckpointKind.STANDARD
    is_on = machine.power is PowerState.RUNNING
    return asks and is_on and machine.guest is not GuestState.READY


def _outcome(
    machine: Machine, request: CheckpointRequest, *, is_weak: bool
) -> tuple[CheckpointKind, Consistency]:
    """Return the kind and the consistency that will come out."""
    best = Consistency.FILESYSTEM if machine.guest_os == "linux" else Consistency.APPLICATION
    asked_to_quiesce = request.consistency is not Consistency.CRASH
    is_quiesced = asked_to_quiesce and request.kind is not CheckpointKind.STANDARD and not is_weak
    kind = request.kind
    if is_weak and kind is CheckpointKind.PRODUCTION:
        kind = CheckpointKind.STANDARD
    return kind, best if is_quiesced else Consistency.CRASH
