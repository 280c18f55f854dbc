"""The jobs of single VMs inside a job that has ended: they alone tell what was read and written."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from safepoint.errors import PermanentError
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.parallel import in_parallel
from safepoint_commvault.states import is_over
from safepoint_commvault.wire.objects import VmStatus
from safepoint_commvault.wire.work import Job, JobDetails

__all__ = ["VmJob", "VmJobs"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VmJob:
    """One VM of an ended job; zero is what the product does not tell."""

    size_bytes: int = 0
    """Of the VM's disks."""
    read_bytes: int = 0
    stored_bytes: int = 0


@dataclass(slots=True)
class VmJobs:
    """Asks once for each job: one request a VM, and one for the sizes of a hypervisor's VMs."""

    client: CommvaultClient
    _known: dict[str, Mapping[str, VmJob]] = field(default_factory=dict)

    def of(self, job: Job, details: JobDetails) -> Mapping[str, VmJob]:
        """Return the VMs of a job by GUID; nothing before it has ended."""
        if not is_over(job.status):
            return {}
        if job.id not in self._known:
            self._known[job.id] = self._look(job, details.vms)
        return self._known[job.id]

    def _look(self, job: Job, vms: Sequence[VmStatus]) -> Mapping[str, VmJob]:
        try:
            sizes = self._sizes(job)
            parts = in_parallel(lambda vm: self._part(job, vm), vms)
        except PermanentError as error:
            # How much it was is nothing that decides; that it has ended must be told all the same.
            log.info("job %s: what became of its VMs is not told: %s", job.id, error.message)
            return {}
        return {
            vm.guid.upper(): VmJob(
                size_bytes=sizes.get(vm.guid.upper(), 0),
                read_bytes=part.size_bytes if part is not None else 0,
                stored_bytes=part.stored_bytes if part is not None else 0,
            )
            for vm, part in zip(vms, parts, strict=True)
        }

    def _sizes(self, job: Job) -> Mapping[str, int]:
        if job.subclient is None:
            return {}
        known = self.client.vms.known(job.subclient.client_id)
        return {vm.guid.upper(): vm.size_bytes for vm in known}

    def _part(self, job: Job, vm: VmStatus) -> Job | None:
        """Return the job of one VM; older CommCells have none, or name the whole."""
        if vm.job in {"", "0", job.id}:
            return None
        return self.client.jobs.get(vm.job)
