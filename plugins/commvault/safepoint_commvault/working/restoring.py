"""Restores: what would happen, starting one, following it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from safepoint.drivers.once import Once
from safepoint.errors import ConflictError, InvalidRequestError, NotFoundError, OutcomeUnknownError
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint.models.runs import RunState
from safepoint.models.workloads import workload_ref
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.states import is_over, state_of
from safepoint_commvault.wire.browsing import BackedUp
from safepoint_commvault.wire.objects import InventoryItem, same_machine
from safepoint_commvault.wire.work import Job, SubclientEntity
from safepoint_commvault.working import steering
from safepoint_commvault.working.places import Place, Places
from safepoint_commvault.working.points import Points
from safepoint_commvault.working.restore_task import RestoreTask

__all__ = ["Restoring"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A restore, worked out but not started."""

    task: RestoreTask
    place: Place
    size_bytes: int
    blockers: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def target(self) -> str:
        """The name of the VM as it will be."""
        return self.task.new_name


@dataclass(slots=True)
class Restoring:
    """Restores of one connection."""

    client: CommvaultClient
    places: Places
    points: Points
    connection: str
    _once: Once[Ref] = field(default_factory=Once)

    def preview(self, request: RestoreRequest) -> RestorePreview:
        """Say what would happen."""
        plan = self._plan(request)
        task = plan.task
        return RestorePreview(
            workload_name=task.vm.label,
            target_name=plan.target,
            cluster=plan.place.cluster.name,
            node=task.host,
            size_bytes=plan.size_bytes,
            free_bytes=None,
            steps=_steps(task),
            blockers=plan.blockers,
            warnings=plan.warnings,
        )

    def start(self, request: RestoreRequest, key: str) -> Ref:
        """Start it, unless something is in the way."""
        return self._once(key, lambda: self._start(request))

    def _start(self, request: RestoreRequest) -> Ref:
        plan = self._plan(request)
        if plan.blockers:
            msg = f"not restored: {plan.blockers[0]}"
            raise ConflictError(msg, operation="restore", system=self.connection)
        started = self.client.jobs.start_task(plan.task.body())
        if not started.jobs:
            msg = f"{self.client.system}: a restore was accepted and no job was named"
            raise OutcomeUnknownError(msg, operation="restore", system=self.connection)
        content = {
            "job": started.jobs[0],
            "cluster": plan.place.cluster.name,
            "name": plan.target,
            "guid": plan.task.vm.id if request.in_place else "",
        }
        text = json.dumps(content, separators=(",", ":"))
        return Ref(kind="restore", system=self.connection, id=text)

    def status(self, restore: Ref) -> RestoreStatus:
        """Look once."""
        content = _read(restore)
        job = self.client.jobs.get(content["job"])
        if job is None:
            return RestoreStatus(ref=restore, state=OperationState.UNKNOWN)
        if not is_over(job.status):
            percent = job.percent or 0
            return RestoreStatus(
                ref=restore,
                state=OperationState.RUNNING,
                phase=job.phase or job.status,
                done_bytes=job.size_bytes * percent // 100,
                total_bytes=job.size_bytes,
                message=job.reason or "",
            )
        return self._ended(restore, content, job)

    def _ended(self, restore: Ref, content: dict[str, str], job: Job) -> RestoreStatus:
        state = state_of(job.status)
        if state in {RunState.SUCCEEDED, RunState.WARNING}:
            workload = self._restored(content)
            return RestoreStatus(
                ref=restore,
                state=OperationState.SUCCEEDED,
                phase="done",
                done_bytes=job.size_bytes,
                total_bytes=job.size_bytes,
                workload=workload,
                message=job.reason or "",
            )
        if state is RunState.UNKNOWN:
            message = f"the product says {job.status!r}, which is no word that is known"
            return RestoreStatus(ref=restore, state=OperationState.UNKNOWN, message=message)
        reason = f": {job.reason}" if job.reason else ""
        return RestoreStatus(
            ref=restore,
            state=OperationState.FAILED,
            code="run-cancelled" if state is RunState.CANCELLED else "vendor-fault",
            message=f"restore job {job.id} ended as {job.status}{reason}",
            is_cancelled=state is RunState.CANCELLED,
        )

    def _restored(self, content: dict[str, str]) -> Ref | None:
        if content["guid"]:
            return workload_ref(content["cluster"], content["guid"])
        rows = self._named(self.places.of(content["cluster"]), content["name"])
        return workload_ref(content["cluster"], rows[0].guid) if rows else None

    def cancel(self, restore: Ref) -> None:
        """Ask it to stop; one that has ended is left alone."""
        steering.kill(self.client, _read(restore)["job"])

    # -- working it out -----------------------------------------------------------------------

    def _plan(self, request: RestoreRequest) -> _Plan:
        point, job, vm = self.points.found(request.point)
        if job.subclient is None or job.ended_at is None:
            msg = f"job {job.id} does not say which VM group it was of, or when it ended"
            raise NotFoundError(msg, operation="restore", system=self.connection)
        place = self.places.of(request.cluster)
        held, disks = self._contents(job.subclient, point.guid, job)
        blockers = [*self._blockers(request, place, job)]
        name = held.label if request.in_place else request.new_name
        host = self._host(request, place, held, blockers)
        return _Plan(
            task=RestoreTask(
                group=job.subclient,
                vm=held,
                disks=disks,
                until=job.ended_at,
                in_place=request.in_place,
                new_name=name,
                proxy=self._proxy(place, host),
                host=host,
                folder=_folder(request, held, name),
                network=request.network,
                in_cluster=len(place.cluster.nodes) > 1,
                start=request.start,
                comm_cell_id=self.client.machines.comm_serve().comm_cell_id,
            ),
            place=place,
            size_bytes=sum(disk.size_bytes for disk in disks),
            blockers=tuple(blockers),
            warnings=_warnings(request, vm.name, held),
        )

    def _contents(
        self, group: SubclientEntity, guid: str, job: Job
    ) -> tuple[BackedUp, list[BackedUp]]:
        rows = self.client.vms.browse(group, until=job.ended_at)
        held = next((row for row in rows if row.id.upper() == guid.upper()), None)
        if held is None:
            msg = f"{self.client.system}: the backup of job {job.id} holds no VM {guid}"
            raise NotFoundError(msg, operation="browse", system=self.connection)
        path = held.path or f"\\{held.id}"
        return held, self.client.vms.browse(group, path=path, until=job.ended_at)

    def _blockers(self, request: RestoreRequest, place: Place, job: Job) -> list[str]:
        client = job.subclient.client_id if job.subclient is not None else ""
        found: list[str] = []
        if request.in_place:
            if client != place.id:
                found.append(f"the VM came from another hypervisor than {place.name}")
            if not request.stop_running:
                found.append(
                    "the product turns the VM off without asking whether it runs, and does not "
                    "say whether it does; agree to that first (--stop)"
                )
        elif not request.new_name:
            found.append("a new VM needs a name")
        elif self._named(place, request.new_name):
            found.append(f"there is a VM {request.new_name!r} already")
        return found

    def _named(self, place: Place, name: str) -> list[InventoryItem]:
        rows = self.client.vms.inventory(place.id)
        return [row for row in rows if row.name.casefold() == name.casefold()]

    def _host(
        self, request: RestoreRequest, place: Place, held: BackedUp, blockers: list[str]
    ) -> str:
        known = [node.name for node in place.cluster.nodes]
        wanted = request.node if request.node and not request.in_place else held.host
        found = next((name for name in known if same_machine(name, wanted)), None)
        if found is None and request.node and not request.in_place:
            blockers.append(f"{place.cluster.name} has no host {request.node!r}")
            return request.node  # what was asked for is shown, not what nobody wants
        return found or known[0]

    def _proxy(self, place: Place, host: str) -> str:
        """Return the access node on that host; the coordinator when it has none."""
        nodes = self.client.hypervisors.get(place.id).access_nodes
        if not nodes:
            msg = f"hypervisor {place.name!r} has no access node"
            raise ConflictError(msg, operation="restore", system=self.connection)
        return next((one.name for one in nodes if same_machine(one.name, host)), nodes[0].name)


def _folder(request: RestoreRequest, held: BackedUp, name: str) -> str:
    if request.in_place:
        return held.folder
    base = request.share or held.folder.rpartition("\\")[0] or held.folder
    return f"{base.rstrip(chr(92))}\\{name}"


def _steps(task: RestoreTask) -> tuple[str, ...]:
    what = f"the backup of {task.until:%Y-%m-%d %H:%M} UTC"
    if task.in_place:
        first = f"turn off and replace {task.vm.label} on {task.host} by {what}"
    else:
        first = f"make {task.new_name} on {task.host} in {task.folder} from {what}"
    steps = [first, f"write through the access node {task.proxy}"]
    if not task.in_place and task.in_cluster:
        steps.append("make it a resource of the failover cluster")
    if task.start:
        steps.append("start it")
    return tuple(steps)


def _warnings(request: RestoreRequest, then: str, held: BackedUp) -> tuple[str, ...]:
    found = ["the product does not tell how much room there is"]
    if request.in_place and then != held.label:
        found.append(f"the VM was called {then} when it was backed up")
    return tuple(found)


def _read(restore: Ref) -> dict[str, str]:
    try:
        content: dict[str, Any] = json.loads(restore.id)
        return {name: str(content[name]) for name in ("job", "cluster", "name", "guid")}
    except (ValueError, KeyError, TypeError):
        msg = f"{restore} is no restore of this driver"
        raise InvalidRequestError(msg) from None
