"""VM groups and jobs on the wire, in the legacy dialect [S]."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AliasPath, Field

from safepoint_commvault.wire.base import Listed, WireId, WireModel, WireTime, as_list
from safepoint_commvault.wire.objects import Flag, VmStatus

__all__ = ["VSA_AGENT", "VSA_APPLICATION", "Job", "JobDetails", "SubclientEntity", "VmGroup"]

#: The Virtual Server Agent, by number and by name [S].
VSA_APPLICATION: Final = 106
VSA_AGENT: Final = "Virtual Server"
#: The kind of entity that a subclient is.
_SUBCLIENT: Final = 7


class SubclientEntity(WireModel):
    """Where a VM group hangs: client, agent, instance, backup set, subclient."""

    id: WireId = Field(alias="subclientId")
    name: str = Field(default="", alias="subclientName")
    guid: str | None = Field(default=None, alias="subclientGUID")
    client: str = Field(default="", alias="clientName")
    client_id: WireId = Field(default="", alias="clientId")
    instance: str = Field(default="", alias="instanceName")
    instance_id: WireId = Field(default="", alias="instanceId")
    backup_set: str = Field(default="", alias="backupsetName")
    backup_set_id: WireId = Field(default="", alias="backupsetId")

    def association(self) -> dict[str, Any]:
        """Return it as tasks name what they are about."""
        return {
            "clientId": int(self.client_id or 0),
            "clientName": self.client,
            "applicationId": VSA_APPLICATION,
            "appName": VSA_AGENT,
            "instanceId": int(self.instance_id or 0),
            "instanceName": self.instance,
            "backupsetId": int(self.backup_set_id or 0),
            "backupsetName": self.backup_set,
            "subclientId": int(self.id),
            "subclientName": self.name,
            "_type_": _SUBCLIENT,
        }


class VmGroup(WireModel):
    """A VM group as the legacy dialect has it: a subclient of agent 106."""

    entity: SubclientEntity = Field(alias="subClientEntity")
    description: str | None = Field(
        default="", validation_alias=AliasPath("commonProperties", "description")
    )
    enabled: Flag = Field(
        default=True, validation_alias=AliasPath("commonProperties", "enableBackup")
    )
    is_default: Flag = Field(
        default=False, validation_alias=AliasPath("commonProperties", "isDefaultSubclient")
    )
    plan: str = Field(default="", validation_alias=AliasPath("planEntity", "planName"))
    content: dict[str, Any] | None = Field(default=None, alias="vmContent")
    filters: dict[str, Any] | None = Field(default=None, alias="vmFilter")
    properties: dict[str, Any] | None = Field(default=None, alias="vsaSubclientProp")

    @property
    def is_whole(self) -> bool:
        """True when content and settings came along; a list may leave them out."""
        return self.content is not None and self.properties is not None

    @property
    def has_content(self) -> bool:
        """True when it holds any rule at all."""
        return bool(as_list((self.content or {}).get("children")))

    @property
    def quiesces(self) -> bool:
        """True when guests are asked to become application consistent."""
        return bool((self.properties or {}).get("quiesceGuestFileSystemAndApplications", True))

    @property
    def tracks_changes(self) -> bool:
        """True when increments read changed blocks only."""
        return bool((self.properties or {}).get("useChangedTrackingOnVM", True))


class Job(WireModel):
    """A job's summary."""

    id: WireId = Field(alias="jobId")
    status: str
    percent: int | None = Field(default=None, alias="percentComplete")
    kind: str = Field(default="", alias="jobType")
    level: str | None = Field(default="", alias="backupLevelName")
    phase: str | None = Field(default="", alias="currentPhaseName")
    started_at: WireTime = Field(default=None, alias="jobStartTime")
    ended_at: WireTime = Field(default=None, alias="jobEndTime")
    updated_at: WireTime = Field(default=None, alias="lastUpdateTime")
    reason: str | None = Field(default="", alias="pendingReason")
    reason_code: WireId = Field(default="", alias="pendingReasonErrorCode")
    size_bytes: int = Field(default=0, alias="sizeOfApplication")
    stored_bytes: int = Field(default=0, alias="sizeOfMediaOnDisk")
    subclient: SubclientEntity | None = None
    parent: WireId = Field(default="", alias="vsaParentJobID")
    is_aged: Flag = Field(default=False, alias="isAged")
    is_visible: Flag = Field(default=True, alias="isVisible")

    @property
    def is_child(self) -> bool:
        """True for the job of a single VM inside another one."""
        return self.parent not in {"", "0"}


class JobDetails(WireModel):
    """What `JobDetails` adds: one line for each VM."""

    vms: Listed[VmStatus] = Field(
        default=(),
        validation_alias=AliasPath("job", "jobDetail", "clientStatusInfo", "vmStatus"),
    )
