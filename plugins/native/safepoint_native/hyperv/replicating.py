"""Asking a node for one step of replication. Nothing is repeated and nothing waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from safepoint.errors import ConflictError
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.envelope import Argument
from safepoint_native.cim.instance_text import (
    CimType,
    EmbeddedInstance,
    InstanceProperty,
    boolean,
    string,
    string_array,
    uint16,
)
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.wql import guid, literal
from safepoint_native.hyperv.jobs import Started
from safepoint_native.hyperv.replication import (
    REPLICATION_SERVICE,
    ServerEntry,
    leg_id,
    relationship_text,
)
from safepoint_native.hyperv.schema import MANAGEMENT_SERVICE, SASD, V2, vm_ref

__all__ = [
    "RelationSettings",
    "StateRequest",
    "add_entry",
    "create_relationship",
    "destroy_machine",
    "disk_path",
    "modify_entry",
    "modify_relationship",
    "modify_server",
    "offer_as_copy",
    "remove_entry",
    "remove_relationship",
    "request_state",
    "shut_down",
    "start_initial",
    "step_on_machine",
    "test_connection",
]


class StateRequest:
    """Numbers of `RequestReplicationStateChangeEx`."""

    RESUME: Final = 3
    """Also takes back a preparation."""
    PREPARE: Final = 4
    PAUSE: Final = 7
    REPURPOSE: Final = 18
    """Of a VM that is off and in no relationship: it may become a replica."""


@dataclass(frozen=True)
class RelationSettings:
    """The settings of a relationship; a field that is None keeps what it is."""

    connection_point: str | None = None
    port: int | None = None
    authentication: int | None = None
    thumbprint: str | None = None
    compression: bool | None = None
    interval_seconds: int | None = None
    history_hours: int | None = None
    application_hours: int | None = None
    auto_resync: bool | None = None
    auto_from_minutes: int | None = None
    auto_until_minutes: int | None = None
    included_disks: Sequence[str] | None = None
    """Object paths of disks; None takes all."""

    def to_instance(self, instance_id: str = "") -> EmbeddedInstance:
        """Return it as an embedded instance."""
        return EmbeddedInstance(
            "Msvm_ReplicationSettingData", tuple(self._properties(instance_id))
        )

    def _properties(self, instance_id: str) -> list[InstanceProperty]:
        found: list[InstanceProperty] = []
        if instance_id:
            found.append(string("InstanceID", instance_id))
        if self.connection_point is not None:
            found.append(string("RecoveryConnectionPoint", self.connection_point))
        numbers = {
            "RecoveryServerPortNumber": self.port,
            "AuthenticationType": self.authentication,
            "ReplicationInterval": self.interval_seconds,
            "RecoveryHistory": self.history_hours,
            "ApplicationConsistentSnapshotInterval": self.application_hours,
        }
        found += [uint16(name, value) for name, value in numbers.items() if value is not None]
        if self.thumbprint:
            found.append(string("CertificateThumbPrint", self.thumbprint))
        flags = {
            "CompressionEnabled": self.compression,
            "AutoResynchronizeEnabled": self.auto_resync,
        }
        found += [boolean(name, value) for name, value in flags.items() if value is not None]
        spans = {
            "AutoResynchronizeIntervalStart": self.auto_from_minutes,
            "AutoResynchronizeIntervalEnd": self.auto_until_minutes,
        }
        found += [_interval(name, value) for name, value in spans.items() if value is not None]
        if self.included_disks is not None:
            found.append(string_array("IncludedDisks", list(self.included_disks)))
        return found


def _interval(name: str, minutes: int) -> InstanceProperty:
    """An interval in the CIM form ``ddddddddHHMMSS.mmmmmm:000``; the type is a datetime."""
    hours, rest = divmod(minutes, 60)
    return InstanceProperty(name, CimType.DATETIME, f"00000000{hours:02d}{rest:02d}00.000000:000")


def request_state(client: CimClient, vm_id: str, leg: int, state: int) -> Started:
    """Ask a VM to pause, resume, prepare a failover, or take that back."""
    method = "RequestReplicationStateChangeEx"
    arguments: Mapping[str, Argument] = {
        "ReplicationRelationship": relationship_text(vm_id, leg),
        "RequestedState": state,
    }
    return Started.of(method, client.invoke(vm_ref(vm_id), method, arguments, changes=True))


def offer_as_copy(client: CimClient, vm_id: str) -> Started:
    """Let a VM that is off become the replica of the one with its id. May be repeated.

    That a state is requested for it is inference.
    """
    method = "RequestReplicationStateChangeEx"
    arguments: Mapping[str, Argument] = {"RequestedState": StateRequest.REPURPOSE}
    return Started.of(method, client.invoke(vm_ref(vm_id), method, arguments, changes=True))


def step_on_machine(
    client: CimClient, method: str, vm_id: str, more: Mapping[str, Argument] | None = None
) -> Started:
    """Call a method of the service that is about one VM."""
    arguments: dict[str, Argument] = {"ComputerSystem": vm_ref(vm_id), **(more or {})}
    return Started.of(method, client.invoke(REPLICATION_SERVICE, method, arguments, changes=True))


def create_relationship(client: CimClient, vm_id: str, settings: RelationSettings) -> Started:
    """Ask for a relationship."""
    return step_on_machine(
        client,
        "CreateReplicationRelationship",
        vm_id,
        {"ReplicationSettingData": settings.to_instance()},
    )


def test_connection(client: CimClient, settings: RelationSettings) -> Started:
    """Try whether the replica server lets this host in; changes nothing."""
    method = "TestReplicationConnection"
    arguments: dict[str, Argument] = {
        "RecoveryConnectionPoint": settings.connection_point,
        "RecoveryServerPortNumber": settings.port,
        "AuthenticationType": settings.authentication,
        "CertificateThumbPrint": settings.thumbprint,
        "BypassProxyServer": False,
    }
    return Started.of(method, client.invoke(REPLICATION_SERVICE, method, arguments, changes=True))


def modify_relationship(
    client: CimClient, vm_id: str, leg: int, settings: RelationSettings
) -> Started:
    """Change the settings of a relationship, on its source."""
    return step_on_machine(
        client,
        "ModifyReplicationSettings",
        vm_id,
        {"ReplicationSettingData": settings.to_instance(leg_id(vm_id, leg))},
    )


def remove_relationship(client: CimClient, vm_id: str, leg: int) -> Started:
    """End one leg on this side."""
    more: dict[str, Argument] = {"ReplicationRelationship": relationship_text(vm_id, leg)}
    return step_on_machine(client, "RemoveReplicationRelationshipEx", vm_id, more)


def start_initial(
    client: CimClient, vm_id: str, kind: int, *, folder: str = "", at: datetime | None = None
) -> Started:
    """Begin the first copy: 1 over the network, 2 into a folder, 3 onto an existing VM."""
    more: dict[str, Argument] = {"InitialReplicationType": kind}
    if folder:
        more["InitialReplicationExportLocation"] = folder
    if at is not None:
        more["StartTime"] = at
    return step_on_machine(client, "StartReplication", vm_id, more)


def shut_down(client: CimClient, vm_id: str) -> Started:
    """Ask the guest to shut down.

    Raises:
        ConflictError: the guest has no component that could be asked.
    """
    wql = f"SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = {literal(guid(vm_id))}"  # noqa: S608  (a GUID)
    rows = client.query(V2, wql, with_refs=True)
    if not rows or rows[0].ref is None:
        msg = f"{client.node}: the guest of VM {guid(vm_id)} cannot be asked to shut down"
        hint = "Its integration services do not answer. Shut it down inside, or use --turn-off."
        raise ConflictError(msg, hint=hint, operation="InitiateShutdown", system=client.node)
    arguments: dict[str, Argument] = {"Force": True, "Reason": "safepoint: planned failover"}
    result = client.invoke(rows[0].ref, "InitiateShutdown", arguments, changes=True)
    return Started.of("InitiateShutdown", result)


def destroy_machine(client: CimClient, vm_id: str) -> Started:
    """Delete a VM; used for test VMs only."""
    method = "DestroySystem"
    result = client.invoke(
        MANAGEMENT_SERVICE, method, {"AffectedSystem": vm_ref(vm_id)}, changes=True
    )
    return Started.of(method, result)


def modify_server(client: CimClient, properties: Sequence[InstanceProperty]) -> Started:
    """Change how a node, or its whole cluster, receives."""
    method = "ModifyServiceSettings"
    wish = EmbeddedInstance("Msvm_ReplicationServiceSettingData", tuple(properties))
    result = client.invoke(REPLICATION_SERVICE, method, {"SettingData": wish}, changes=True)
    return Started.of(method, result)


def add_entry(client: CimClient, entry: ServerEntry) -> Started:
    """Let one more primary send."""
    return _entry(client, "AddAuthorizationEntry", entry)


def modify_entry(client: CimClient, entry: ServerEntry) -> Started:
    """Change where a primary's replicas are stored."""
    return _entry(client, "ModifyAuthorizationEntry", entry)


def remove_entry(client: CimClient, primary: str) -> Started:
    """Let a primary send no more."""
    method = "RemoveAuthorizationEntry"
    arguments: dict[str, Argument] = {"AllowedPrimaryHostSystem": primary}
    return Started.of(method, client.invoke(REPLICATION_SERVICE, method, arguments, changes=True))


def _entry(client: CimClient, method: str, entry: ServerEntry) -> Started:
    wish = EmbeddedInstance(
        "Msvm_ReplicationAuthorizationSettingData",
        (
            string("AllowedPrimaryHostSystem", entry.primary),
            string("TrustGroup", entry.trust_group),
            string("ReplicaStorageLocation", entry.storage),
        ),
    )
    result = client.invoke(REPLICATION_SERVICE, method, {"AuthorizationEntry": wish}, changes=True)
    return Started.of(method, result)


def disk_path(host: str, instance_id: str) -> str:
    """Return the object path of a disk's settings, as `IncludedDisks` wants it."""
    return CimRef(V2, SASD, (("InstanceID", instance_id),)).path(host)
