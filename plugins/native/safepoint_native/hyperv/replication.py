r"""Hyper-V Replica as a node shows it: relationships, their settings, servers, statistics.

A relationship is named ``Microsoft:<VM GUID>\HVR\<leg>``: 0 towards the replica, 1 from the
replica towards a third copy. Which leg a node with both shows under which number is inference.
A status needs a fixed number of queries a node, however many VMs it has; only statistics cost a
request a VM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from safepoint.errors import NotFoundError, ProtocolError
from safepoint.models.workloads import GuestState, PowerState
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.envelope import Argument
from safepoint_native.cim.instance_text import EmbeddedInstance, parse_instance_text, string
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid, literal
from safepoint_native.hyperv.schema import (
    COMPUTER_SYSTEM,
    GUEST_STATES,
    POWER_STATES,
    SASD,
    V2,
    VIRTUALIZATION_MACHINE,
    VSSD,
    service_ref,
    vm_ref,
)
from safepoint_native.hyperv.settings import owned_rows, owner_and_tail

__all__ = [
    "CERTIFICATE",
    "DISK_FILES",
    "EXTENDED_LEG",
    "FIRST_LEG",
    "KERBEROS",
    "REPLICATION_SERVICE",
    "HostPoint",
    "HostRelation",
    "HostServer",
    "NodeReplication",
    "ServerEntry",
    "disk_paths",
    "leg_id",
    "list_points",
    "list_replication",
    "look_at_test",
    "read_server",
    "read_statistics",
    "relationship_text",
]

REPLICATION_SERVICE: Final = service_ref("Msvm_ReplicationService")
_RELATIONSHIP: Final = "Msvm_ReplicationRelationship"
_SETTINGS: Final = "Msvm_ReplicationSettingData"
_DEPENDENCY: Final = "Msvm_ReplicaSystemDependency"
_SERVER: Final = "Msvm_ReplicationServiceSettingData"
_ENTRY: Final = "Msvm_ReplicationAuthorizationSettingData"
_POINT_PREFIX: Final = "Microsoft:Hyper-V:Snapshot:Replica:"
#: How the names of disk files end.
DISK_FILES: Final = (".vhdx", ".avhdx", ".vhd", ".avhd")
_LEG: Final = re.compile(r"HVR\\(\d)")

FIRST_LEG: Final = 0
EXTENDED_LEG: Final = 1
#: How the two servers prove who they are; what a server allows is the sum.
KERBEROS: Final = 1
CERTIFICATE: Final = 2


def relationship_text(vm_id: str, leg: int) -> EmbeddedInstance:
    """Name one leg, as the Ex methods want it."""
    return EmbeddedInstance(_RELATIONSHIP, (string("InstanceID", leg_id(vm_id, leg)),))


def leg_id(vm_id: str, leg: int) -> str:
    """Return the InstanceID of a relationship."""
    return f"Microsoft:{guid(vm_id)}\\HVR\\{leg}"


@dataclass(frozen=True)
class HostRelation:
    """One leg of one VM, as the node that owns the VM shows it."""

    vm_id: str
    name: str
    node: str
    leg: int
    mode: int
    """ReplicationMode of the VM: 1 primary, 2 replica, 3 test, 4 extended replica."""
    state: int
    health: int
    failed_over: int
    power: PowerState
    guest: GuestState
    last_at: datetime | None
    last_apply_at: datetime | None
    last_application_at: datetime | None
    settings: CimRow | None
    """None when the node shows a relationship without settings."""

    @property
    def sends(self) -> bool:
        """True when this VM is the source of the leg."""
        if self.leg == FIRST_LEG:
            return self.mode == 1
        return self.mode != 4


@dataclass(frozen=True)
class NodeReplication:
    """Everything of replication that one node shows."""

    relations: tuple[HostRelation, ...]
    tests: Mapping[str, HostRelation] = field(default_factory=dict)
    """GUID of the replica to its test VM."""
    tests_elsewhere: Mapping[str, str] = field(default_factory=dict)
    """GUID of the replica to that of a test VM which this node does not own: one of both moved."""


@dataclass(frozen=True)
class ServerEntry:
    """Who may send, and where that is stored."""

    primary: str
    trust_group: str
    storage: str


@dataclass(frozen=True)
class HostServer:
    """How a node, or its whole cluster, is set up to receive."""

    node: str
    enabled: bool
    authentication: int
    """The sum of what it allows."""
    http_port: int
    https_port: int
    thumbprint: str
    entries: tuple[ServerEntry, ...]


@dataclass(frozen=True)
class HostPoint:
    """A recovery point."""

    vm_id: str
    point_id: str
    native_type: str
    created_at: datetime | None


def list_replication(client: CimClient, vm_id: str | None = None) -> NodeReplication:
    """Return the relationships of a node, or of one of its VMs, with their test VMs.

    The VMs are read last: a relationship without its VM was removed in between and is left out;
    one that came in between is found by the next look.

    Raises:
        NotFoundError: this node does not own that VM (any more).
    """
    owners = None if vm_id is None else [vm_id]
    rows = _rows(client, _RELATIONSHIP, owners)
    if not rows:
        if vm_id is not None and not _systems(client, owners):
            msg = f"{client.node} does not own the VM {guid(vm_id)}"
            raise NotFoundError(msg, operation="Enumerate", system=client.node)
        return NodeReplication(())
    settings = {
        row.need_text("InstanceID").upper(): row for row in _rows(client, _SETTINGS, owners)
    }
    pairs = client.query(V2, f"SELECT * FROM {_DEPENDENCY}")  # noqa: S608  (constants)
    if owners is not None:
        owners += [test for replica, test in map(_ends, pairs) if replica == guid(owners[0])]
    beats = _heartbeats(client, owners)
    systems = _systems(client, owners)
    relations = []
    for row in rows:
        owner, tail = owner_and_tail(row)
        found = _LEG.fullmatch(tail)
        system = systems.get(owner)
        if found is None or system is None:
            continue
        setting = settings.get(row.need_text("InstanceID").upper())
        leg = int(found[1])
        relations.append(_relation(client.node, system, leg, row, setting, beats))
    tests, elsewhere = {}, {}
    for replica, test in map(_ends, pairs):
        system = systems.get(test)
        if system is not None:
            tests[replica] = _relation(client.node, system, FIRST_LEG, None, None, beats)
        elif test:
            elsewhere[replica] = test
    return NodeReplication(tuple(relations), tests, elsewhere)


def look_at_test(client: CimClient, vm_id: str) -> HostRelation:
    """Return a test VM from the node that owns it.

    Raises:
        NotFoundError: this node does not own it (any more).
    """
    system = _systems(client, [vm_id]).get(guid(vm_id))
    if system is None:
        msg = f"{client.node} does not own the VM {guid(vm_id)}"
        raise NotFoundError(msg, operation="Enumerate", system=client.node)
    return _relation(client.node, system, FIRST_LEG, None, None, _heartbeats(client, [vm_id]))


def _ends(pair: CimRow) -> tuple[str, str]:
    """Return the GUIDs of a replica and its test VM; empty for an end that is not told."""
    ends = [pair.reference(name) for name in ("Antecedent", "Dependent")]
    replica, test = (guid(end.key("Name")) if end is not None else "" for end in ends)
    return replica, test


def _rows(client: CimClient, class_name: str, owners: list[str] | None) -> list[CimRow]:
    return [row for rows in owned_rows(client, class_name, owners).values() for row in rows]


def _systems(client: CimClient, vm_ids: Iterable[str] | None = None) -> dict[str, CimRow]:
    described = literal(VIRTUALIZATION_MACHINE)
    wql = f"SELECT * FROM {COMPUTER_SYSTEM} WHERE "  # noqa: S608  (constants)
    wql += f"Description = {described}" if vm_ids is None else _one_of("Name", vm_ids)
    return {guid(row.need_text("Name")): row for row in client.query(V2, wql)}


def _one_of(name: str, vm_ids: Iterable[str]) -> str:
    return " OR ".join(f"{name} = {literal(guid(one))}" for one in vm_ids)


def _heartbeats(client: CimClient, vm_ids: Iterable[str] | None) -> dict[str, GuestState]:
    found = {}
    wql = "SELECT * FROM Msvm_HeartbeatComponent"
    wql += "" if vm_ids is None else f" WHERE {_one_of('SystemName', vm_ids)}"
    for row in client.query(V2, wql):
        status = row.integers("OperationalStatus")
        state = GUEST_STATES.get(status[0], GuestState.UNKNOWN) if status else GuestState.UNKNOWN
        found[guid(row.need_text("SystemName"))] = state
    return found


def _relation(
    node: str,
    system: CimRow,
    leg: int,
    row: CimRow | None,
    setting: CimRow | None,
    beats: Mapping[str, GuestState],
) -> HostRelation:
    facts = row or system
    vm_id = guid(system.need_text("Name"))
    power = POWER_STATES.get(system.integer("EnabledState") or 0, PowerState.UNKNOWN)
    silent = GuestState.ABSENT if power is PowerState.RUNNING else GuestState.UNKNOWN
    return HostRelation(
        vm_id=vm_id,
        name=system.text("ElementName") or "",
        node=node,
        leg=leg,
        mode=system.integer("ReplicationMode") or 0,
        state=facts.integer("ReplicationState") or 0,
        health=facts.integer("ReplicationHealth") or 0,
        failed_over=facts.integer("FailedOverReplicationType") or 0,
        power=power,
        guest=beats.get(vm_id, silent),
        last_at=facts.moment("LastReplicationTime"),
        last_apply_at=row.moment("LastApplyTime") if row is not None else None,
        last_application_at=facts.moment("LastApplicationConsistentReplicationTime"),
        settings=setting,
    )


def list_points(client: CimClient, vm_id: str | None = None) -> list[HostPoint]:
    """Return the recovery points of a node, or of one of its replicas, oldest first."""
    kind = literal(f"{_POINT_PREFIX}%")
    where = f"VirtualSystemType LIKE {kind}"
    rows = client.query(V2, f"SELECT * FROM {VSSD} WHERE {where}")  # noqa: S608  (constants)
    points = []
    for row in rows:
        owner = guid(row.need_text("VirtualSystemIdentifier"))
        if vm_id is not None and owner != guid(vm_id):
            continue
        point_id = owner_and_tail(row)[0]
        native = row.text("VirtualSystemType") or ""
        points.append(HostPoint(owner, point_id, native, row.moment("CreationTime")))
    return sorted(points, key=lambda one: (one.vm_id, str(one.created_at), one.point_id))


def disk_paths(client: CimClient) -> dict[str, list[str]]:
    """Return the disk files that each VM of a node writes to now, with one query."""
    found: dict[str, list[str]] = {}
    for owner, rows in owned_rows(client, SASD).items():
        found[owner] = [
            path
            for row in rows
            for path in row.texts("HostResource")
            if path.lower().endswith(DISK_FILES)
        ]
    return found


def read_server(client: CimClient) -> HostServer:
    """Return how a node is set up to receive.

    Raises:
        NotFoundError: the host has no replication service.
        ProtocolError: it shows no settings of it.
    """
    rows = client.query(V2, f"SELECT * FROM {_SERVER}")  # noqa: S608  (constants)
    if not rows:
        msg = f"{client.node}: the replication service shows no settings"
        raise ProtocolError(msg, operation="Enumerate", system=client.node)
    entries = client.query(V2, f"SELECT * FROM {_ENTRY}")  # noqa: S608  (constants)
    row = rows[0]
    return HostServer(
        node=client.node,
        enabled=bool(row.flag("RecoveryServerEnabled")),
        authentication=row.integer("AllowedAuthenticationType") or 0,
        http_port=row.integer("HttpPort") or 0,
        https_port=row.integer("HttpsPort") or 0,
        thumbprint=row.text("CertificateThumbPrint") or "",
        entries=tuple(
            ServerEntry(
                primary=entry.need_text("AllowedPrimaryHostSystem"),
                trust_group=entry.text("TrustGroup") or "",
                storage=entry.text("ReplicaStorageLocation") or "",
            )
            for entry in entries
        ),
    )


def read_statistics(client: CimClient, vm_id: str, leg: int) -> tuple[CimRow | None, list[str]]:
    """Return the figures of one leg and what the host has to say about its health.

    None for the figures when the host gives none.
    """
    arguments: dict[str, Argument] = {
        "ComputerSystem": vm_ref(vm_id),
        "ReplicationRelationship": relationship_text(vm_id, leg),
    }
    try:
        result = client.invoke(
            REPLICATION_SERVICE, "GetReplicationStatisticsEx", arguments, changes=False
        )
    except NotFoundError:
        return None, []
    what = f"the replication statistics of {client.node}"
    figures = [
        parse_instance_text(t, what=what) for t in result.outputs.texts("ReplicationStatistics")
    ]
    issues = [
        parse_instance_text(text, what=what).text("Message") or ""
        for text in result.outputs.texts("ReplicationHealthIssues")
    ]
    return (figures[0] if figures else None), [issue for issue in issues if issue]
