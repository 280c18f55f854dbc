"""From what Hyper-V shows of replication to neutral data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safepoint.errors import InvalidRequestError
from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref
from safepoint.models.replica_documents import ReplicaLogin
from safepoint.models.replicas import (
    ReplicaHealth,
    ReplicaMode,
    ReplicaPoint,
    ReplicaServerState,
    ReplicaSide,
    ReplicaState,
    ReplicaStatistics,
    ReplicaStorage,
)
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv.replicating import RelationSettings
from safepoint_native.hyperv.replication import (
    CERTIFICATE,
    EXTENDED_LEG,
    FIRST_LEG,
    KERBEROS,
    HostPoint,
    HostRelation,
    HostServer,
)
from safepoint_native.mapping import vm_ref

__all__ = [
    "LOGINS",
    "leg_of",
    "pair_of",
    "point_id_of",
    "reversed_settings",
    "to_point",
    "to_server",
    "to_side",
    "to_test",
    "with_statistics",
]

_S = ReplicaState
#: ReplicationState → our word; a number that is not here is unknown.
STATES: Final[Mapping[int, ReplicaState]] = {
    1: _S.READY,
    2: _S.INITIAL,
    3: _S.REPLICATING,
    4: _S.PREPARED,
    5: _S.FAILED_OVER,
    6: _S.COMMITTED,
    7: _S.PAUSED,
    8: _S.CRITICAL,
    9: _S.RESYNC_REQUIRED,
    10: _S.RESYNCING,
    11: _S.RESYNC_PAUSED,
    12: _S.CHANGING,
    13: _S.CHANGING,
    15: _S.CHANGING,
    16: _S.CRITICAL,
}
HEALTHS: Final[Mapping[int, ReplicaHealth]] = {
    0: ReplicaHealth.NONE,
    1: ReplicaHealth.OK,
    2: ReplicaHealth.WARNING,
    3: ReplicaHealth.CRITICAL,
}
_FAILED_OVER: Final = {1: "latest", 2: "application", 3: "planned"}
_STANDING: Final = frozenset({5, 6})
_APPLICATION: Final = "Microsoft:Hyper-V:Snapshot:Replica:ApplicationConsistent"
LOGINS: Final[Mapping[int, ReplicaLogin]] = {
    KERBEROS: ReplicaLogin.KERBEROS,
    CERTIFICATE: ReplicaLogin.CERTIFICATE,
}


def pair_of(vm_id: str, leg: int) -> str:
    """Name a relationship: the VM's GUID and the leg."""
    return f"{vm_id.upper()}/{leg}"


def leg_of(pair: str) -> int:
    """Read the leg back.

    Raises:
        InvalidRequestError: it is no relationship of this driver.
    """
    _, slash, leg = pair.rpartition("/")
    if not slash or leg not in {str(FIRST_LEG), str(EXTENDED_LEG)}:
        msg = f"{pair!r} is no relationship of the native driver"
        raise InvalidRequestError(msg)
    return int(leg)


def to_side(cluster: str, relation: HostRelation) -> ReplicaSide:
    """Return one side of one leg."""
    settings = relation.settings
    return ReplicaSide(
        ref=vm_ref(cluster, relation.vm_id),
        pair=pair_of(relation.vm_id, relation.leg),
        family=relation.vm_id,
        name=relation.name,
        node=relation.node,
        mode=_mode(relation),
        state=STATES.get(relation.state, ReplicaState.UNKNOWN),
        health=HEALTHS.get(relation.health, ReplicaHealth.UNKNOWN),
        power=relation.power,
        guest=relation.guest,
        peer=_peer(relation),
        frequency_seconds=settings.integer("ReplicationInterval") if settings else None,
        recovery_points=(settings.integer("RecoveryHistory") or 0) + 1 if settings else None,
        last_replicated_at=relation.last_at,
        last_applied_at=relation.last_apply_at,
        last_consistent_at=relation.last_application_at,
        failed_over_to=(
            _FAILED_OVER.get(relation.failed_over, "") if relation.state in _STANDING else ""
        ),
        native_state=f"mode {relation.mode}, state {relation.state}, health {relation.health}",
    )


def to_test(cluster: str, replica: HostRelation, test: HostRelation) -> ReplicaSide:
    """Return the test VM of a replica."""
    return ReplicaSide(
        ref=vm_ref(cluster, test.vm_id),
        pair=pair_of(replica.vm_id, replica.leg),
        family=replica.vm_id,
        name=test.name,
        node=test.node,
        mode=ReplicaMode.TEST,
        state=ReplicaState.UNKNOWN,
        health=ReplicaHealth.NONE,
        power=test.power,
        guest=test.guest,
        native_state=f"mode {test.mode}",
    )


def _mode(relation: HostRelation) -> ReplicaMode:
    if relation.sends:
        return ReplicaMode.PRIMARY
    return ReplicaMode.REPLICA if relation.leg == FIRST_LEG else ReplicaMode.EXTENDED


def _peer(relation: HostRelation) -> str:
    if relation.settings is None:
        return ""
    name = "RecoveryConnectionPoint" if relation.sends else "PrimaryConnectionPoint"
    return relation.settings.text(name) or ""


def with_statistics(side: ReplicaSide, figures: CimRow | None, issues: list[str]) -> ReplicaSide:
    """Add figures to a side. Hosts tell bytes and seconds of all cycles together."""
    if figures is None:
        return side
    cycles = figures.integer("ReplicationSuccessCount") or 0
    sent, seconds = figures.integer("ReplicationSize"), figures.integer("ReplicationLatency")
    statistics = ReplicaStatistics(
        since=figures.moment("StartStatisticTime"),
        until=figures.moment("EndStatisticTime"),
        cycles_succeeded=cycles,
        cycles_missed=figures.integer("ReplicationMissCount") or 0,
        cycles_failed=figures.integer("ReplicationFailureCount") or 0,
        network_failures=figures.integer("NetworkFailureCount") or 0,
        average_bytes=sent // cycles if sent is not None and cycles else None,
        largest_bytes=figures.integer("MaxReplicationSize"),
        average_latency_seconds=seconds / cycles if seconds is not None and cycles else None,
        largest_latency_seconds=figures.integer("MaxReplicationLatency"),
        pending_bytes=figures.integer("PendingReplicationSize"),
        quiesce_failures=figures.integer("ApplicationConsistentSnapshotFailureCount") or 0,
        last_test_at=figures.moment("LastTestFailoverTime"),
    )
    return side.model_copy(update={"statistics": statistics, "issues": tuple(issues)})


def to_point(cluster: str, point: HostPoint) -> ReplicaPoint:
    """Return a recovery point.

    Raises:
        InvalidRequestError: the host does not say when it was made.
    """
    if point.created_at is None:
        msg = f"the recovery point {point.point_id} of {point.vm_id} has no time"
        raise InvalidRequestError(msg, system=cluster)
    is_quiesced = point.native_type == _APPLICATION
    return ReplicaPoint(
        ref=Ref(kind="replica-point", system=cluster, id=point.point_id),
        replica=vm_ref(cluster, point.vm_id),
        created_at=point.created_at,
        consistency=Consistency.APPLICATION if is_quiesced else Consistency.CRASH,
        native_state=point.native_type,
    )


def point_id_of(ref: Ref) -> str:
    """Read a handle back.

    Raises:
        InvalidRequestError: it is no recovery point.
    """
    if ref.kind != "replica-point":
        msg = f"{ref} is no recovery point of the native driver"
        raise InvalidRequestError(msg)
    return ref.id


def to_server(
    cluster: str, name: str, server: HostServer, storages: tuple[ReplicaStorage, ...]
) -> ReplicaServerState:
    """Return how a cluster receives."""
    return ReplicaServerState(
        cluster=cluster,
        name=name,
        can_receive=server.enabled and bool(server.entries),
        logins=tuple(
            login.value
            for number, login in LOGINS.items()
            if server.enabled and server.authentication & number
        ),
        allowed=tuple(entry.primary for entry in server.entries),
        storages=storages,
        native_state=f"enabled {server.enabled}, authentication {server.authentication}",
    )


def reversed_settings(now: CimRow, back: HostServer | None, here: HostServer) -> RelationSettings:
    """Return the settings of a relationship in the other direction.

    Args:
        now: As they are, on the replica's side.
        back: How the old primary's side receives; None keeps the port that was used so far.
        here: How this side is set up: its certificate proves it when it sends.
    """
    login = now.integer("AuthenticationType") or KERBEROS
    port = now.integer("RecoveryServerPortNumber")
    if back is not None:
        port = back.https_port if login == CERTIFICATE else back.http_port
    return RelationSettings(
        connection_point=now.need_text("PrimaryConnectionPoint"),
        port=port,
        authentication=login,
        thumbprint=here.thumbprint if login == CERTIFICATE else None,
        compression=now.flag("CompressionEnabled"),
        interval_seconds=now.integer("ReplicationInterval"),
        history_hours=now.integer("RecoveryHistory"),
        application_hours=now.integer("ApplicationConsistentSnapshotInterval"),
        auto_resync=now.flag("AutoResynchronizeEnabled"),
    )
