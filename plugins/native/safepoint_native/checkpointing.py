"""Checkpoints of one cluster's VMs, wherever they run at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from safepoint.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    UnreachableError,
)
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    CheckpointQuery,
    CheckpointRequest,
    Consistency,
    MergeStatus,
    OperationState,
    OperationStatus,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import PowerState
from safepoint_native.background import Background, Piece
from safepoint_native.chains import parent_of
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv import checkpoints as host
from safepoint_native.hyperv.inventory import VirtualMachine, list_machines, machine
from safepoint_native.hyperv.jobs import Started, created_elements, look_at_job
from safepoint_native.hyperv.merges import look_at_merge
from safepoint_native.hyperv.power import start_machine, turn_off
from safepoint_native.mapping import (
    CheckpointId,
    HostJob,
    checkpoint_ref,
    failed,
    to_checkpoint,
    to_status,
)
from safepoint_native.nodes import Nodes
from safepoint_native.sources.port import ShareAccess
from safepoint_native.waiting import finish

__all__ = ["Checkpointing"]

_CREATE = "CreateSnapshot"
_SNAPSHOT_TYPES = {CheckpointKind.STANDARD: 5}
#: Settings of a VM under which a production checkpoint comes out, or is at least tried.
_PRODUCTION_TYPES = frozenset({3, 4})
_PRODUCTION_ELSE_STANDARD = 3


class Checkpointing:
    """The checkpoint ability, for one cluster."""

    def __init__(
        self,
        nodes: Nodes,
        shares: ShareAccess,
        background: Background[None],
        now: Callable[[], datetime],
    ) -> None:
        self._nodes = nodes
        self._shares = shares
        self._cluster = nodes.cluster.name
        self._background = background
        self._now = now

    def found(self, query: CheckpointQuery) -> Iterator[Checkpoint]:
        """List the checkpoints of a VM, or of every VM."""
        if query.workload is not None:
            vm_id = query.workload.id
            yield from self._nodes.on_owner(vm_id, self._of_machine(vm_id))
            return
        for found in self._nodes.on_living(self._nodes.view(), self._of_node):
            yield from found

    def _of_machine(self, vm_id: str) -> Callable[[CimClient], list[Checkpoint]]:
        def read(client: CimClient) -> list[Checkpoint]:
            # The VM first: a node that does not own it answers a listing with nothing.
            owner = machine(client, vm_id)
            found = host.list_checkpoints(client, vm_id)
            return [to_checkpoint(self._cluster, one, owner, self._now()) for one in found]

        return read

    def _of_node(self, client: CimClient) -> list[Checkpoint]:
        found = host.list_checkpoints(client)
        if not found:
            return []
        owners = list_machines(client, {one.vm_id for one in found})
        machines: dict[str, VirtualMachine] = {vm.id: vm for vm in owners}
        return [
            to_checkpoint(self._cluster, one, machines[one.vm_id], self._now())
            for one in found
            if one.vm_id in machines
        ]

    def create(self, request: CheckpointRequest) -> Ref:
        """Ask for a checkpoint."""
        vm_id = request.workload.id
        return self._nodes.on_owner(vm_id, lambda client: self._create(client, request))

    def _create(self, client: CimClient, request: CheckpointRequest) -> Ref:
        vm_id = request.workload.id
        if request.kind in {CheckpointKind.PRODUCTION, CheckpointKind.STANDARD}:
            return self._create_user(client, vm_id, request.kind).to_ref(self._cluster)
        if request.kind is not CheckpointKind.BACKUP:
            msg = f"Hyper-V cannot be asked for a checkpoint of kind {request.kind}"
            raise InvalidRequestError(msg, operation=_CREATE, system=client.node)
        quiesce = request.consistency is not Consistency.CRASH
        started = host.start_create_recovery(client, vm_id, application_consistent=quiesce)
        return HostJob.of(client.node, vm_id, started).to_ref(self._cluster)

    def _create_user(self, client: CimClient, vm_id: str, kind: CheckpointKind) -> HostJob:
        """Ask for a checkpoint that can be applied.

        The VM's own setting decides its kind. Where that does not fit, it is changed for as long
        as the job runs; `operation` puts it back. When the host reads it is not known, so it
        stays until the job has ended. The operation's handle, which is journaled, remembers the
        old value, so that whoever settles after a crash puts it back as well.
        """
        before = machine(client, vm_id).user_checkpoint_type
        wanted = _SNAPSHOT_TYPES.get(kind, _PRODUCTION_ELSE_STANDARD)
        fits = before == wanted or (
            kind is CheckpointKind.PRODUCTION and before in _PRODUCTION_TYPES
        )
        if fits:
            return HostJob.of(client.node, vm_id, host.start_create_user(client, vm_id))
        finish(client, host.set_user_checkpoint_type(client, vm_id, wanted))
        try:
            started = host.start_create_user(client, vm_id)
        except BaseException:
            finish(client, host.set_user_checkpoint_type(client, vm_id, before))
            raise
        return HostJob.of(client.node, vm_id, started, put_back=before)

    def _put_back(self, job: HostJob) -> None:
        """Give the VM its own checkpoint type again; doing it twice is harmless."""
        if job.put_back is None:
            return
        own = job.put_back

        def change(client: CimClient) -> None:
            if machine(client, job.vm_id).user_checkpoint_type != own:
                finish(client, host.set_user_checkpoint_type(client, job.vm_id, own))

        self._nodes.on_owner(job.vm_id, change)

    def rename(self, checkpoint: Ref, name: str) -> None:
        """Give it a name and wait the moment that takes."""
        ids = CheckpointId.of(checkpoint)
        self._nodes.on_owner(
            ids.vm_id,
            lambda client: finish(client, host.start_rename(client, ids.checkpoint_id, name)),
        )

    def delete(self, checkpoint: Ref) -> Ref:
        """Ask for its deletion."""
        ids = CheckpointId.of(checkpoint)

        def ask(client: CimClient) -> Ref:
            started = host.start_delete(client, ids.checkpoint_id)
            return HostJob.of(client.node, ids.vm_id, started).to_ref(self._cluster)

        return self._nodes.on_owner(ids.vm_id, ask)

    def revert(self, request: RevertRequest, key: str) -> Ref:
        """Apply a checkpoint; turning the VM off and on again when that is wished."""
        ids = CheckpointId.of(request.checkpoint)
        found = self._nodes.on_owner(
            ids.vm_id, lambda client: host.checkpoint(client, ids.checkpoint_id)
        )
        if found.kind not in {CheckpointKind.PRODUCTION, CheckpointKind.STANDARD}:
            msg = f"a checkpoint of kind {found.kind} cannot be applied"
            raise ConflictError(msg, operation="ApplySnapshot", system=self._cluster)
        power = self._nodes.on_owner(ids.vm_id, lambda client: machine(client, ids.vm_id)).power
        is_running = power not in {PowerState.OFF, PowerState.SAVED}
        if is_running and not request.stop_running:
            msg = "the VM runs; a checkpoint can be applied only to one that is off or saved"
            hint = "Shut it down, or give --stop to turn it off and on again."
            raise ConflictError(msg, hint=hint, operation="ApplySnapshot", system=self._cluster)

        def work(piece: Piece[None]) -> None:
            self._revert(piece, ids, is_running=is_running)

        self._background.start(key, work)
        return Ref(kind="revert", system=self._cluster, id=key)

    def _revert(self, piece: Piece[None], ids: CheckpointId, *, is_running: bool) -> None:
        def run(call: Callable[[CimClient], Started]) -> None:
            self._nodes.on_owner(ids.vm_id, lambda client: finish(client, call(client)))

        if is_running:
            piece.phase = "turning the VM off"
            run(lambda client: turn_off(client, ids.vm_id))
        piece.phase = "applying the checkpoint"
        run(lambda client: host.start_apply(client, ids.checkpoint_id))
        if is_running:
            piece.phase = "starting the VM"
            power = self._nodes.on_owner(ids.vm_id, lambda c: machine(c, ids.vm_id)).power
            if power is not PowerState.RUNNING:
                run(lambda client: start_machine(client, ids.vm_id))

    def operation(self, operation: Ref) -> OperationStatus:
        """Look once at a create, delete or revert."""
        if operation.kind == "revert":
            return self._background_status(operation)
        job = HostJob.from_ref(operation)
        client = self._nodes.client(job.node)
        if job.job is None:
            self._put_back(job)
            return OperationStatus(ref=operation, state=OperationState.SUCCEEDED, percent=100)
        try:
            look = look_at_job(client, job.job, operation=job.operation)
            if look.state is not OperationState.RUNNING:
                self._put_back(job)
            result = None
            if look.state is OperationState.SUCCEEDED and job.operation == _CREATE:
                result = self._created(client, job)
            elif look.error is not None and job.operation == _CREATE:
                error = host.explain_create_failure(client, job.vm_id, look.error)
                return failed(operation, error)
        except UnreachableError:
            if self._has_moved(job):
                # Jobs do not move with their VM: this one can never be asked again.
                return OperationStatus(ref=operation, state=OperationState.UNKNOWN)
            raise
        return to_status(operation, look, result)

    def _created(self, client: CimClient, job: HostJob) -> Ref | None:
        # Only what the host lists under this very job: a guess is the core's to make.
        assert job.job is not None
        started = Started(job.operation, job.job, CimRow("", {}))
        for ref in created_elements(client, started, "ResultingSnapshot"):
            guid = ref.key("InstanceID").removeprefix("Microsoft:")
            return checkpoint_ref(self._cluster, job.vm_id, guid)
        return None

    def _has_moved(self, job: HostJob) -> bool:
        try:
            return self._nodes.owner(job.vm_id, fresh=True) != job.node
        except (NotFoundError, UnreachableError):
            return False

    def _background_status(self, operation: Ref) -> OperationStatus:
        piece = self._background.look(operation.id)
        if piece is None:
            return OperationStatus(ref=operation, state=OperationState.UNKNOWN)
        if piece.error is not None:
            return failed(operation, piece.error)
        return OperationStatus(ref=operation, state=piece.state)

    def merge_status(self, workload: Ref) -> MergeStatus:
        """Tell whether the VM is back on its own files."""

        def read(client: CimClient) -> MergeStatus:
            # Read from the share: the host would need a second hop to open it for us.
            look = look_at_merge(
                client, workload.id, parent_of=lambda path: parent_of(self._shares, path)
            )
            return MergeStatus(state=look.state, differencing=look.unexplained, node=client.node)

        return self._nodes.on_owner(workload.id, read)
