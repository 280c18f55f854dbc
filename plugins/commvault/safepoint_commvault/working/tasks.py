"""The VMs of a job as tasks of a run.

The numbers of `vmStatus[].Status` are not documented. What became of a VM is read from its reason of
failure and from the words of the job as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safepoint.models.refs import Ref
from safepoint.models.runs import Phase, RunState, Task
from safepoint.models.workloads import workload_ref
from safepoint_commvault.states import state_of
from safepoint_commvault.wire.objects import VmStatus
from safepoint_commvault.wire.work import Job, JobDetails
from safepoint_commvault.working.places import Place
from safepoint_commvault.working.point_ids import PointId
from safepoint_commvault.working.vm_jobs import VmJob

__all__ = ["is_protected", "tasks_of"]

_DONE: Final = 100
_COMMITTED: Final = "committed"
_UNTOLD: Final = VmJob()


def tasks_of(
    job: Job,
    details: JobDetails,
    place: Place | None,
    vm_jobs: Mapping[str, VmJob],
    connection: str,
) -> tuple[Task, ...]:
    """Return a task for each VM of a job, in its order.

    Args:
        job: The job as a whole.
        details: Its VMs.
        place: The hypervisor.
        vm_jobs: By GUID what the jobs of single VMs tell; those left out show no sizes.
        connection: Whose restore points they are.
    """
    return tuple(
        _task(job, vm, place, vm_jobs.get(vm.guid.upper(), _UNTOLD), connection)
        for vm in details.vms
    )


def is_protected(job: Job, vm: VmStatus) -> bool:
    """Tell whether the job left a restore point of the VM."""
    return _state(job, vm) is RunState.SUCCEEDED


def _state(job: Job, vm: VmStatus) -> RunState:
    if vm.failure:
        return RunState.FAILED
    whole = state_of(job.status)
    if whole in {RunState.SUCCEEDED, RunState.WARNING}:
        return RunState.SUCCEEDED
    if whole is RunState.PARTIAL:
        if job.status.casefold() == _COMMITTED and (vm.percent or 0) < _DONE:
            return RunState.CANCELLED  # what was not finished when it was committed
        return RunState.SUCCEEDED
    return whole


def _task(job: Job, vm: VmStatus, place: Place | None, told: VmJob, connection: str) -> Task:
    state = _state(job, vm)
    has_point = is_protected(job, vm) and bool(vm.guid)
    return Task(
        id=f"{job.id}/{vm.guid or vm.name}",
        run=job.id,
        workload=_workload(job, vm, place),
        workload_name=vm.name,
        node=place.node(vm.agent) if place is not None else vm.agent or "",
        state=state,
        phase=Phase.DONE if state.is_final else Phase.COPYING,
        size_bytes=told.size_bytes,
        read_bytes=told.read_bytes,
        stored_bytes=told.stored_bytes,
        point=PointId(job.id, vm.guid).to_ref(connection) if has_point else None,
        percent=vm.percent,
        # A bare number is not a word to show anybody.
        native_state="" if vm.status.isdecimal() else vm.status,
        message=vm.failure or "",
        error={"code": "vendor-fault", "message": vm.failure} if vm.failure else None,
        started_at=job.started_at,
        ended_at=job.ended_at if state.is_final else None,
    )


def _workload(job: Job, vm: VmStatus, place: Place | None) -> Ref:
    if place is None or not vm.guid:
        system = place.cluster.name if place is not None else "unknown"
        return Ref(kind="unknown-workload", system=system, id=vm.guid or vm.name or job.id)
    return workload_ref(place.cluster.name, vm.guid)
