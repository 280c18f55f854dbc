"""The operations of the REST API, one module a group of the specification."""

from __future__ import annotations

from safepoint_lab.veeam.api.backups import BackupCalls
from safepoint_lab.veeam.api.credentials import CredentialCalls
from safepoint_lab.veeam.api.exclusions import ExclusionCalls
from safepoint_lab.veeam.api.inventory import InventoryCalls
from safepoint_lab.veeam.api.jobs import JobCalls
from safepoint_lab.veeam.api.points import PointCalls
from safepoint_lab.veeam.api.repositories import RepositoryCalls
from safepoint_lab.veeam.api.restores import RestoreCalls
from safepoint_lab.veeam.api.servers import ServerCalls
from safepoint_lab.veeam.api.service import ServiceCalls
from safepoint_lab.veeam.api.sessions import SessionCalls
from safepoint_lab.veeam.calls import Operation
from safepoint_lab.veeam.engine import Engine

__all__ = ["operations_of"]

_GROUPS = (
    ServiceCalls,
    CredentialCalls,
    ServerCalls,
    InventoryCalls,
    RepositoryCalls,
    JobCalls,
    SessionCalls,
    BackupCalls,
    PointCalls,
    RestoreCalls,
    ExclusionCalls,
)


def operations_of(engine: Engine) -> list[Operation]:
    """Return every operation, bound to an engine, and tell it how deletions are done."""
    operations = [item for group in _GROUPS for item in group(engine).operations()]
    engine.deleters = {item.name: item.handler for item in operations if item.deletion}
    return operations
