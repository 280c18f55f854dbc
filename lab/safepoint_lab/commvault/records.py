"""What the simulated CommServe remembers: plain records with a numeric id, kept by the shelf.

Times are aware UTC on the simulator's clock. Ids are counted for each kind of thing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from safepoint_lab.commvault.vocabulary import VIRTUAL_SERVER, Status
from safepoint_lab.products.disks import PointDisk

__all__ = [
    "ChildJob",
    "Client",
    "CommCell",
    "Counter",
    "Credential",
    "Event",
    "Hypervisor",
    "Job",
    "Plan",
    "ReferencePoint",
    "RestorePoint",
    "VmGroup",
]


@dataclass(slots=True)
class Counter:
    """The last id given to a kind of thing."""

    id: str
    last: int


@dataclass(slots=True)
class CommCell:
    """The whole system: activities that are off, and when they come on again."""

    id: str
    disabled: list[int] = field(default_factory=list)
    enable_at: dict[int, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class Client:
    """A machine with the product's software, or a protected VM (`vm` is its Hyper-V id).

    `agents` are active; `waiting` are installed and wait for a reboot of the node, which was
    last booted at `booted_at`.
    """

    id: int
    name: str
    host_name: str
    guid: str
    created_at: datetime
    agents: list[int] = field(default_factory=list)
    packages: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    booted_at: datetime | None = None
    node: str = ""
    vm: str = ""
    description: str = ""
    disabled: list[int] = field(default_factory=list)
    enable_at: dict[int, datetime] = field(default_factory=dict)

    @property
    def has_vsa(self) -> bool:
        """Whether it can be an access node."""
        return VIRTUAL_SERVER in self.agents


@dataclass(slots=True)
class Credential:
    """A stored credential. The password is never rendered."""

    id: int
    name: str
    account_type: str
    user_name: str
    description: str
    created_at: datetime
    password: str = field(repr=False, default="")


@dataclass(slots=True)
class Hypervisor:
    """A virtualization client with its one instance and backup set.

    `access_nodes` are client ids in order: the first coordinates. `disabled` are activities.
    """

    id: int
    name: str
    host_name: str
    guid: str
    created_at: datetime
    instance_id: int
    backupset_id: int
    access_nodes: list[int]
    user_name: str = ""
    password: str = field(repr=False, default="")
    credential_id: int = 0
    plan_id: int = 0
    deconfigured: bool = False
    description: str = ""
    disabled: list[int] = field(default_factory=list)
    enable_at: dict[int, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class VmGroup:
    """A subclient. `content` and `filters` are rules in the legacy grammar.

    `settings` are those of the V4 dialect that nothing else here carries.
    """

    id: int
    guid: str
    hypervisor_id: int
    name: str
    created_at: datetime
    content: list[dict[str, Any]] = field(default_factory=list)
    filters: list[dict[str, Any]] = field(default_factory=list)
    disk_filters: list[dict[str, Any]] = field(default_factory=list)
    plan_id: int = 0
    description: str = ""
    is_default: bool = False
    quiesce: bool = True
    changed_blocks: bool = True
    collect_files: bool = False
    access_nodes: list[int] = field(default_factory=list)
    disabled: list[int] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    last_job: int = 0


@dataclass(slots=True)
class Plan:
    """A server plan with one copy. `cycles` is None where only days count."""

    id: int
    name: str
    guid: str
    copy_id: int
    copy_name: str
    pool_id: int
    days: int
    cycles: int | None
    created_at: datetime
    rpo: dict[str, Any] = field(default_factory=dict)
    rpo_minutes: int = 1440
    description: str = ""
    extended: dict[str, Any] = field(default_factory=dict)
    """Up to three rules that keep fulls for longer, as they came."""


@dataclass(slots=True)
class ChildJob:
    """The part of a backup job that concerns one VM."""

    id: int
    vm: str
    name: str
    agent: str = ""
    status: Status = Status.WAITING
    reason: str = ""
    changed_blocks: str = ""
    full: bool = False
    percent: int = 0
    size_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    checkpoint: str = ""


@dataclass(slots=True)
class Job:
    """One job of any kind. `word` replaces the status' text when it is not empty.

    `kind` is Backup, Restore, Install or Data Aging; `spec` is what it shall do, for a resume.
    """

    id: int
    task_id: int
    kind: str
    user: str
    started_at: datetime
    status: Status = Status.RUNNING
    phase: str = ""
    percent: int = 0
    ended_at: datetime | None = None
    updated_at: datetime | None = None
    level: str = ""
    hypervisor_id: int = 0
    group_id: int = 0
    client_id: int = 0
    client_name: str = ""
    reason: str = ""
    reason_code: str = ""
    word: str = ""
    vms: list[ChildJob] = field(default_factory=list)
    retain_until: datetime | None = None
    aged: bool = False
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What the status reads on the wire."""
        return self.word or self.status.value

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status.ended


@dataclass(slots=True)
class Event:
    """One line of the event log."""

    id: int
    job_id: int
    at: datetime
    text: str
    severity: int = 3


@dataclass(slots=True)
class RestorePoint:
    """What one job kept of one VM. `id` is ``job-vm``."""

    id: str
    job_id: int
    group_id: int
    hypervisor_id: int
    plan_id: int
    vm: str
    name: str
    created_at: datetime
    started_at: datetime
    full: bool
    synthetic: bool
    node: str
    generation: int
    processors: int
    memory_mb: int
    guest_os: str
    config_root: str
    consistency: str
    disks: list[PointDisk]
    backup_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Size of its disks."""
        return sum(disk.size_bytes for disk in self.disks)


@dataclass(slots=True)
class ReferencePoint:
    """What is left on the host of a VM's last checkpoint, for the next increment [D].

    `id` is the VM. `point` names the restore point whose cells it refers to.
    """

    id: str
    identity: str
    point: str
    created_at: datetime
