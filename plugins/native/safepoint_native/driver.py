"""The driver for Hyper-V itself. The class statement is its data sheet."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from typing_extensions import override

from safepoint.drivers import (
    Ability,
    CanCheckpoint,
    CanCopy,
    CanFollowChanges,
    CanInspectStorage,
    CanReplicate,
    CanRestore,
    CanVerify,
    DriverContext,
    OnProgress,
    ShouldStop,
    Support,
    SupportLevel,
)
from safepoint.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointQuery,
    CheckpointRequest,
    MergeStatus,
    OperationStatus,
    RevertRequest,
)
from safepoint.models.plans import Change, DescribeRequest, Description, Desired, Translation
from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaPoint,
    ReplicaPointQuery,
    ReplicaQuery,
    ReplicaServerState,
    ReplicaSide,
    ReplicaStepRequest,
)
from safepoint.models.resources import Resource, ResourceQuery
from safepoint.models.restore_points import (
    CopyReceipt,
    CopyRequest,
    RestorePoint,
    RestorePointQuery,
    VerifyReport,
)
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint.models.runs import Run, RunQuery
from safepoint.models.storage import DiskFile, DiskFileQuery, ShareSpace
from safepoint.models.systems import SystemInfo
from safepoint.models.verification import VerifyStatus
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint_native.background import Background, Piece
from safepoint_native.checkpointing import Checkpointing
from safepoint_native.copier import Copier, to_point, to_report, vm_key
from safepoint_native.inventory import list_workloads
from safepoint_native.managing.manager import Manager
from safepoint_native.managing.preflight import Preflight
from safepoint_native.managing.replica_manager import ReplicaManager
from safepoint_native.managing.translating import describe, translate
from safepoint_native.nodes import Nodes
from safepoint_native.probing import probe_all
from safepoint_native.replicating import Replicating
from safepoint_native.restorer import Restorer
from safepoint_native.settings import NativeSettings
from safepoint_native.shares import ClusterShares
from safepoint_native.shelf import Shelf
from safepoint_native.sources.filesystem import FileSystem, LocalFileSystem
from safepoint_native.storage import disk_files, share_spaces

__all__ = ["NativeDriver", "open_native"]


class NativeDriver(
    CanFollowChanges,
    CanCheckpoint,
    CanInspectStorage,
    CanCopy,
    CanRestore,
    CanVerify,
    CanReplicate,
):
    """Hyper-V hosts by CIM over WS-Management, disks from their shares, our own repository."""

    def __init__(
        self,
        settings: NativeSettings,
        context: DriverContext,
        *,
        files: FileSystem | None = None,
    ) -> None:
        self._settings = settings
        self._files: FileSystem = files or LocalFileSystem()
        self._context = context
        self._lock = threading.Lock()
        self._is_closed = False
        self._shelf = Shelf(context.connection, settings.repository, context.data_dir)
        self._reverts = Background[None]("revert")
        self._restores = Background[Ref]("restore")
        self._verifications = Background[VerifyReport]("verify")
        self._nodes = {c.name: Nodes(c, settings) for c in context.clusters}
        self._shares = {c.name: ClusterShares(c) for c in context.clusters}
        self._copier = Copier(
            context.connection,
            self._shelf.open,
            level=settings.compression_level,
            now=context.now,
        )

    @property
    def request_count(self) -> int:
        """How many requests were sent to hosts so far."""
        return sum(nodes.request_count for nodes in self._nodes.values())

    # -- required -----------------------------------------------------------------------------

    @override
    def probe(self) -> SystemInfo:
        self._check_open()
        info = probe_all(self._nodes, self._shares, self._context.now)
        problem = self._shelf.problem()
        return info.model_copy(update={"problems": (problem,)}) if problem else info

    @override
    def support(self) -> Mapping[Ability, Support]:
        self._check_open()
        yes = Support(level=SupportLevel.SUPPORTED)
        answers = {
            Ability.CHECKPOINT: yes,
            Ability.INSPECT_STORAGE: yes,
            Ability.COPY: yes,
            Ability.RESTORE: yes,
            Ability.VERIFY: yes,
            Ability.MANAGE: yes,
            Ability.RUN_JOBS: _never("Hyper-V has no backup jobs; safepoint runs them"),
            Ability.SUSPEND_RUNS: _never("Hyper-V has no backup jobs; safepoint runs them"),
            Ability.INSTANT_RECOVERY: _never("a repository serves no disks to a running VM"),
            Ability.REPLICATE: yes,
            Ability.HOLD_POINTS: _later("points of the repository do not age yet"),
        }
        if self._settings.repository is None:
            no = Support(
                level=SupportLevel.NOT_AVAILABLE, reason="the connection has no repository"
            )
            answers |= {Ability.COPY: no, Ability.RESTORE: no, Ability.VERIFY: no}
            if not self._context.replicates:
                answers[Ability.MANAGE] = no
        elif problem := self._shelf.problem():
            # So that a run is refused before it makes a checkpoint that nothing can be copied from.
            answers[Ability.COPY] = Support(level=SupportLevel.NOT_AVAILABLE, reason=problem)
        return answers

    @override
    def workloads(self, query: WorkloadQuery, /) -> Iterator[Workload]:
        for nodes in self._chosen(query.cluster):
            yield from list_workloads(nodes, query)

    @override
    def restore_points(self, query: RestorePointQuery, /) -> Iterator[RestorePoint]:
        self._check_open()
        repository = self._shelf.existing()
        if repository is None:
            return
        key = vm_key(query.workload) if query.workload is not None else None
        stored = repository.points(key)
        points = [to_point(self._context.connection, one) for one in stored]
        for point in sorted(points, key=lambda one: (one.created_at, one.ref.id)):
            if query.workload_name in {None, point.workload_name}:
                yield point

    @override
    def runs(self, query: RunQuery, /) -> Iterator[Run]:
        self._check_open()
        yield from ()

    @override
    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        for work in (self._reverts, self._restores, self._verifications):
            work.close()
        for nodes in self._nodes.values():
            nodes.close()
        for shares in self._shares.values():
            shares.close()

    # -- managing -----------------------------------------------------------------------------

    @override
    def translate(self, desired: Desired, /) -> Translation:
        return translate(desired)

    @override
    def describe(self, request: DescribeRequest, /) -> Description:
        return describe(request)

    @override
    def observe(self, query: ResourceQuery, /) -> Iterator[Resource]:
        if self._settings.repository is not None or not self._context.replicates:
            yield from self._manager().observe(query)
        if self._context.replicates:
            yield from self._replica_manager().observe()

    @override
    def apply(self, change: Change, /, *, key: str) -> Resource | Ref | None:
        if ReplicaManager.owns(change.address):
            return self._replica_manager().apply(change)
        return self._manager().apply(change, key)

    @override
    def change_status(self, change: Ref, /) -> OperationStatus:
        return self._replicating().operation(change)

    # -- checkpoints --------------------------------------------------------------------------

    @override
    def checkpoints(self, query: CheckpointQuery, /) -> Iterator[Checkpoint]:
        cluster = query.workload.system if query.workload is not None else query.cluster
        for nodes in self._chosen(cluster):
            yield from self._checkpointing(nodes.cluster.name).found(query)

    @override
    def create_checkpoint(self, request: CheckpointRequest, /, *, key: str) -> Ref:
        return self._checkpointing(request.workload.system).create(request)

    @override
    def rename_checkpoint(self, checkpoint: Ref, name: str, /, *, key: str) -> None:
        self._checkpointing(checkpoint.system).rename(checkpoint, name)

    @override
    def revert_checkpoint(self, request: RevertRequest, /, *, key: str) -> Ref:
        return self._checkpointing(request.checkpoint.system).revert(request, key)

    @override
    def delete_checkpoint(self, checkpoint: Ref, /, *, key: str) -> Ref:
        return self._checkpointing(checkpoint.system).delete(checkpoint)

    @override
    def operation(self, operation: Ref, /) -> OperationStatus:
        return self._checkpointing(operation.system).operation(operation)

    @override
    def merge_status(self, workload: Ref, /) -> MergeStatus:
        return self._checkpointing(workload.system).merge_status(workload)

    # -- storage ------------------------------------------------------------------------------

    @override
    def share_spaces(self, cluster: str, /) -> Iterator[ShareSpace]:
        nodes = self._nodes_of(cluster)
        yield from share_spaces(nodes.cluster, self._shares[cluster])

    @override
    def disk_files(self, query: DiskFileQuery, /) -> Iterator[DiskFile]:
        self._nodes_of(query.cluster)
        yield from disk_files(self._shares[query.cluster], query.share)

    # -- copying ------------------------------------------------------------------------------

    @override
    def copy(
        self, request: CopyRequest, /, *, on_progress: OnProgress, should_stop: ShouldStop
    ) -> CopyReceipt:
        cluster = request.workload.system
        nodes = self._nodes_of(cluster)
        return self._copier.copy(nodes, self._shares[cluster], request, on_progress, should_stop)

    @override
    def verify_copy(
        self, receipt: CopyReceipt, /, *, on_progress: OnProgress, should_stop: ShouldStop
    ) -> VerifyReport:
        self._check_open()
        return self._copier.verify(receipt, on_progress, should_stop)

    @override
    def seal(self, receipt: CopyReceipt, /) -> RestorePoint:
        self._check_open()
        return self._copier.seal(receipt)

    @override
    def discard(self, tag: str, /) -> None:
        self._check_open()
        repository = self._shelf.existing()
        if repository is not None:
            repository.discard(tag)

    # -- restoring ----------------------------------------------------------------------------

    @override
    def preview_restore(self, request: RestoreRequest, /) -> RestorePreview:
        return self._restorer(request.cluster).preview(request)

    @override
    def start_restore(self, request: RestoreRequest, /, *, key: str) -> Ref:
        work = self._restorer(request.cluster).work(request, key)
        self._restores.start(key, work)
        return Ref(kind="restore", system=request.cluster, id=key)

    @override
    def restore_status(self, restore: Ref, /) -> RestoreStatus:
        self._check_open()
        piece = self._restores.look(restore.id)
        if piece is None:
            raise _unknown_work(restore)
        error = piece.error
        return RestoreStatus(
            ref=restore,
            state=piece.state,
            phase=piece.phase,
            done_bytes=piece.done_bytes,
            total_bytes=piece.total_bytes,
            workload=piece.result,
            code=error.code if error else "",
            message=error.message if error else "",
            hint=error.hint if error else "",
            is_cancelled=error is not None and piece.cancel.is_set(),
        )

    @override
    def cancel_restore(self, restore: Ref, /) -> None:
        self._check_open()
        piece = self._restores.look(restore.id)
        if piece is None:
            raise _unknown_work(restore)
        piece.cancel.set()

    # -- replicating --------------------------------------------------------------------------

    @override
    def replicas(self, query: ReplicaQuery, /) -> Iterator[ReplicaSide]:
        return self._replicating().sides(query)

    @override
    def replica_points(self, query: ReplicaPointQuery, /) -> Iterator[ReplicaPoint]:
        return self._replicating().points(query)

    @override
    def replica_servers(self, query: ReplicaQuery, /) -> Iterator[ReplicaServerState]:
        return self._replicating().servers(query)

    @override
    def start_replica_step(self, request: ReplicaStepRequest, /, *, key: str) -> Ref:
        return self._replicating().start(request)

    @override
    def replica_operation(self, operation: Ref, /) -> OperationStatus:
        return self._replicating().operation(operation)

    # -- verifying ----------------------------------------------------------------------------

    @override
    def start_verification(self, point: Ref, /, *, key: str) -> Ref:
        self._check_open()
        repository = self._shelf.reading()
        stored = repository.point(point.id)

        def work(piece: Piece[VerifyReport]) -> VerifyReport:
            def tell(done: int, total: int) -> None:
                piece.done_bytes, piece.total_bytes = done, total

            report = repository.verify(
                stored.point_id,
                vm=stored.vm,
                on_bytes=tell,
                should_stop=piece.cancel.is_set,
            )
            return to_report(point, report)

        self._verifications.start(key, work)
        return Ref(kind="verification", system=point.system, id=key)

    @override
    def verification(self, verification: Ref, /) -> VerifyStatus:
        self._check_open()
        piece = self._verifications.look(verification.id)
        if piece is None:
            raise _unknown_work(verification)
        return VerifyStatus(
            ref=verification,
            state=piece.state,
            done_bytes=piece.done_bytes,
            total_bytes=piece.total_bytes,
            report=piece.result,
            code=piece.error.code if piece.error else "",
            message=piece.error.message if piece.error else "",
        )

    # -- rooms --------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            msg = f"connection {self._context.connection!r} was closed"
            raise ConflictError(msg, system=self._context.connection)

    def _chosen(self, cluster: str | None) -> list[Nodes]:
        self._check_open()
        return [self._nodes_of(cluster)] if cluster is not None else list(self._nodes.values())

    def _nodes_of(self, cluster: str) -> Nodes:
        self._check_open()
        if cluster not in self._nodes:
            known = ", ".join(self._nodes) or "none"
            msg = f"connection {self._context.connection!r} does not read a cluster {cluster!r}"
            # Not "not found": that would say that a VM is gone which nobody looked for.
            hint = f"It reads: {known}. Declare the cluster with this connection as `hypervisor`."
            raise InvalidRequestError(msg, hint=hint, system=self._context.connection)
        return self._nodes[cluster]

    def _checkpointing(self, cluster: str) -> Checkpointing:
        nodes = self._nodes_of(cluster)
        return Checkpointing(nodes, self._shares[cluster], self._reverts, self._context.now)

    def _restorer(self, cluster: str) -> Restorer:
        nodes = self._nodes_of(cluster)
        return Restorer(nodes, self._shares[cluster], self._shelf.reading, self._context.now)

    def _replicating(self) -> Replicating:
        self._check_open()
        return Replicating(self._nodes, self._shares)

    def _replica_manager(self) -> ReplicaManager:
        self._check_open()
        return ReplicaManager(self._context.connection, self._nodes, self._context.now)

    def _manager(self) -> Manager:
        self._check_open()
        preflight = Preflight(self._nodes, self._shares, self.checkpoints, self._context.now)
        connection = self._context.connection
        return Manager(connection, self._shelf, self._files, preflight)


def _later(reason: str) -> Support:
    return Support(level=SupportLevel.NOT_IMPLEMENTED, reason=reason)


def _never(reason: str) -> Support:
    return Support(level=SupportLevel.NEVER, reason=reason)


def _unknown_work(ref: Ref) -> NotFoundError:
    msg = f"this process knows no {ref.kind} {ref.id!r}; it may have ended with its process"
    return NotFoundError(msg, operation=ref.kind, system=ref.system)


def open_native(settings: NativeSettings, context: DriverContext) -> NativeDriver:
    """Make the driver; nothing is connected yet."""
    return NativeDriver(settings, context)
