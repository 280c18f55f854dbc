"""Everything a backup or a restore needs, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from safepoint_lab.commvault.activity import ActivityDesk
from safepoint_lab.commvault.backup.points import Points
from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.groups import Resolver
from safepoint_lab.commvault.infrastructure import ClientDesk, HypervisorDesk
from safepoint_lab.commvault.jobs import JobDesk
from safepoint_lab.commvault.records import Client, Hypervisor, Job, VmGroup
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.products.cells import CellStore
from safepoint_lab.products.work import Crew
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.model import Vm

__all__ = ["Workshop"]

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Workshop:
    """The parts of the engine that jobs work with."""

    shelf: Shelf
    jobs: JobDesk
    fabric: CommvaultFabric
    clients: ClientDesk
    hypervisors: HypervisorDesk
    resolver: Resolver
    points: Points
    activities: ActivityDesk
    cells: CellStore
    faults: FaultBook
    settings: CommvaultSettings
    crew: Crew
    now: Callable[[], datetime]

    def struck(self, name: str, vm: Vm) -> dict[str, str] | None:
        """Take a fault that strikes a VM; return its parameters."""
        taken = self.faults.take(name, node=vm.node, vms=(vm.guid, vm.name))
        return None if taken is None else dict(taken)

    def access_nodes(self, hypervisor: Hypervisor, group: VmGroup | None = None) -> list[Client]:
        """Return the access nodes in order that are up: the group's own, or the hypervisor's."""
        idents = hypervisor.access_nodes if group is None else group.access_nodes
        idents = idents or hypervisor.access_nodes
        found = self.clients.named(idents)
        return [item for item in found if item.has_vsa and self.clients.is_ready(item)]

    def await_coordinator(
        self, job: Job, hypervisor: Hypervisor, group: VmGroup | None = None
    ) -> Client | None:
        """Return the first access node that is up: it coordinates; the job pends for one.

        None when none came within the time the settings give.
        """
        waited, limit = 0.0, self.settings.pending_seconds / self.settings.speed
        while not (nodes := self.access_nodes(hypervisor, group)):
            self.jobs.wishes.check(job.id)
            if waited >= limit:
                return None
            self.jobs.pend(job, "None of the access nodes is reachable (simulated text)")
            self.crew.pause(_POLL_SECONDS)
            waited += _POLL_SECONDS
        return nodes[0]
