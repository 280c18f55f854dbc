"""Every call the client makes, as a row: method, path, exact success codes, time-out, effect.

Paths, success codes: OpenAPI of 1.3-rev0 to rev2 [S]. A POST may be a read (inventory,
discovery) and answer 200; what starts something answers 201 with a session; what rev0 answers
with 200 and later ones with 204 lists both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["OPERATIONS", "Operation"]

_INFRA = "/api/v1/backupInfrastructure"
_SERVERS = f"{_INFRA}/managedServers"
_INSTANT = "/api/v1/restore/instantRecovery/hyperV/vm"


@dataclass(frozen=True)
class Operation:
    """One call.

    Attributes:
        name: What errors and tests call it.
        method: HTTP method.
        path: With the names of its parts in braces.
        success: Exactly the statuses that mean done.
        writes: True when a lost answer leaves the effect unknown.
        read_seconds: How long the server may be silent.
        has_body: True when a success other than 204 carries JSON.
    """

    name: str
    method: str
    path: str
    success: tuple[int, ...] = (200,)
    writes: bool = False
    read_seconds: float = 60.0
    has_body: bool = True


def _get(name: str, path: str, read_seconds: float = 60.0) -> Operation:
    return Operation(name, "GET", path, read_seconds=read_seconds)


def _ask(name: str, path: str, read_seconds: float = 180.0, success: int = 200) -> Operation:
    return Operation(name, "POST", path, (success,), read_seconds=read_seconds)


def _do(name: str, method: str, path: str, *success: int, body: bool = True) -> Operation:
    return Operation(name, method, path, success, writes=True, read_seconds=120.0, has_body=body)


_ROWS: Final = (
    _get("server-info", "/api/v1/serverInfo"),
    _get("license", "/api/v1/license"),
    _get("credentials", "/api/v1/credentials"),
    _do("create-credential", "POST", "/api/v1/credentials", 201),
    _do("modify-credential", "PUT", "/api/v1/credentials/{id}", 200),
    _do("delete-credential", "DELETE", "/api/v1/credentials/{id}", 204, body=False),
    _do("change-password", "POST", "/api/v1/credentials/{id}/changepassword", 200, body=False),
    _ask("connection-certificate", "/api/v1/connectionCertificate", success=201),
    _get("servers", _SERVERS),
    _get("server", f"{_SERVERS}/{{id}}"),
    _do("add-server", "POST", _SERVERS, 201),
    _do("modify-server", "PUT", f"{_SERVERS}/{{id}}", 201),
    _do("remove-server", "DELETE", f"{_SERVERS}/{{id}}", 201),
    _do("rescan-server", "POST", f"{_SERVERS}/{{id}}/rescan", 201),
    _do("update-components", "POST", f"{_SERVERS}/updateComponents", 201),
    _ask("discover-hosts", f"{_SERVERS}/hyperVHosts"),
    _ask("inventory", "/api/v1/inventory"),
    _ask("inventory-of", "/api/v1/inventory/{hostname}"),
    _get("repository-states", f"{_INFRA}/repositories/states"),
    _get("jobs", "/api/v1/jobs"),
    _get("job", "/api/v1/jobs/{id}"),
    _get("job-states", "/api/v1/jobs/states"),
    _do("create-job", "POST", "/api/v1/jobs", 201),
    _do("modify-job", "PUT", "/api/v1/jobs/{id}", 200),
    _do("delete-job", "DELETE", "/api/v1/jobs/{id}", 204, body=False),
    _do("enable-job", "POST", "/api/v1/jobs/{id}/enable", 204, 200, body=False),
    _do("disable-job", "POST", "/api/v1/jobs/{id}/disable", 204, 200, body=False),
    _do("start-job", "POST", "/api/v1/jobs/{id}/start", 201, 204),
    _do("stop-job", "POST", "/api/v1/jobs/{id}/stop", 201),
    _do("quick-backup", "POST", "/api/v1/jobs/quickBackup/hyperV", 201),
    _get("sessions", "/api/v1/sessions"),
    _get("session", "/api/v1/sessions/{id}"),
    _get("session-log", "/api/v1/sessions/{id}/logs"),
    _do("stop-session", "POST", "/api/v1/sessions/{id}/stop", 200, body=False),
    _get("tasks-of-session", "/api/v1/sessions/{id}/taskSessions", 180.0),
    _get("task-sessions", "/api/v1/taskSessions", 180.0),
    _get("task-log", "/api/v1/taskSessions/{id}/logs"),
    _get("backups", "/api/v1/backups"),
    _do("delete-backup", "DELETE", "/api/v1/backups/{id}", 201),
    _get("objects-of-backup", "/api/v1/backups/{id}/objects", 300.0),
    _get("backup-objects", "/api/v1/backupObjects", 300.0),
    _get("restore-points", "/api/v1/restorePoints", 180.0),
    _get("restore-point", "/api/v1/restorePoints/{id}"),
    _get("disks-of-point", "/api/v1/restorePoints/{id}/disks"),
    _do("restore-vm", "POST", "/api/v1/restore/vmRestore/hyperV", 201),
    _get("instant-recoveries", _INSTANT),
    _do("start-instant-recovery", "POST", _INSTANT, 201),
    _do("migrate-instant-recovery", "POST", f"{_INSTANT}/{{mountId}}/migrate", 204, body=False),
    _do("stop-instant-recovery", "POST", f"{_INSTANT}/{{mountId}}/unmount", 200),
)

#: By name.
OPERATIONS: Final = {row.name: row for row in _ROWS}
