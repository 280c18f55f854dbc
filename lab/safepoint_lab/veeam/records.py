"""What the simulated server remembers: plain records with an id, kept by the shelf.

Times are aware UTC on the lab's clock. Ids are lower-case GUIDs, as on the wire.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from safepoint_lab.products.disks import PointDisk

__all__ = [
    "Backup",
    "BackupObject",
    "Credential",
    "Exclusion",
    "Job",
    "LogLine",
    "Mount",
    "PendingDeletion",
    "Repository",
    "RestorePoint",
    "Server",
    "Session",
    "Task",
    "new_id",
]


def new_id() -> str:
    """Return a fresh id."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class Credential:
    """An account the server uses on others. The password is never rendered."""

    id: str
    username: str
    description: str
    type: str
    created_at: datetime
    unique_id: str
    password: str = field(repr=False, default="")


@dataclass(slots=True)
class Server:
    """A managed server. Nested clusters and hosts have a `parent`.

    `components` are those deployed, by name with their port; `wanted` are the node or cluster
    names asked for (empty: all).
    """

    id: str
    name: str
    type: str
    description: str
    created_at: datetime
    credentials_id: str = ""
    storage_type: str = "Permanent"
    available: bool = True
    add_all: bool = True
    network: dict[str, Any] = field(default_factory=dict)
    max_tasks: int = 4
    parent: str = ""
    children: list[str] = field(default_factory=list)
    components: dict[str, int] = field(default_factory=dict)
    failed_component: str = ""


@dataclass(slots=True)
class Repository:
    """A backup repository."""

    id: str
    name: str
    description: str
    path: str
    unique_id: str
    host_id: str
    capacity_bytes: int


@dataclass(slots=True)
class Job:
    """A Hyper-V backup job; `body` is its model as 1.3-rev1 spells it, without ids."""

    id: str
    created_at: datetime
    body: dict[str, Any]
    disabled: bool = False
    last_session: str = ""

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.body["name"])

    @property
    def repository_id(self) -> str:
        """Where it writes to."""
        return str(self.body["storage"]["backupRepositoryId"])


@dataclass(slots=True)
class LogLine:
    """One record of a session's or task's log."""

    status: str
    started_at: datetime
    updated_at: datetime
    title: str
    description: str = ""


@dataclass(slots=True)
class Session:
    """One run of anything asynchronous."""

    id: str
    name: str
    type: str
    job_id: str
    created_at: datetime
    usn: int
    initiated_by: str
    state: str = "Starting"
    percent: int = 0
    ended_at: datetime | None = None
    result: str = "None"
    message: str = ""
    cancelled: bool = False
    hyperv: bool = False
    algorithm: str = ""
    resource_id: str = ""
    resource_reference: str = ""
    related: str = ""
    log: list[LogLine] = field(default_factory=list)


@dataclass(slots=True)
class Task:
    """The part of a session that concerns one VM. `kind` is Backup or Restore."""

    id: str
    kind: str
    session_id: str
    session_type: str
    created_at: datetime
    usn: int
    name: str
    vm: str
    state: str = "Working"
    ended_at: datetime | None = None
    result: str = "None"
    message: str = ""
    cancelled: bool = False
    algorithm: str = "None"
    repository_id: str = ""
    restore_point_id: str = ""
    total_bytes: int = 0
    processed_bytes: int = 0
    read_bytes: int = 0
    transferred_bytes: int = 0
    log: list[LogLine] = field(default_factory=list)

    @property
    def percent(self) -> int:
        """How far the bytes are."""
        if self.state == "Stopped":
            return 100
        return self.processed_bytes * 100 // self.total_bytes if self.total_bytes else 0


@dataclass(slots=True)
class Backup:
    """The backup of one job in one repository."""

    id: str
    job_id: str
    name: str
    created_at: datetime
    repository_id: str


@dataclass(slots=True)
class BackupObject:
    """One VM inside a backup. `vm` is its Hyper-V id, upper case; `path` where it lay."""

    id: str
    backup_id: str
    vm: str
    name: str
    path: str
    size_bytes: int = 0
    last_run_failed: bool = False


@dataclass(slots=True)
class RestorePoint:
    """One restore point of one VM. `flags` are its GFS periods."""

    id: str
    backup_id: str
    object_id: str
    session_id: str
    name: str
    vm: str
    created_at: datetime
    full: bool
    node: str
    generation: int
    processors: int
    memory_mb: int
    guest_os: str
    config_root: str
    file_id: str
    consistency: str
    checkpoint: str
    disks: list[PointDisk]
    backup_bytes: int = 0
    flags: list[str] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """Size of its disks."""
        return sum(disk.size_bytes for disk in self.disks)


@dataclass(slots=True)
class Mount:
    """An instant recovery: a VM that runs from a restore point."""

    id: str
    session_id: str
    state: str
    spec: dict[str, Any]
    vm_name: str
    job_name: str
    point_date: datetime
    host_name: str
    created_at: datetime
    vm: str = ""
    error: str = ""
    original: bool = False


@dataclass(slots=True)
class Exclusion:
    """A VM that no job processes."""

    id: str
    object: dict[str, Any]
    note: str
    created_at: datetime


@dataclass(slots=True)
class PendingDeletion:
    """A deletion that waits for a second person: what was asked, by whom."""

    id: str
    operation: str
    path: str
    user: str
    created_at: datetime
    revision: str
    parameters: dict[str, str]
    query: dict[str, list[str]]
