"""The methods of `Msvm_ReplicationService`, and the state requests of VMs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from safepoint_lab.hyperv import schemas
from safepoint_lab.hyperv.answering import (
    done_on_host,
    integer_argument,
    invalid,
    machine_guid,
    reference,
    settings_guid,
    started,
    text,
    unsupported,
)
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.replication import reading
from safepoint_lab.hyperv.replication.names import SERVICE, relationship_id
from safepoint_lab.world.enums import JobType
from safepoint_lab.world.model import Job
from safepoint_lab.world.replication.connections import ConnectionWish
from safepoint_lab.world.replication.numbers import InitialCopy
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.wsman import instance_text
from safepoint_lab.wsman.values import CimReference, MethodCall, MethodResult

__all__ = ["METHODS"]

Method = Callable[[Host, MethodCall], MethodResult]


def _vm(call: MethodCall) -> str:
    return machine_guid(reference(call, "ComputerSystem"))


def modify_server(host: Host, call: MethodCall) -> MethodResult:
    """Do ModifyServiceSettings."""
    host.world.replication.modify_server(reading.server_changes(call), node=host.name)
    return done_on_host(host, JobType.REPLICA_SERVER)


def add_entry(host: Host, call: MethodCall) -> MethodResult:
    """Do AddAuthorizationEntry."""
    host.world.replication.add_entry(reading.authorization(call), node=host.name)
    return done_on_host(host, JobType.REPLICA_SERVER)


def modify_entry(host: Host, call: MethodCall) -> MethodResult:
    """Do ModifyAuthorizationEntry."""
    host.world.replication.modify_entry(reading.authorization(call), node=host.name)
    return done_on_host(host, JobType.REPLICA_SERVER)


def remove_entry(host: Host, call: MethodCall) -> MethodResult:
    """Do RemoveAuthorizationEntry."""
    primary = text(call, "AllowedPrimaryHostSystem")
    host.world.replication.remove_entry(primary, node=host.name)
    return done_on_host(host, JobType.REPLICA_SERVER)


def certificates(host: Host, _call: MethodCall) -> MethodResult:
    """Do GetSystemCertificates; that they are base64 of the DER form is [I]."""
    encoded = host.world.replication.certificate(host.name)
    return MethodResult(0, {"EncodedCertificates": [encoded]})


def test_connection(host: Host, call: MethodCall) -> MethodResult:
    """Do TestReplicationConnection."""
    thumbprint = call.arguments.get("CertificateThumbPrint")
    wish = ConnectionWish(
        point=text(call, "RecoveryConnectionPoint"),
        port=integer_argument(call, "RecoveryServerPortNumber"),
        authentication=integer_argument(call, "AuthenticationType"),
        thumbprint=thumbprint if isinstance(thumbprint, str) else "",
    )
    return started(host.world.replication.test_connection(wish, node=host.name))


def create(host: Host, call: MethodCall) -> MethodResult:
    """Do CreateReplicationRelationship."""
    vm = _vm(call)
    settings = reading.new_settings(host, call, vm)
    return started(host.world.replication.create(vm, settings, node=host.name))


def modify(host: Host, call: MethodCall) -> MethodResult:
    """Do ModifyReplicationSettings."""
    vm = _vm(call)
    index, change = reading.setting_change(host, call, vm)
    return started(host.world.replication.modify(vm, index, change, node=host.name))


def start(host: Host, call: MethodCall) -> MethodResult:
    """Do StartReplication."""
    location = call.arguments.get("InitialReplicationExportLocation")
    try:
        copy = InitialCopy(integer_argument(call, "InitialReplicationType"))
    except ValueError as error:
        raise invalid() from error
    job = host.world.replication.start_replication(
        _vm(call),
        copy,
        location=location if isinstance(location, str) else "",
        at=reading.start_time(call),
        node=host.name,
    )
    return started(job)


def import_initial(host: Host, call: MethodCall) -> MethodResult:
    """Do ImportInitialReplica."""
    location = text(call, "InitialReplicationImportLocation")
    return started(host.world.replication.import_initial(_vm(call), location, node=host.name))


def remove(host: Host, call: MethodCall) -> MethodResult:
    """Do RemoveReplicationRelationship and its Ex form."""
    vm = _vm(call)
    index = reading.relationship_index(call, vm)
    return started(host.world.replication.remove(vm, index, node=host.name))


def test_replica(host: Host, call: MethodCall) -> MethodResult:
    """Do TestReplicaSystem; the test VM is to be found through the job."""
    job = host.world.replication.test_replica(_vm(call), _point(call), node=host.name)
    return started(job)


def fail_over(host: Host, call: MethodCall) -> MethodResult:
    """Do InitiateFailover."""
    return started(host.world.replication.fail_over(_vm(call), _point(call), node=host.name))


def resynchronize(host: Host, call: MethodCall) -> MethodResult:
    """Do Resynchronize."""
    at = reading.start_time(call)
    return started(host.world.replication.resynchronize(_vm(call), at, node=host.name))


def reverse(host: Host, call: MethodCall) -> MethodResult:
    """Do ReverseReplicationRelationship."""
    vm = _vm(call)
    settings = reading.new_settings(host, call, vm)
    return started(host.world.replication.reverse(vm, settings, node=host.name))


def set_addresses(host: Host, call: MethodCall) -> MethodResult:
    """Do SetFailoverNetworkAdapterSettings."""
    vm = _vm(call)
    wanted = reading.addresses(call, vm)
    host.world.replication.set_addresses(vm, wanted, node=host.name)
    return done_on_host(host, JobType.REPLICA_MODIFY)


def statistics(host: Host, call: MethodCall) -> MethodResult:
    """Do GetReplicationStatistics and its Ex form; answered at once."""
    guid = _vm(call)
    index = reading.relationship_index(call, guid)
    with host.world.lock:
        vm = host.world.vm(guid, node=host.name)
        record = host.world.replication.record(guid, index, node=host.name)
        name = relationship_id(vm, record)
        figures = _figures(host, record, name)
        issues = [_issue(host, each) for each in host.world.replication.issues(record)]
    outputs: dict[str, list[str]] = {"ReplicationStatistics": [figures]}
    if issues:
        outputs["ReplicationHealthIssues"] = issues
    return MethodResult(0, outputs)


def reset_statistics(host: Host, call: MethodCall) -> MethodResult:
    """Do ResetReplicationStatistics and its Ex form."""
    vm = _vm(call)
    index = reading.relationship_index(call, vm)
    return started(host.world.replication.reset_figures(vm, index, node=host.name))


def request_state(host: Host, call: MethodCall) -> MethodResult:
    """Do Msvm_ComputerSystem.RequestReplicationStateChange and its Ex form."""
    vm = machine_guid(call.target)
    requested = integer_argument(call, "RequestedState")
    index = reading.relationship_index(call, vm)
    return started(host.world.replication.request_state(vm, index, requested, node=host.name))


def refuse(_host: Host, _call: MethodCall) -> MethodResult:
    """Answer that the lab does not simulate it."""
    raise unsupported()


def _on_replica(order: Callable[[Host, str], Job]) -> Method:
    return lambda host, call: started(order(host, _vm(call)))


def _point(call: MethodCall) -> str | None:
    """Return the recovery point a caller names; None for the newest changes."""
    value = call.arguments.get("SnapshotSettingData")
    return settings_guid(value) if isinstance(value, CimReference) else None


def _figures(host: Host, record: Replication, name: str) -> str:
    figures = record.figures
    replication = host.world.replication
    row = instance(
        "Msvm_ReplicationStatistics",
        ApplicationConsistentSnapshotFailureCount=figures.application_failures,
        Caption="Replication Statistics",
        ElementName="Replication Statistics",
        EndStatisticTime=host.now(),
        InstanceID=name,
        LastTestFailoverTime=host.local(figures.last_test_at),
        MaxReplicationLatency=math.ceil(figures.max_seconds),
        MaxReplicationSize=figures.max_bytes,
        NetworkFailureCount=figures.network_failures,
        PendingReplicationSize=replication.waiting_bytes(record),
        ReplicationFailureCount=figures.failures,
        ReplicationHealth=int(replication.health(record)),
        ReplicationLatency=math.ceil(figures.seconds),
        ReplicationMissCount=figures.misses,
        ReplicationSize=figures.bytes_sent,
        ReplicationSuccessCount=figures.successes,
        StartStatisticTime=host.local(figures.since),
    )
    return instance_text.write(row, schemas.load(schemas.VIRTUALIZATION))


def _issue(host: Host, text_: str) -> str:
    """Write a health issue; that it travels as an error instance is [I]."""
    row = instance(
        "Msvm_Error",
        ErrorSource=host.computer_name,
        Message=text_,
        MessageID="0",
        PerceivedSeverity=3,
    )
    return instance_text.write(row, schemas.load(schemas.VIRTUALIZATION))


METHODS: Mapping[str, Method] = {
    "Msvm_ComputerSystem.RequestReplicationStateChange": request_state,
    "Msvm_ComputerSystem.RequestReplicationStateChangeEx": request_state,
    **{
        f"{SERVICE}.{name}": method
        for name, method in {
            "ModifyServiceSettings": modify_server,
            "AddAuthorizationEntry": add_entry,
            "ModifyAuthorizationEntry": modify_entry,
            "RemoveAuthorizationEntry": remove_entry,
            "SetAuthorizationEntry": refuse,
            "GetSystemCertificates": certificates,
            "TestReplicationConnection": test_connection,
            "CreateReplicationRelationship": create,
            "ModifyReplicationSettings": modify,
            "StartReplication": start,
            "ImportInitialReplica": import_initial,
            "RemoveReplicationRelationship": remove,
            "RemoveReplicationRelationshipEx": remove,
            "TestReplicaSystem": test_replica,
            "InitiateFailover": fail_over,
            "CommitFailover": _on_replica(
                lambda host, vm: host.world.replication.commit(vm, node=host.name)
            ),
            "RevertFailover": _on_replica(
                lambda host, vm: host.world.replication.revert(vm, node=host.name)
            ),
            "Resynchronize": resynchronize,
            "ReverseReplicationRelationship": reverse,
            "SetFailoverNetworkAdapterSettings": set_addresses,
            "GetReplicationStatistics": statistics,
            "GetReplicationStatisticsEx": statistics,
            "ResetReplicationStatistics": reset_statistics,
            "ResetReplicationStatisticsEx": reset_statistics,
            "ChangeReplicationModeToPrimary": refuse,
            "InitiateFailback": refuse,
        }.items()
    },
}
