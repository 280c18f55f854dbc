"""The product's objects as far as we look into them (VBR REST 1.3-rev0 to rev2 [S])."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from safepoint_veeam.wire.base import WireModel, WireTime

__all__ = [
    "Backup",
    "BackupObject",
    "Component",
    "Credential",
    "Job",
    "JobState",
    "LicenseInfo",
    "LogRecord",
    "ManagedServer",
    "Mount",
    "Point",
    "Progress",
    "Repository",
    "Result",
    "ServerInfo",
    "Session",
    "TaskSession",
]


class ServerInfo(WireModel):
    """Who answers: `ServerInfoModel`."""

    vbr_id: str
    name: str
    build_version: str
    platform: str = ""


class LicenseInfo(WireModel):
    """`InstalledLicenseModel`."""

    status: str
    edition: str
    type: str = ""
    instance_license_summary: dict[str, Any] | None = None


class Credential(WireModel):
    """A stored account; its password never comes back."""

    id: str
    username: str
    type: str
    description: str = ""
    unique_id: str | None = None


class Component(WireModel):
    """One service on a node and its port."""

    component_name: str
    port: int


class ManagedServer(WireModel):
    """An SCVMM, cluster or host: `SCVMMModel`, `HvHostClusterModel`, `HvServerModel`."""

    id: str
    name: str
    type: str
    status: str = ""
    description: str = ""
    credentials_id: str | None = None
    parent_host_id: str | None = None
    parent_host_name: str | None = None
    updates_state: str | None = None
    network_settings: dict[str, Any] | None = None
    child_servers: tuple[dict[str, Any], ...] | None = None

    @property
    def components(self) -> tuple[Component, ...]:
        """What is deployed there; a cluster lists none, its nodes do."""
        rows = (self.network_settings or {}).get("components") or ()
        return tuple(Component.read(row) for row in rows)


class Repository(WireModel):
    """A repository with its state: `RepositoryStateModel`, space in GB."""

    id: str
    name: str
    type: str
    path: str | None = None
    capacity_gb: float | None = Field(default=None, alias="capacityGB")
    free_gb: float | None = Field(default=None, alias="freeGB")
    is_online: bool | None = None


class Job(WireModel):
    """A job, whole: names as in 1.3-rev2 whatever the server speaks."""

    id: str
    name: str
    type: str
    description: str = ""
    is_disabled: bool = False


class Result(WireModel):
    """`SessionResultModel`: the outcome is inside, not beside [S]."""

    result: str = "None"
    message: str | None = ""
    is_canceled: bool = False


class Progress(WireModel):
    """`SessionProgress`; sizes in bytes."""

    processed_size: int = 0
    read_size: int = 0
    transferred_size: int = 0
    progress_percent: int = 0


class Session(WireModel):
    """One execution of anything long; finished when `state` is Stopped [S]."""

    id: str
    name: str
    job_id: str
    session_type: str
    state: str
    creation_time: WireTime
    end_time: WireTime = None
    progress_percent: int | None = None
    result: Result | None = None
    resource_id: str | None = None
    platform_name: str | None = None
    algorithm: str | None = None

    @property
    def is_finished(self) -> bool:
        """Compared without case: it drifts between revisions."""
        return self.state.casefold() == "stopped"


class TaskSession(WireModel):
    """One VM in a session."""

    id: str
    session_id: str
    type: str
    name: str = ""
    state: str = ""
    creation_time: WireTime
    end_time: WireTime = None
    restore_point_id: str | None = None
    algorithm: str | None = None
    result: Result | None = None
    progress: Progress | None = None
    repository_id: str | None = None


class LogRecord(WireModel):
    """One line of a log; its words are for people only."""

    id: int = 0
    status: str = ""
    title: str = ""
    description: str | None = ""
    start_time: WireTime = None


class JobState(WireModel):
    """`JobStateModel`: status, last result and last session of a job."""

    id: str
    name: str
    type: str
    status: str
    last_result: str
    last_run: WireTime = None
    next_run: WireTime = None
    session_id: str | None = None
    progress_percent: int = 0
    description: str = ""


class Backup(WireModel):
    """A chain of one job; its job may be gone."""

    id: str
    name: str
    platform_name: str
    job_id: str | None = None
    repository_id: str | None = None


class BackupObject(WireModel):
    """One VM in a backup; only 1.3-rev2 says which Hyper-V VM it is [S]."""

    id: str
    name: str = ""
    platform_name: str
    restore_points_count: int = 0
    object_id: str | None = None
    path: str | None = None
    backup_id: str | None = None


class Point(WireModel):
    """`ObjectRestorePointModel`."""

    id: str
    name: str
    platform_name: str
    creation_time: WireTime
    backup_id: str
    type: str | None = None
    session_id: str | None = None
    allowed_operations: tuple[str, ...] = ()
    original_size: int | None = None


class Mount(WireModel):
    """A VM that runs from its backup: `InstantHvVMRecoveryMount`."""

    id: str
    session_id: str
    state: str
    vm_name: str = ""
    host_name: str | None = None
    error_message: str | None = None
    job_name: str = ""
    restore_point_date: WireTime = None
    spec: dict[str, Any] | None = None
