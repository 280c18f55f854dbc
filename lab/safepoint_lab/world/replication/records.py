"""What the world remembers of Hyper-V Replica: servers, relationships, figures.

A relationship is kept twice, once a side, because each side has its own state and forgets it by
itself. Plain data; `ReplicationBook` owns every object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from safepoint_lab.world.model import NEVER
from safepoint_lab.world.replication.numbers import (
    Authentication,
    ReplicationKind,
    ReplicationMode,
    ReplicationState,
)

__all__ = [
    "AdapterAddress",
    "Authorization",
    "Figures",
    "ReplicaServer",
    "Replication",
    "ReplicationSettings",
]


@dataclass(slots=True)
class Authorization:
    """Who may send here, and where its replicas lie.

    `primary` is ``*``, ``*.domain``, or the FQDN of a primary host or of its broker.
    """

    primary: str
    trust_group: str
    storage: str


@dataclass(slots=True)
class ReplicaServer:
    """The replica server settings of one cluster (all its nodes share them [I]) or host."""

    cluster: str
    enabled: bool = False
    authentication: int = 0
    http_port: int = 80
    https_port: int = 443
    thumbprint: str = ""
    monitoring_start: datetime = NEVER
    monitoring_seconds: int = 43200
    entries: list[Authorization] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The key under which it is kept."""
        return self.cluster


@dataclass(slots=True)
class ReplicationSettings:
    """`Msvm_ReplicationSettingData` as far as it decides something. `slots` are the disks."""

    recovery_point: str
    port: int
    authentication: Authentication = Authentication.KERBEROS
    thumbprint: str = ""
    compression: bool = True
    bypass_proxy: bool = False
    interval_seconds: int = 300
    history_hours: int = 0
    application_hours: int = 0
    slots: list[str] = field(default_factory=list)
    kvp: bool = True
    auto_resync: bool = False
    auto_from: timedelta = timedelta(hours=18, minutes=30)
    auto_until: timedelta = timedelta(hours=6)


@dataclass(slots=True)
class Figures:
    """What is counted since `since`: cycles that went well, bytes, failures by their kind."""

    since: datetime = NEVER
    successes: int = 0
    bytes_sent: int = 0
    max_bytes: int = 0
    seconds: float = 0.0
    max_seconds: float = 0.0
    misses: int = 0
    network_failures: int = 0
    failures: int = 0
    application_failures: int = 0
    last_test_at: datetime = NEVER


@dataclass(slots=True)
class AdapterAddress:
    """`Msvm_FailoverNetworkAdapterSettingData`: what an adapter gets after a failover."""

    instance_id: str
    protocol: int
    dhcp: bool
    addresses: list[str]
    subnets: list[str]
    gateways: list[str]
    dns: list[str]


@dataclass(slots=True)
class Replication:
    """One side of a relationship.

    Attributes:
        vm: Key of the VM on this side.
        index: 0 for primary and replica, 1 for the extended leg.
        partner: Key of the VM on the other side.
        sends: Whether changes go out from here.
        mode: What this relationship makes of the VM.
        next_cycle_at: When the next cycle is due, on the sending side.
        start_at: When a scheduled initial replication or resynchronisation begins.
        problem: Why the last cycle did not go well, with its HRESULT; empty when it did.
        prepared: On the replica: the last delta of a planned failover is here.
        in_step: On the replica that failed over: the old primary holds the same bytes.
        head: On the replica that failed over: the checkpoint that holds what it had received.
        point_at: When the last recovery point was made, and the last consistent one.
    """

    vm: str
    index: int
    partner: str
    sends: bool
    mode: ReplicationMode
    state: ReplicationState
    settings: ReplicationSettings
    primary_host: str = ""
    created_at: datetime = NEVER
    failed_over: ReplicationKind = ReplicationKind.NONE
    last_type: ReplicationKind = ReplicationKind.NONE
    last_at: datetime = NEVER
    last_application_at: datetime = NEVER
    last_apply_at: datetime = NEVER
    figures: Figures = field(default_factory=Figures)
    next_cycle_at: datetime = NEVER
    start_at: datetime = NEVER
    start_kind: int = 0
    problem: str = ""
    prepared: bool = False
    in_step: bool = False
    head: str = ""
    point_at: datetime = NEVER
    application_point_at: datetime = NEVER
    export: str = ""
    addresses: list[AdapterAddress] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The key under which it is kept."""
        return f"{self.vm}/{self.index}"
