"""`CanReplicate` of the reference driver."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from safepoint.drivers import CanReplicate
from safepoint.errors import UnreachableError
from safepoint.models.checkpoints import OperationStatus
from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaHealth,
    ReplicaMode,
    ReplicaPoint,
    ReplicaPointQuery,
    ReplicaQuery,
    ReplicaServerState,
    ReplicaSide,
    ReplicaState,
    ReplicaStatistics,
    ReplicaStepRequest,
    ReplicaStorage,
)
from safepoint.models.workloads import GuestState, PowerState
from safepoint_lab.reference.operations import OperationKind
from safepoint_lab.reference.replication import Copy, Relation
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["ReplicatingSession"]

_HEALTH = {
    ReplicaState.REPLICATING: ReplicaHealth.OK,
    ReplicaState.CRITICAL: ReplicaHealth.CRITICAL,
    ReplicaState.RESYNC_REQUIRED: ReplicaHealth.CRITICAL,
}


class ReplicatingSession(ReferenceSession, CanReplicate):
    """Relationships between the clusters of a world in memory."""

    @override
    def replicas(self, query: ReplicaQuery, /) -> Iterator[ReplicaSide]:
        def read() -> list[ReplicaSide]:
            self._check_up(query.cluster)
            return [
                side
                for relation in self._world.replication.relations.values()
                for side in self._sides(relation, with_statistics=query.with_statistics)
                if query.cluster in {None, side.ref.system} and _is_of(side, query.workload)
                if query.family in {None, side.family}
            ]

        return self._list("replicas", read)

    @override
    def replica_points(self, query: ReplicaPointQuery, /) -> Iterator[ReplicaPoint]:
        def read() -> list[ReplicaPoint]:
            self._check_up(query.cluster)
            return [
                point
                for relation in self._world.replication.relations.values()
                for point in _points(relation)
                if query.cluster in {None, point.replica.system}
                and query.replica in {None, point.replica}
            ]

        return self._list("replica_points", read)

    @override
    def replica_servers(self, query: ReplicaQuery, /) -> Iterator[ReplicaServerState]:
        def read() -> list[ReplicaServerState]:
            self._check_up(query.cluster)
            receivers = self._world.replication.receivers
            names = [query.cluster] if query.cluster is not None else list(receivers)
            return [_server(name, can_receive=receivers.get(name, False)) for name in names]

        return self._list("replica_servers", read)

    @override
    def start_replica_step(self, request: ReplicaStepRequest, /, *, key: str) -> Ref:
        replication = self._world.replication

        def start() -> Ref:
            if key not in replication.keys:
                self._check_up(request.side.system)
                side = request.side
                relation, copy = replication.find(side.system, side.id, request.pair)
                point = request.point.id if request.point is not None else ""
                effect = replication.accept(request.step, relation, copy, point)
                operation = self._world.begin(
                    OperationKind.REPLICA, relation.machine, effect, call="start_replica_step"
                )
                replication.keys[key] = operation.id
            ident = replication.keys[key]
            return Ref(kind="replica-step", system=request.side.system, id=ident)

        return self._ask("start_replica_step", str(request.side), start)

    @override
    def replica_operation(self, operation: Ref, /) -> OperationStatus:
        def read() -> OperationStatus:
            self._check_up(operation.system)
            return self._status_of(operation, makes="workload", on=operation.system)

        return self._look("replica_operation", read)

    def _check_up(self, cluster: str | None) -> None:
        down = self._world.replication.down
        lost = sorted(down) if cluster is None else [cluster] if cluster in down else []
        if lost:
            msg = f"{lost[0]} does not answer"
            raise UnreachableError(msg, operation="replicas", system=lost[0])

    def _sides(self, relation: Relation, *, with_statistics: bool) -> Iterator[ReplicaSide]:
        for copy in relation.copies.values():
            yield self._side(relation, copy, relation.machine, with_statistics=with_statistics)
        if relation.test is not None:
            yield self._side(relation, relation.test, relation.test_id, with_statistics=False)

    def _side(
        self, relation: Relation, copy: Copy, ident: str, *, with_statistics: bool
    ) -> ReplicaSide:
        is_test = copy.mode is ReplicaMode.TEST
        other = relation.other(copy)
        is_on = copy.power is PowerState.RUNNING
        return ReplicaSide(
            ref=Ref(kind="workload", system=copy.system, id=ident),
            pair=relation.pair,
            family=relation.machine,
            name=f"{relation.name} - Test" if is_test else relation.name,
            node=f"{copy.system}-node1",
            mode=copy.mode,
            state=copy.state,
            health=_HEALTH.get(copy.state, ReplicaHealth.WARNING),
            power=copy.power,
            guest=GuestState.READY if is_on else GuestState.UNKNOWN,
            peer=other.system if other is not None else "",
            frequency_seconds=relation.frequency_seconds,
            recovery_points=relation.recovery_points,
            last_replicated_at=relation.last_replicated_at,
            statistics=ReplicaStatistics(cycles_succeeded=100) if with_statistics else None,
            disk_bytes=1 << 20,
            failed_over_to=copy.failed_over_to,
            native_state=f"{copy.mode}/{copy.state}",
        )


def _is_of(side: ReplicaSide, workload: Ref | None) -> bool:
    if workload is None or side.ref == workload:
        return True
    is_test = side.mode is ReplicaMode.TEST
    return is_test and (side.ref.system, side.family) == (workload.system, workload.id)


def _points(relation: Relation) -> Iterator[ReplicaPoint]:
    for copy in relation.copies.values():
        replica = Ref(kind="workload", system=copy.system, id=relation.machine)
        for point in copy.points:
            yield ReplicaPoint(
                ref=Ref(kind="replica-point", system=copy.system, id=point.id),
                replica=replica,
                created_at=point.created_at,
                consistency=point.consistency,
                native_state=point.consistency.value,
            )


def _server(name: str, *, can_receive: bool) -> ReplicaServerState:
    return ReplicaServerState(
        cluster=name,
        name=f"{name}.example",
        can_receive=can_receive,
        logins=("kerberos",) if can_receive else (),
        allowed=("*",) if can_receive else (),
        storages=(ReplicaStorage(path=f"/{name}", free_bytes=1 << 40),) if can_receive else (),
        native_state=str(can_receive),
    )
