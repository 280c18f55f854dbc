"""The operations of the web API, one module a group."""

from __future__ import annotations

from safepoint_lab.commvault.api.activity import ActivityCalls
from safepoint_lab.commvault.api.backups import BackupCalls
from safepoint_lab.commvault.api.browsing import BrowseCalls
from safepoint_lab.commvault.api.clients import ClientCalls
from safepoint_lab.commvault.api.credentials import CredentialCalls
from safepoint_lab.commvault.api.hypervisors import HypervisorCalls
from safepoint_lab.commvault.api.jobs import JobCalls
from safepoint_lab.commvault.api.machines import MachineCalls
from safepoint_lab.commvault.api.plans import PlanCalls
from safepoint_lab.commvault.api.restores import RestoreCalls
from safepoint_lab.commvault.api.service import ServiceCalls
from safepoint_lab.commvault.api.subclients import SubclientCalls
from safepoint_lab.commvault.api.tasks import TaskCalls
from safepoint_lab.commvault.api.tree import TreeCalls
from safepoint_lab.commvault.api.vmgroups import VmGroupCalls
from safepoint_lab.commvault.calls import Operation
from safepoint_lab.commvault.engine import Engine

__all__ = ["operations_of"]

_GROUPS = (
    ServiceCalls,
    ClientCalls,
    TreeCalls,
    HypervisorCalls,
    CredentialCalls,
    SubclientCalls,
    VmGroupCalls,
    PlanCalls,
    TaskCalls,
    JobCalls,
    BackupCalls,
    MachineCalls,
    BrowseCalls,
    RestoreCalls,
    ActivityCalls,
)
_MODERN = ("v4/", "v5/")


def operations_of(engine: Engine) -> list[Operation]:
    """Return every operation, bound to an engine; an older release has no V4 dialect."""
    operations = [item for group in _GROUPS for item in group(engine).operations()]
    if engine.settings.v4:
        return operations
    return [item for item in operations if not item.path.casefold().startswith(_MODERN)]
