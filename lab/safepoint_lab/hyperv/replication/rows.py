"""The instances of the replication classes, as one node sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safepoint_lab.hyperv import identifiers
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import SASD, machine, setting
from safepoint_lab.hyperv.replication.names import disk_tails, entry_id, relationship_id, server_id
from safepoint_lab.world.model import NEVER, Vm
from safepoint_lab.world.replication.numbers import Authentication, ReplicationMode
from safepoint_lab.world.replication.records import AdapterAddress, Replication
from safepoint_lab.wsman.values import CimInstance, CimValue

__all__ = [
    "address_rows",
    "authorization_rows",
    "dependency_rows",
    "machine_facts",
    "provider_rows",
    "relationship_row",
    "relationship_rows",
    "server_rows",
    "setting_rows",
    "system_relationship_rows",
    "system_setting_rows",
]

_RELATIONSHIP = "Msvm_ReplicationRelationship"
_SETTINGS = "Msvm_ReplicationSettingData"
_PROVIDER = "22391CDC-272C-4DDF-BA88-9BEFB1A0975C"
_NOT_REPLICATED: Mapping[str, CimValue] = {
    "FailedOverReplicationType": 0,
    "LastApplicationConsistentReplicationTime": NEVER,
    "LastReplicationTime": NEVER,
    "LastReplicationType": 0,
    "ReplicationHealth": 0,
    "ReplicationState": 0,
}
"""What relationships and VMs both have, for a VM without a relationship."""


def server_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the replica server settings of the node's site."""
    if host.restricted:
        return
    server = host.world.replication.server(host.name)
    yield instance(
        "Msvm_ReplicationServiceSettingData",
        AllowedAuthenticationType=server.authentication,
        Caption="Replication Service Settings",
        CertificateThumbPrint=server.thumbprint or None,
        Description="Virtual Machine Replication Service Settings Data",
        ElementName="Replication Service Settings",
        HttpPort=server.http_port,
        HttpsPort=server.https_port,
        InstanceID=server_id(host),
        MonitoringInterval=server.monitoring_seconds,
        MonitoringStartTime=server.monitoring_start,
        RecoveryServerEnabled=server.enabled,
    )


def authorization_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield who may send replicas to the node's site."""
    if host.restricted:
        return
    for entry in host.world.replication.server(host.name).entries:
        yield instance(
            "Msvm_ReplicationAuthorizationSettingData",
            AllowedPrimaryHostSystem=entry.primary,
            Caption="Replication Authorization Settings",
            ElementName=entry.primary,
            InstanceID=entry_id(host, entry),
            ReplicaStorageLocation=entry.storage,
            TrustGroup=entry.trust_group,
        )


def provider_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield Hyper-V's own replication provider; its identity is a fixed GUID [I]."""
    if not host.restricted:
        yield instance(
            "Msvm_ReplicationProvider",
            Caption="Replication Provider",
            ElementName="Microsoft Hyper-V Replica",
            InstanceID=_PROVIDER,
            Name=_PROVIDER,
            OperationalStatus=[2],
        )


def relationship_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the relationships of every VM."""
    for vm, record in _records(host, hints):
        yield relationship_row(host, vm, record)


def relationship_row(host: Host, vm: Vm, record: Replication) -> CimInstance:
    """Return one relationship."""
    return instance(
        _RELATIONSHIP,
        FailedOverReplicationType=int(record.failed_over),
        InstanceID=relationship_id(vm, record),
        LastApplicationConsistentReplicationTime=host.local(record.last_application_at),
        LastApplyTime=host.local(record.last_apply_at),
        LastReplicationTime=host.local(record.last_at),
        LastReplicationType=int(record.last_type),
        ReplicationHealth=int(host.world.replication.health(record)),
        ReplicationState=int(record.state),
    )


def setting_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the settings of every relationship."""
    for vm, record in _records(host, hints):
        yield _setting_row(host, vm, record)


def system_relationship_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield VM to relationship."""
    for vm, record in _records(host, hints):
        yield instance(
            "Msvm_SystemReplicationRelationship",
            Antecedent=machine(vm.guid),
            Dependent=setting(_RELATIONSHIP, relationship_id(vm, record)),
        )


def system_setting_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield VM to the settings of its relationships; the names of the ends are [I]."""
    for vm, record in _records(host, hints):
        yield instance(
            "Msvm_SystemReplicationSettingData",
            ManagedElement=machine(vm.guid),
            SettingData=setting(_SETTINGS, relationship_id(vm, record)),
        )


def dependency_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield replica VM to its test VM; which end is which is [I]."""
    for vm in host.machines(hints):
        test = host.world.replication.test_of(vm)
        if test is not None:
            yield instance(
                "Msvm_ReplicaSystemDependency",
                Antecedent=machine(vm.guid),
                Dependent=machine(test.guid),
            )


def address_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the addresses that adapters get after a failover."""
    for _, record in _records(host, hints):
        for address in record.addresses:
            yield _address_row(address)


def machine_facts(host: Host, vm: Vm) -> dict[str, CimValue]:
    """Return the replication properties of a `Msvm_ComputerSystem`: those of its first leg."""
    replication = host.world.replication
    facts = {**_NOT_REPLICATED, "ReplicationMode": int(replication.mode(vm))}
    records = replication.of(vm)
    if records:
        row = relationship_row(host, vm, records[0]).properties
        facts |= {name: row[name] for name in _NOT_REPLICATED}
    elif replication.is_repurposed(vm):
        facts |= {"ReplicationMode": int(ReplicationMode.REPLICA), "ReplicationState": 18}
    return facts


def _records(host: Host, hints: Mapping[str, str]) -> Iterator[tuple[Vm, Replication]]:
    for vm in host.machines(hints):
        for record in host.world.replication.of(vm):
            yield vm, record


def _setting_row(host: Host, vm: Vm, record: Replication) -> CimInstance:
    settings = record.settings
    there = host.world.replication.partner_vm(record)
    sender, receiver = (vm, there) if record.sends else (there, vm)
    by_certificate = settings.authentication is Authentication.CERTIFICATE
    return instance(
        _SETTINGS,
        ApplicationConsistentSnapshotInterval=settings.application_hours,
        AuthenticationType=int(settings.authentication),
        AutoResynchronizeEnabled=settings.auto_resync,
        AutoResynchronizeIntervalEnd=settings.auto_until,
        AutoResynchronizeIntervalStart=settings.auto_from,
        BypassProxyServer=settings.bypass_proxy,
        Caption="Replication Settings",
        CertificateThumbPrint=settings.thumbprint if by_certificate else None,
        CompressionEnabled=settings.compression,
        ConfigurationDataRoot=vm.config_root,
        CreationTime=host.local(record.created_at),
        Description="Virtual Machine Replication Settings Data",
        ElementName=vm.name,
        EnableWriteOrderPreservationAcrossDisks=True,
        IncludedDisks=_included(host, vm, settings.slots) or None,
        InstanceID=relationship_id(vm, record),
        PrimaryConnectionPoint=host.world.replication.point_of(sender) if sender else None,
        PrimaryHostSystem=_host_of(host, sender) or record.primary_host,
        RecoveryConnectionPoint=settings.recovery_point,
        RecoveryHistory=settings.history_hours,
        RecoveryHostSystem=_host_of(host, receiver),
        RecoveryServerPortNumber=settings.port,
        ReplicateHostKvpItems=settings.kvp,
        ReplicationInterval=settings.interval_seconds,
        ReplicationProvider=_PROVIDER,
        VirtualSystemIdentifier=vm.guid,
        VirtualSystemType="Microsoft:Hyper-V:Replica",
    )


def _host_of(host: Host, vm: Vm | None) -> str | None:
    return host.world.node(vm.node).hostname if vm is not None else None


def _included(host: Host, vm: Vm, slots: list[str]) -> list[str]:
    """Return the object paths of the disks that take part."""
    return [
        setting(SASD, identifiers.device_id(vm.guid, tail)).path(host.computer_name)
        for disk, tail in disk_tails(vm)
        if disk.slot in slots
    ]


def _address_row(address: AdapterAddress) -> CimInstance:
    return instance(
        "Msvm_FailoverNetworkAdapterSettingData",
        Caption="Failover Network Settings",
        DHCPEnabled=address.dhcp,
        DNSServers=list(address.dns) or None,
        DefaultGateways=list(address.gateways) or None,
        ElementName="Failover Network Settings",
        IPAddresses=list(address.addresses) or None,
        InstanceID=address.instance_id,
        ProtocolIFType=address.protocol,
        Subnets=list(address.subnets) or None,
    )
