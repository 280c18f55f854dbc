"""`CanRestore` and `CanVerify` of the reference driver."""

from __future__ import annotations

from typing_extensions import override

from safepoint.drivers import CanRestore, CanVerify
from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint.models.verification import VerifyStatus
from safepoint.models.workloads import PowerState
from safepoint_lab.reference.machines import Machine
from safepoint_lab.reference.operations import Operation, OperationKind
from safepoint_lab.reference.repository import Copy
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["RestoringSession", "VerifyingSession"]


class RestoringSession(ReferenceSession, CanRestore):
    """Makes machines of restore points."""

    @override
    def preview_restore(self, request: RestoreRequest, /) -> RestorePreview:
        return self._look("preview_restore", lambda: self._preview(request))

    def _preview(self, request: RestoreRequest) -> RestorePreview:
        copy = self._world.repository.find_point(request.point.id)
        blockers = []
        name = request.new_name
        if request.in_place:
            machine = self._world.machines.get(copy.point.workload.id)
            name = copy.point.workload_name
            if machine is None:
                blockers.append(f"VM {name} is no more; restore it under a new name")
            elif machine.power is not PowerState.OFF and not request.stop_running:
                blockers.append(f"VM {name} runs")
        elif not name or name in {m.name for m in self._world.machines.values()}:
            blockers.append(f"a new VM needs a name that is free, not {name!r}")
        return RestorePreview(
            workload_name=copy.point.workload_name,
            target_name=name,
            cluster=self._world.cluster,
            node=request.node,
            size_bytes=copy.point.size_bytes,
            free_bytes=None,
            steps=("write the disks", "register the VM"),
            blockers=tuple(blockers),
        )

    @override
    def start_restore(self, request: RestoreRequest, /, *, key: str) -> Ref:
        return self._ask("start_restore", request.point.id, lambda: self._start(request))

    def _start(self, request: RestoreRequest) -> Ref:
        preview = self._preview(request)
        if preview.blockers:
            raise ConflictError(preview.blockers[0], operation="start_restore")
        copy = self._world.repository.find_point(request.point.id)
        target = copy.point.workload.id if request.in_place else ""
        operation = self._world.begin(
            OperationKind.RESTORE, target, lambda: self._restore(request, copy), call="restore"
        )
        return Ref(kind="restore", system=self._world.cluster, id=operation.id)

    def _restore(self, request: RestoreRequest, copy: Copy) -> str:
        if request.in_place:
            machine = self._world.machines[copy.point.workload.id]
        else:
            machine = self._new_machine(request, copy)
        machine.contents = {**machine.contents, **copy.contents}
        machine.power = PowerState.RUNNING if request.start else PowerState.OFF
        return machine.id

    def _new_machine(self, request: RestoreRequest, copy: Copy) -> Machine:
        machine = self._world.add_machine(request.new_name, disks=0)
        machine.guest_os = copy.guest_os
        return machine

    @override
    def restore_status(self, restore: Ref, /) -> RestoreStatus:
        return self._look("restore_status", lambda: self._restore_status(restore))

    def _restore_status(self, restore: Ref) -> RestoreStatus:
        operation = self._world.operations.get(restore.id)
        if operation is None:
            return RestoreStatus(ref=restore, state=OperationState.UNKNOWN)
        made = Ref(kind="workload", system=self._world.cluster, id=operation.result or "-")
        return RestoreStatus(
            ref=restore,
            state=operation.state,
            done_bytes=operation.percent(self._world.clock.monotonic()),
            total_bytes=100,
            workload=made if operation.result else None,
            code=operation.failure.code if operation.failure else "",
            message=operation.failure.message if operation.failure else "",
            is_cancelled=operation.is_cancelled,
        )

    @override
    def cancel_restore(self, restore: Ref, /) -> None:
        def write() -> None:
            operation = self._find(restore)
            if operation.state is OperationState.RUNNING:
                operation.state = OperationState.FAILED
                operation.is_cancelled = True

        self._ask("cancel_restore", restore.id, write)

    def _find(self, restore: Ref) -> Operation:
        operation = self._world.operations.get(restore.id)
        if operation is None:
            msg = f"no restore has the id {restore.id}"
            raise NotFoundError(msg, operation="cancel_restore", system=self._world.cluster)
        return operation


class VerifyingSession(ReferenceSession, CanVerify):
    """Proves restore points."""

    @override
    def start_verification(self, point: Ref, /, *, key: str) -> Ref:
        def write() -> Ref:
            self._world.repository.find_point(point.id)
            operation = self._world.begin(
                OperationKind.VERIFY, point.id, lambda: point.id, call="start_verification"
            )
            return Ref(kind="verification", system=self._world.cluster, id=operation.id)

        return self._ask("start_verification", point.id, write)

    @override
    def verification(self, verification: Ref, /) -> VerifyStatus:
        return self._look("verification", lambda: self._verify_status(verification))

    def _verify_status(self, verification: Ref) -> VerifyStatus:
        operation = self._world.operations.get(verification.id)
        if operation is None:
            return VerifyStatus(ref=verification, state=OperationState.UNKNOWN)
        has_ended = operation.state is OperationState.SUCCEEDED
        copy = self._world.repository.points.get(operation.target)
        return VerifyStatus(
            ref=verification,
            state=operation.state,
            report=copy.verify() if has_ended and copy is not None else None,
        )
