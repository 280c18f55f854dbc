"""The product's objects as far as we look into them, in both dialects [S][O]."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from safepoint_commvault.wire.base import Listed, WireId, WireModel

__all__ = [
    "ClientNode",
    "CommServe",
    "Credential",
    "Flag",
    "Hypervisor",
    "HypervisorRow",
    "IdName",
    "InventoryItem",
    "LastBackup",
    "PlanRow",
    "ProtectedVm",
    "Started",
    "StoragePool",
    "VmGroupState",
    "VmStatus",
    "same_machine",
]


def _as_yes(value: object) -> object:
    """Read a flag that comes as boolean, number or text."""
    if isinstance(value, str):
        return value.strip().casefold() in {"1", "true", "yes"}
    return bool(value)


#: A flag, whatever the wire made of it.
Flag = Annotated[bool, BeforeValidator(_as_yes)]


class IdName(WireModel):
    """A reference to another object."""

    id: WireId = ""
    name: str = ""


class CommServe(WireModel):
    """Who answers: `GET CommServ`."""

    host_name: str = Field(alias="hostName")
    service_pack: WireId = Field(default="", alias="currentSPVersion")
    version: str = Field(default="", alias="csVersionInfo")
    name: str = Field(default="", validation_alias=AliasPath("commcell", "commCellName"))
    comm_cell_id: int = Field(default=2, validation_alias=AliasPath("commcell", "commCellId"))


class Activity(WireModel):
    """A switch of the whole CommCell."""

    type: int = Field(alias="activityType")
    enabled: Flag = True


class ClientNode(WireModel):
    """A machine the CommServe knows."""

    id: WireId = Field(alias="clientId")
    name: str = Field(alias="clientName")
    display_name: str = Field(default="", alias="displayName")
    host_name: str = Field(default="", alias="hostName")

    def is_called(self, name: str) -> bool:
        """Tell whether this is that node, by its name or its host name, short or full."""
        known = {self.name, self.display_name, self.host_name} - {""}
        return any(same_machine(one, name) for one in known)


def same_machine(one: str, other: str) -> bool:
    """Tell whether two names mean one machine, short or with its domain.

    Nodes of one cluster share their domain.
    """
    return one.casefold().partition(".")[0] == other.casefold().partition(".")[0]


class Credential(WireModel):
    """A stored account; its password never comes back."""

    id: WireId = ""
    name: str
    user: str = Field(default="", alias="userAccount")
    description: str | None = ""


class HypervisorRow(WireModel):
    """A line of the list of hypervisors."""

    id: WireId
    name: str
    vendor: WireId = Field(
        default="", validation_alias=AliasChoices("HypervisorType", "hypervisorType")
    )


class Hypervisor(WireModel):
    """A registered hypervisor, whole. Which stored credential it uses is not told [O]."""

    id: WireId
    name: str
    server: str = Field(default="", validation_alias=AliasPath("accountDetails", "hostName"))
    backup_enabled: Flag = Field(
        default=True, validation_alias=AliasPath("activityControl", "enableBackup")
    )
    restore_enabled: Flag = Field(
        default=True, validation_alias=AliasPath("activityControl", "enableRestore")
    )
    access_nodes: Listed[IdName] = Field(
        default=(), validation_alias=AliasPath("accessNodeList", "accessNode")
    )


class StoragePool(WireModel):
    """Where a plan keeps its copies."""

    id: WireId = Field(alias="storagePoolId")
    name: str = Field(alias="storagePoolName")


class PlanRow(WireModel):
    """A line of the list of plans."""

    plan: IdName
    kind: str = Field(default="", alias="planType")


class LastBackup(WireModel):
    """What V4 says of the last job of a VM group."""

    job: WireId = Field(default="", alias="jobId")


class VmGroupState(WireModel):
    """A line of the list of VM groups in V4."""

    id: WireId
    last_backup: LastBackup | None = Field(default=None, alias="lastBackup")


class Started(WireModel):
    """What started something: the jobs to follow."""

    jobs: Listed[WireId] = Field(default=(), validation_alias=AliasChoices("jobIds", "jobId"))


class VmStatus(WireModel):
    """One VM in a job."""

    name: str = Field(default="", alias="vmName")
    guid: str = Field(default="", alias="GUID")
    job: WireId = Field(default="", alias="jobID")
    agent: str | None = Field(default="", alias="Agent")
    status: WireId = Field(default="", alias="Status")
    failure: str | None = Field(default="", alias="FailureReason")
    percent: int | None = Field(default=None, alias="PercentComplete")


class InventoryItem(WireModel):
    """A line of the hypervisor's inventory."""

    name: str
    guid: str = Field(default="", alias="strGUID")
    type: int = 0


class ProtectedVm(WireModel):
    """What the product knows of a VM: `GET VM`."""

    name: str
    guid: str = Field(alias="strGUID")
    status: WireId = Field(default="", alias="vmStatus")
    host: str | None = Field(default="", alias="vmHost")
    os_name: str | None = Field(default="", alias="strOSName")
    size_bytes: int = Field(default=0, alias="vmSize")
