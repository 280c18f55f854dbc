"""Restore points: one for every VM that a finished job protected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from safepoint.errors import NotFoundError
from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint.models.runs import RunState
from safepoint.models.workloads import workload_ref
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.states import state_of
from safepoint_commvault.wire.objects import VmStatus
from safepoint_commvault.wire.work import Job, VmGroup
from safepoint_commvault.working.places import Place, Places, job_name
from safepoint_commvault.working.point_ids import PointId
from safepoint_commvault.working.runs import Runs
from safepoint_commvault.working.tasks import is_protected

__all__ = ["Points"]

_WITH_POINTS: Final = frozenset({RunState.SUCCEEDED, RunState.WARNING, RunState.PARTIAL})


@dataclass(frozen=True, slots=True)
class Points:
    """Lists the points of one connection."""

    client: CommvaultClient
    places: Places
    runs: Runs
    connection: str

    def listed(self, query: RestorePointQuery) -> Iterator[RestorePoint]:
        """Yield points, newest last; those that have aged are left out."""
        places = self._places(query)
        if not places:
            return
        groups = self.places.groups(places)
        rows = self.client.jobs.listed(clients=[one.id for one in places], kinds=("Backup",))
        jobs = [j for j in rows if state_of(j.status) in _WITH_POINTS and not j.is_aged]
        details = self.runs.details(jobs)
        sizes = {
            (place.id, vm.guid.upper()): vm.size_bytes
            for place in places
            for vm in self.client.vms.known(place.id)
        }
        by_id = {place.id: place for place in places}
        for job in sorted(jobs, key=lambda one: int(one.id)):
            place = by_id.get(job.subclient.client_id) if job.subclient is not None else None
            for vm in details[job.id].vms if place is not None else ():
                if place is not None and is_protected(job, vm) and _is_wanted(query, place, vm):
                    size = sizes.get((place.id, vm.guid.upper()), 0)
                    yield self._point(job, vm, place, groups, size)

    def _places(self, query: RestorePointQuery) -> list[Place]:
        places = self.places.all()
        if query.workload is None:
            return places
        return [one for one in places if one.cluster.name == query.workload.system]

    def _point(
        self, job: Job, vm: VmStatus, place: Place, groups: dict[str, VmGroup], size: int
    ) -> RestorePoint:
        assert job.started_at is not None, "a job that protected something has begun"
        group = groups.get(job.subclient.id) if job.subclient is not None else None
        return RestorePoint(
            ref=PointId(job.id, vm.guid).to_ref(self.connection),
            workload=workload_ref(place.cluster.name, vm.guid),
            workload_name=vm.name,
            cluster=place.cluster.name,
            created_at=job.started_at,
            # The product does not tell what was reached, only what was asked for.
            consistency=Consistency.UNKNOWN,
            size_bytes=size,
            job=job_name(group) if group is not None else "",
            detail=f"{job.level or 'Backup'} job {job.id}: {job.status}",
        )

    def found(self, ref: Ref) -> tuple[PointId, Job, VmStatus]:
        """Return the job and VM behind a handle.

        Raises:
            NotFoundError: the job is gone or aged, or did not protect that VM.
        """
        point = PointId.of(ref)
        job = self.client.jobs.get(point.job)
        vms = self.client.jobs.details(point.job).vms if job is not None else ()
        vm = next((one for one in vms if one.guid.upper() == point.guid.upper()), None)
        if job is None or job.is_aged or vm is None or not is_protected(job, vm):
            msg = f"{self.client.system} has no restore point {ref.id}"
            raise NotFoundError(msg, operation="restore", system=self.connection)
        return point, job, vm


def _is_wanted(query: RestorePointQuery, place: Place, vm: VmStatus) -> bool:
    if query.workload is not None and query.workload != workload_ref(place.cluster.name, vm.guid):
        return False
    return query.workload_name in {None, vm.name}
