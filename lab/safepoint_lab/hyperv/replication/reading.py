"""Embedded instances of callers, read into what the world takes; refused where they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from safepoint_lab.hyperv import identifiers
from safepoint_lab.hyperv.answering import embedded, embedded_list, integer, invalid
from safepoint_lab.hyperv.host import Host
from safepoint_lab.hyperv.replication.names import disk_tails, index_of
from safepoint_lab.world.model import NotHereError, Vm
from safepoint_lab.world.replication.numbers import Authentication
from safepoint_lab.world.replication.records import (
    AdapterAddress,
    Authorization,
    ReplicationSettings,
)
from safepoint_lab.world.replication.servers import ServerChanges
from safepoint_lab.wsman.values import CimInstance, CimReference, MethodCall

__all__ = [
    "addresses",
    "authorization",
    "new_settings",
    "relationship_index",
    "server_changes",
    "setting_change",
    "start_time",
]

_NUMBERS = {
    "RecoveryServerPortNumber": "port",
    "ReplicationInterval": "interval_seconds",
    "RecoveryHistory": "history_hours",
    "ApplicationConsistentSnapshotInterval": "application_hours",
}
_FLAGS = {
    "CompressionEnabled": "compression",
    "BypassProxyServer": "bypass_proxy",
    "ReplicateHostKvpItems": "kvp",
    "AutoResynchronizeEnabled": "auto_resync",
}
_TEXTS = {
    "CertificateThumbPrint": "thumbprint",
    "RecoveryConnectionPoint": "recovery_point",
}
_SPANS = {
    "AutoResynchronizeIntervalStart": "auto_from",
    "AutoResynchronizeIntervalEnd": "auto_until",
}


def new_settings(host: Host, call: MethodCall, guid: str) -> ReplicationSettings:
    """Read the settings of a new or reversed relationship."""
    given = _settings(call)
    settings = ReplicationSettings(
        recovery_point=given.text("RecoveryConnectionPoint"),
        port=integer(given, "RecoveryServerPortNumber") or 0,
    )
    with host.world.lock:
        vm = host.world.vm(guid, node=host.name)
    _edit(settings, given, vm)
    return settings


def setting_change(
    host: Host, call: MethodCall, guid: str
) -> tuple[int | None, Callable[[ReplicationSettings], None]]:
    """Read a change of settings: which relationship it is for, and what to do to its settings."""
    given = _settings(call)
    with host.world.lock:
        vm = host.world.vm(guid, node=host.name)
    name = given.text("InstanceID")
    index = index_of(name, vm.guid) if name else None
    if name and index is None:
        raise invalid()
    return index, lambda settings: _edit(settings, given, vm)


def relationship_index(call: MethodCall, guid: str) -> int | None:
    """Read which relationship is meant; None when the caller leaves it out."""
    given = embedded(call, "ReplicationRelationship")
    if given is None:
        return None
    index = index_of(given.text("InstanceID"), guid)
    if index is None:
        raise invalid()
    return index


def server_changes(call: MethodCall) -> ServerChanges:
    """Read a change of the replica server settings."""
    given = embedded(call, "SettingData")
    if given is None:
        raise invalid()
    enabled = given.get("RecoveryServerEnabled")
    start = given.get("MonitoringStartTime")
    thumbprint = given.get("CertificateThumbPrint")
    return ServerChanges(
        enabled=enabled if isinstance(enabled, bool) else None,
        authentication=integer(given, "AllowedAuthenticationType"),
        http_port=integer(given, "HttpPort"),
        https_port=integer(given, "HttpsPort"),
        thumbprint=thumbprint if isinstance(thumbprint, str) else None,
        monitoring_start=start if isinstance(start, datetime) else None,
        monitoring_seconds=integer(given, "MonitoringInterval"),
    )


def authorization(call: MethodCall) -> Authorization:
    """Read an authorisation."""
    given = embedded(call, "AuthorizationEntry")
    if given is None:
        raise invalid()
    return Authorization(
        given.text("AllowedPrimaryHostSystem"),
        given.text("TrustGroup"),
        given.text("ReplicaStorageLocation"),
    )


def addresses(call: MethodCall, guid: str) -> list[AdapterAddress]:
    """Read the addresses of adapters after a failover."""
    found = []
    for given in embedded_list(call, "NetworkSettings"):
        owner, tail = identifiers.split(given.text("InstanceID"))
        if owner != guid or not tail:
            raise invalid()
        found.append(
            AdapterAddress(
                instance_id=given.text("InstanceID"),
                protocol=integer(given, "ProtocolIFType") or 0,
                dhcp=given.get("DHCPEnabled") is True,
                addresses=_list(given, "IPAddresses"),
                subnets=_list(given, "Subnets"),
                gateways=_list(given, "DefaultGateways"),
                dns=_list(given, "DNSServers"),
            )
        )
    return found


def start_time(call: MethodCall) -> datetime | None:
    """Read when something shall begin; None for at once."""
    at = call.arguments.get("StartTime")
    return at if isinstance(at, datetime) else None


def _settings(call: MethodCall) -> CimInstance:
    given = embedded(call, "ReplicationSettingData")
    if given is None:
        raise invalid()
    return given


def _edit(settings: ReplicationSettings, given: CimInstance, vm: Vm) -> None:
    """Change what the instance sets."""
    for properties, kind in ((_NUMBERS, int), (_FLAGS, bool), (_TEXTS, str), (_SPANS, timedelta)):
        for name, field in properties.items():
            value = given.get(name)
            if isinstance(value, kind):
                setattr(settings, field, value)
    number = integer(given, "AuthenticationType")
    if number is not None:
        try:
            settings.authentication = Authentication(number)
        except ValueError as error:
            raise invalid() from error
    if given.get("IncludedDisks") is not None:
        settings.slots = [_slot(path, vm) for path in _list(given, "IncludedDisks")]


def _slot(path: str, vm: Vm) -> str:
    """Return the disk an object path names."""
    reference = CimReference.from_path(path, "")
    owner, tail = identifiers.split((reference.key("InstanceID") or "") if reference else "")
    for disk, its_tail in disk_tails(vm):
        if owner == vm.guid and its_tail.lower() == tail.lower():
            return disk.slot
    msg = f"{vm.name} has no disk {path}"
    raise NotHereError(msg)


def _list(given: CimInstance, name: str) -> list[str]:
    value = given.get(name)
    return [str(each) for each in value] if isinstance(value, list) else []
