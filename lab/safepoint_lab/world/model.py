"""The nouns of the lab's world: clusters, nodes, VMs, disks, checkpoints, jobs, merges.

Plain mutable data without behaviour; `safepoint_lab.world.world.World` owns every object and
changes them only while it holds ``World.lock``. Readers (the wire layer) take the same lock.
GUIDs are upper case without braces. All times are aware UTC on the *lab's* clock; a node's
own clock is ``World.now(node)`` (clock skew). Paths seen by hosts are UNC paths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from safepoint_lab.world.enums import (
    BusyStatus,
    CheckpointType,
    Consistency,
    ControllerKind,
    GuestBackupType,
    GuestOs,
    ImageKind,
    JobState,
    JobType,
    MergePhase,
    NodeState,
    PowerState,
    ServiceStatus,
    UserSnapshotType,
)

__all__ = [
    "JOB_REMOVAL",
    "NEVER",
    "AffectedElement",
    "Checkpoint",
    "CheckpointDisk",
    "Cluster",
    "Controller",
    "Disk",
    "DiskImage",
    "Job",
    "Merge",
    "Node",
    "NotHereError",
    "Refused",
    "Rights",
    "Share",
    "VirtualDiskFacts",
    "Vm",
]

NEVER = datetime(1601, 1, 1, tzinfo=UTC)
"""How Hyper-V says "never" [R]."""

JOB_REMOVAL = timedelta(minutes=5)
"""`TimeBeforeRemoval`: how long a finished job object stays [D]."""


class Refused(Exception):  # noqa: N818 - a ReturnValue in HTTP 200, not a protocol error
    """The host refused a method call: `return_value` travels inside HTTP 200, no job exists."""

    def __init__(self, return_value: int, reason: str = "") -> None:
        super().__init__(f"refused with return value {return_value}: {reason}")
        self.return_value = int(return_value)
        self.reason = reason


class NotHereError(LookupError):
    """The object does not exist *on this node*; the wire says `DestinationUnreachable`."""


@dataclass(slots=True)
class Rights:
    """What the lab's one account may do on a node."""

    winrm: bool = True
    hyperv_admin: bool = True
    denied_namespaces: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Node:
    """One Hyper-V host. `hostname` is the FQDN; ports are 0 until the node's server listens."""

    name: str
    cluster: str
    hostname: str
    guid: str
    state: NodeState = NodeState.UP
    locale: str = "en-US"
    address: str = "127.0.0.1"
    http_port: int = 0
    https_port: int = 0
    clock_skew_seconds: float = 0.0
    os_caption: str = "Microsoft Windows Server 2022 Datacenter"
    os_version: str = "10.0.20348"
    os_build: str = "20348"
    processors: int = 16
    memory_bytes: int = 256 << 30
    booted_at: datetime = NEVER
    merges_enabled: bool = True
    rights: Rights = field(default_factory=Rights)


@dataclass(slots=True)
class Share:
    r"""One SMB share that VMs lie on: `\\server\name`, really the folder `folder`."""

    server: str
    name: str
    folder: str

    @property
    def unc(self) -> str:
        """The share's UNC path without a trailing backslash."""
        return rf"\\{self.server}\{self.name}"


@dataclass(slots=True)
class Cluster:
    """One failover cluster: node names in order, and the shares its VMs lie on.

    A host that is in no cluster is one of a single node, `standalone`. `broker` is the FQDN of
    the Hyper-V Replica Broker's client access point; empty when the cluster has none.
    """

    name: str
    fqdn: str
    guid: str
    nodes: list[str]
    shares: list[Share]
    standalone: bool = False
    broker: str = ""


@dataclass(slots=True)
class Controller:
    """A disk controller of a VM. `guid` is the middle part of the disks' InstanceIDs."""

    guid: str
    kind: ControllerKind
    number: int


@dataclass(slots=True)
class DiskImage:
    """One file of a disk: a base (`parent` None) or a differencing file over `parent`.

    A `borrowed` file belongs to another VM (a test VM stands on its replica's files): it is read
    only, never merged and never deleted.
    """

    path: str
    parent: str | None
    kind: ImageKind
    borrowed: bool = False


@dataclass(slots=True)
class Disk:
    """One virtual disk of a VM. `path` is the file the VM writes to now (maybe an .avhdx).

    `images` holds every file of the disk, bases and branches, by UNC path. `slot` is the
    stable name of the disk inside its VM: ``<controller kind letter><number>.<lun>``.
    """

    controller: int
    controller_kind: ControllerKind
    lun: int
    path: str
    size_bytes: int
    images: dict[str, DiskImage]
    passthrough: bool = False

    @property
    def slot(self) -> str:
        """Name of the disk inside its VM, such as ``scsi0.0``."""
        return slot_name(self.controller_kind, self.controller, self.lun)


def slot_name(kind: ControllerKind, controller: int, lun: int) -> str:
    """Return the stable name of a disk location inside a VM."""
    return f"{kind.name.lower()}{controller}.{lun}"


@dataclass(slots=True)
class CheckpointDisk:
    """What a checkpoint froze of one disk: location, the frozen file, and its kind."""

    controller: int
    controller_kind: ControllerKind
    lun: int
    path: str
    size_bytes: int

    @property
    def slot(self) -> str:
        """Name of the disk inside its VM, as `Disk.slot`."""
        return slot_name(self.controller_kind, self.controller, self.lun)


@dataclass(slots=True)
class Checkpoint:
    """A checkpoint. Its VSSD has InstanceID ``Microsoft:<guid>``; `parent` is another one's GUID.

    `vm` is the key of its VM (as in jobs and merges).

    `has_saved_state` is true for a standard checkpoint of a running VM. `config` is the
    checkpoint's own copy of the VM's settings (name of the VM, processors, memory). `by_wire`
    tells the lab, and nobody else, that a client asked for it over WS-Management: simulated
    products and people make theirs without.
    """

    guid: str
    vm: str
    name: str
    type: CheckpointType
    created_at: datetime
    consistency: Consistency
    guest_backup_type: GuestBackupType
    parent: str | None
    disks: list[CheckpointDisk]
    notes: list[str] = field(default_factory=list)
    has_saved_state: bool = False
    processors: int = 1
    memory_mb: int = 1024
    by_wire: bool = False


@dataclass(slots=True)
class Vm:
    """One virtual machine; it is visible only on its owner `node`.

    `busy` is `OperationalStatus[1]` while something runs, else None. `most_current` is the
    checkpoint that the active disks descend from. `vss_enabled` is the switch of the "backup"
    integration service, `vss_status` what the guest side answers; `guest_quiesces` tells if a
    freeze would work (Linux: the daemon runs). `scope` is the cluster of a VM whose GUID
    another cluster has, too: a replica, or a copy that was registered elsewhere.
    """

    guid: str
    name: str
    cluster: str
    node: str
    generation: int
    power: PowerState
    guest_os: GuestOs
    controllers: list[Controller]
    disks: list[Disk]
    config_root: str
    created_at: datetime
    processors: int = 2
    memory_mb: int = 2048
    version: str = "10.0"
    notes: list[str] = field(default_factory=list)
    user_snapshot_type: UserSnapshotType = UserSnapshotType.PRODUCTION
    automatic_snapshots: bool = False
    busy: BusyStatus | None = None
    vss_enabled: bool = True
    vss_status: ServiceStatus = ServiceStatus.OK
    guest_quiesces: bool = True
    kvp: dict[str, str] = field(default_factory=dict)
    most_current: str | None = None
    last_applied: str | None = None
    started_at: datetime = NEVER
    config_changed_at: datetime = NEVER
    last_backup_at: datetime = NEVER
    storage_lost: bool = False
    planned: bool = False
    scope: str = ""

    @property
    def key(self) -> str:
        """What names this VM in the whole world, where its GUID alone may name two."""
        return f"{self.guid}@{self.scope.upper()}" if self.scope else self.guid

    @property
    def operational_status(self) -> list[int]:
        """`OperationalStatus`: 2 OK (or 3 degraded), then what it is busy with."""
        first = 3 if self.storage_lost else 2
        return [first] if self.busy is None else [first, int(self.busy)]


@dataclass(slots=True)
class AffectedElement:
    """A row of `Msvm_AffectedJobElement`; visible only when the job has finished [R].

    `kind` is ``vm``, ``checkpoint`` or ``file``; `key` a GUID or path; `effect` an
    `ElementEffects` number: 0 unknown, 5 create.
    """

    kind: str
    key: str
    effect: int


@dataclass(slots=True)
class Job:
    """One asynchronous job of one node. It vanishes `JOB_REMOVAL` after it finished."""

    guid: str
    node: str
    type: JobType
    caption: str
    started_at: datetime
    class_name: str = "Msvm_ConcreteJob"
    vm: str | None = None
    state: JobState = JobState.NEW
    percent: int = 0
    finished_at: datetime | None = None
    cancellable: bool = True
    error_code: int = 0
    error_description: str | None = None
    error_summary: str | None = None
    messages: list[str] = field(default_factory=list)
    affected: list[AffectedElement] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether the job has reached a state it will not leave."""
        return self.state >= JobState.COMPLETED


@dataclass(slots=True)
class Merge:
    """The background merge of one file of one disk into its parent (after a delete)."""

    vm: str
    slot: str
    child: str
    parent: str
    phase: MergePhase = MergePhase.QUEUED
    job: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class VirtualDiskFacts:
    """What `GetVirtualHardDiskSettingData` and `GetVirtualHardDiskState` tell of a file."""

    path: str
    kind: ImageKind
    parent_path: str | None
    disk_id: str
    size_bytes: int
    file_bytes: int
    block_bytes: int
    logical_sector_bytes: int
    physical_sector_bytes: int
    in_use: bool
