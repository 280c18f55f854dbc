"""Running a backup job: discover, back up a few VMs at a time, one result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from safepoint_lab.commvault.backup.aging import Aging
from safepoint_lab.commvault.backup.synthetic import synthesize
from safepoint_lab.commvault.backup.vm_task import VmTask
from safepoint_lab.commvault.backup.workshop import Workshop
from safepoint_lab.commvault.jobs import Stopped
from safepoint_lab.commvault.problems import Problem, invalid
from safepoint_lab.commvault.records import ChildJob, Hypervisor, Job, Plan, VmGroup
from safepoint_lab.commvault.vocabulary import Activity, Status
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.world.model import Vm

__all__ = ["BackupRunner", "BackupWish"]

_LEVELS = {
    "full": "Full",
    "incremental": "Incremental",
    "differential": "Differential",
    "synthetic_full": "Synthetic Full",
}
_DISCOVER, _BACKUP, _INDEX = "Discover", "Backup", "Archive Index"
"""Names of phases; the product's are not known [?]."""
_VM_CODE, _JOB_CODE = "91:123", "91:30"
"""Invented, as in the facts."""


@dataclass(frozen=True, slots=True)
class BackupWish:
    """What shall be backed up: a level by its word, only some VMs, what goes with a synthetic.

    `incremental` is ``before``, ``after`` or empty.
    """

    level: str
    vms: tuple[str, ...] = ()
    incremental: str = ""


class BackupRunner:
    """Starts backup jobs and lets suspended ones go on."""

    def __init__(self, shop: Workshop, aging: Aging) -> None:
        self._shop = shop
        self._aging = aging
        shop.jobs.resumers["Backup"] = self._resume

    def start(self, group: VmGroup, wish: BackupWish, user: str) -> Job:
        """Start a job.

        Raises:
            Problem: An unknown level, backups are disabled, no plan, a job of it is active;
                codes and texts are inference [?].
        """
        level = _LEVELS.get(wish.level.casefold())
        if level is None:
            raise invalid(field="backupLevel", reason=f"'{wish.level}' is unknown")
        shop = self._shop
        with shop.shelf.lock:
            hypervisor = shop.shelf.get(Hypervisor, group.hypervisor_id)
            self._require_startable(hypervisor, group)
            spec = {"vms": list(wish.vms), "incremental": wish.incremental}
            job = shop.jobs.open(
                "Backup",
                user,
                spec,
                level=level,
                hypervisor_id=hypervisor.id,
                group_id=group.id,
                client_name=hypervisor.name,
            )
            group.last_job = job.id
            shop.shelf.save(group)
        shop.crew.begin(partial(self._run, job))
        return job

    def _require_startable(self, hypervisor: Hypervisor, group: VmGroup) -> None:
        self._shop.activities.require(Activity.BACKUP, hypervisor, group)
        if hypervisor.deconfigured:
            message = f"Client [{hypervisor.name}] is deconfigured (simulated text)"
            raise Problem(message, status=400)
        if self._shop.shelf.find(Plan, group.plan_id) is None:
            message = f"No plan is associated with subclient [{group.name}] (simulated text)"
            raise Problem(message, status=400)
        last = self._shop.shelf.find(Job, group.last_job)
        if last is not None and not last.ended:
            message = f"Another backup is running for subclient [{group.name}] (simulated text)"
            raise Problem(message, status=400)

    def _resume(self, job: Job) -> None:
        self._shop.crew.begin(partial(self._run, job))

    def _run(self, job: Job) -> None:
        shop = self._shop
        group = shop.shelf.find(VmGroup, job.group_id)
        hypervisor = shop.shelf.find(Hypervisor, job.hypervisor_id)
        try:
            if group is None or hypervisor is None:
                shop.jobs.close(job, Status.FAILED, "The VM group was deleted (simulated text)")
                return
            if not self._discover(job, hypervisor, group):
                return
            shop.jobs.hold(job)
            self._back_up(job, hypervisor, group)
            shop.jobs.step(job, _INDEX, 99)
        except Stopped:
            self._stop(job)
            return
        self._finish(job, group)

    def _discover(self, job: Job, hypervisor: Hypervisor, group: VmGroup) -> bool:
        """Find the VMs; False when the job has ended with that."""
        shop = self._shop
        shop.jobs.step(job, _DISCOVER, 1)
        shop.jobs.hold(job)
        shop.jobs.wishes.check(job.id)
        struck = shop.faults.take("commvault-job-fails")
        if struck is not None:
            shop.jobs.close(job, Status.FAILED, struck["message"], _JOB_CODE)
            return False
        if shop.await_coordinator(job, hypervisor, group) is None:
            shop.jobs.close(job, Status.FAILED, job.reason, _JOB_CODE)
            return False
        shop.jobs.step(job, _DISCOVER, 3)
        if job.vms:
            return True
        try:
            shop.fabric.require(hypervisor.host_name, *shop.hypervisors.account(hypervisor))
        except FabricError as error:
            shop.jobs.close(job, Status.FAILED, str(error), _JOB_CODE)
            return False
        return self._list(job, group)

    def _list(self, job: Job, group: VmGroup) -> bool:
        """Make a child job and a client of every VM; False when there is none."""
        shop = self._shop
        wanted = {guid.upper() for guid in job.spec["vms"]}
        found = [vm for vm in shop.resolver.group(group) if not wanted or vm.guid in wanted]
        if not found:
            message = "No virtual machines were found to back up (simulated text)"
            empty = bool(group.settings.get("allowEmptySubclient"))
            shop.jobs.close(job, Status.COMPLETED if empty else Status.FAILED, message, _JOB_CODE)
            return False
        job.vms = [self._child(vm) for vm in found]
        shop.shelf.save(job)
        return True

    def _child(self, vm: Vm) -> ChildJob:
        self._shop.clients.of_vm(vm)
        return ChildJob(self._shop.shelf.next_id("job"), vm.guid, vm.name)

    def _back_up(self, job: Job, hypervisor: Hypervisor, group: VmGroup) -> None:
        shop = self._shop
        shop.jobs.step(job, _BACKUP, 5)

        def work(child: ChildJob) -> bool:
            try:
                shop.jobs.wishes.check(job.id)
                self._one(job, hypervisor, group, child)
            except Stopped:
                return False
            ended = sum(item.status.ended for item in job.vms)
            shop.jobs.step(job, _BACKUP, 5 + ended * 90 // len(job.vms))
            return True

        todo = [child for child in job.vms if not child.status.ended]
        with ThreadPoolExecutor(shop.settings.parallel_vms) as pool:
            ran = list(pool.map(work, todo))
        shop.crew.check()
        if not all(ran):
            raise Stopped

    def _one(self, job: Job, hypervisor: Hypervisor, group: VmGroup, child: ChildJob) -> None:
        """Back one VM up as the level says; a synthetic full of nothing is a real one [?]."""
        task = VmTask(self._shop, job, hypervisor, group, child)
        if job.level != "Synthetic Full":
            task.run(job.level)
            return
        if job.spec["incremental"] == "before":
            task.run("Incremental")
            if child.status is Status.FAILED:
                return
        if not synthesize(self._shop, job, group.id, child):
            task.run("Full")
        elif job.spec["incremental"] == "after":
            task.run("Incremental")

    def _stop(self, job: Job) -> None:
        """Kill, suspend, or go on when the wish was withdrawn meanwhile."""
        shop = self._shop
        with shop.shelf.lock:
            if shop.jobs.wishes.is_killed(job.id):
                for child in job.vms:
                    if not child.status.ended:
                        child.status = Status.KILLED
                shop.jobs.close(job, Status.KILLED)
            elif shop.jobs.wishes.is_suspended(job.id):
                shop.jobs.suspended(job)
            else:
                self._resume(job)

    def _finish(self, job: Job, group: VmGroup) -> None:
        shop = self._shop
        plan = shop.shelf.find(Plan, group.plan_id)
        if plan is not None and plan.days > 0:
            job.retain_until = job.started_at + timedelta(days=plan.days)
        self._aging.run(finished=job.id)
        failed = [child for child in job.vms if child.status is Status.FAILED]
        if failed:
            status = Status.FAILED if len(failed) == len(job.vms) else Status.ERRORS
            reason = "One or more virtual machines could not be protected (simulated text)"
            shop.jobs.close(job, status, reason, _VM_CODE)
        elif shop.faults.take("commvault-job-warns") is not None:
            reason = "A virtual machine was protected with a warning (simulated text)"
            shop.jobs.close(job, Status.WARNINGS, reason, _VM_CODE)
        else:
            shop.jobs.close(job, Status.COMPLETED)
