"""Every call the client makes, as a row: method, path, effect, time-out.

Two dialects side by side: the legacy one, which the vendor's own Python SDK speaks [S], where it
carries what we need, and V4 [O] for stored credentials, hypervisors and plans. The web service
takes upper and lower case of a path as equal; we write them as the documents do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["OPERATIONS", "Operation"]


@dataclass(frozen=True)
class Operation:
    """One call.

    Attributes:
        name: What errors and tests call it.
        method: HTTP method.
        path: Below the web service, with the names of its parts in braces.
        writes: True when a lost answer leaves the effect unknown.
        read_seconds: How long the server may be silent.
    """

    name: str
    method: str
    path: str
    writes: bool = False
    read_seconds: float = 60.0


def _get(name: str, path: str, read_seconds: float = 60.0) -> Operation:
    return Operation(name, "GET", path, read_seconds=read_seconds)


def _ask(name: str, path: str, read_seconds: float = 180.0) -> Operation:
    return Operation(name, "POST", path, read_seconds=read_seconds)


def _do(name: str, method: str, path: str, read_seconds: float = 120.0) -> Operation:
    return Operation(name, method, path, writes=True, read_seconds=read_seconds)


_ROWS: Final = (
    _get("comm-serve", "/CommServ"),
    _get("activities", "/V4/CommCell/ActivityControl"),
    _get("clients", "/Client", 180.0),
    _get("client", "/Client/{id}"),
    _do("modify-client", "POST", "/Client/{id}"),
    _get("access-nodes", "/VSAClientAndClientGroupList"),
    _get("agents", "/Agent"),
    _do("create-task", "POST", "/CreateTask"),
    _get("credentials", "/V4/Credential"),
    _get("credential", "/V4/Credential/{credential}"),
    _do("create-credential", "POST", "/V4/Credential"),
    _do("modify-credential", "PUT", "/V4/Credential/{credential}"),
    _do("delete-credential", "DELETE", "/V4/Credential/{credential}"),
    _get("hypervisors", "/V4/Hypervisor"),
    _get("hypervisor", "/V4/Hypervisor/{id}"),
    # The product connects to the cluster and to each node meanwhile.
    _do("create-hypervisor", "POST", "/V4/Hypervisor", 300.0),
    _do("modify-hypervisor", "PUT", "/V4/Hypervisor/{id}", 300.0),
    _do("delete-hypervisor", "DELETE", "/V4/Hypervisor/{id}"),
    _get("storage-pools", "/StoragePool"),
    _get("plans", "/V4/Plan/Summary"),
    _get("plan", "/V4/ServerPlan/{id}"),
    _do("create-plan", "POST", "/V4/ServerPlan"),
    _do("modify-plan", "PUT", "/V4/ServerPlan/{id}"),
    _do("modify-plan-copy", "PUT", "/V4/ServerPlan/{id}/BackupDestination/{copy}"),
    _do("delete-plan", "DELETE", "/V4/ServerPlan/{id}"),
    _get("backup-sets", "/Backupset"),
    _get("vm-groups", "/Subclient", 180.0),
    _get("vm-group", "/Subclient/{id}"),
    _get("vm-group-states", "/V4/VMGroups", 180.0),
    _do("create-vm-group", "POST", "/Subclient"),
    _do("modify-vm-group", "POST", "/Subclient/{id}"),
    _do("delete-vm-group", "DELETE", "/Subclient/{id}"),
    _do("back-up", "POST", "/Subclient/{id}/action/backup"),
    _get("job", "/Job/{id}"),
    _ask("job-details", "/JobDetails", 60.0),
    _ask("jobs", "/Jobs"),
    _do("kill-job", "POST", "/Job/{id}/action/kill"),
    _do("suspend-job", "POST", "/Job/{id}/action/pause"),
    _do("resume-job", "POST", "/Job/{id}/action/resume"),
    _get("protected-vms", "/VM", 300.0),
    _get("inventory", "/VMBrowse", 300.0),
    _ask("browse", "/DoBrowse", 300.0),
)

#: By name.
OPERATIONS: Final = {row.name: row for row in _ROWS}
