"""Running restore jobs."""

from __future__ import annotations

import ntpath
from collections.abc import Callable
from functools import partial

from safepoint_lab.commvault.backup import Workshop
from safepoint_lab.commvault.jobs import Stopped
from safepoint_lab.commvault.problems import missing
from safepoint_lab.commvault.records import (
    ChildJob,
    Hypervisor,
    Job,
    ReferencePoint,
    RestorePoint,
)
from safepoint_lab.commvault.restore.targets import Targets
from safepoint_lab.commvault.restore.wishes import RestoreWish, VmRestore
from safepoint_lab.commvault.vocabulary import Activity, Status
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.machines import Target, VmWriter
from safepoint_lab.world.enums import PowerState

__all__ = ["RestoreRunner"]

_OFF, _START = 3, 2
_PHASE = "Restore"
_CODE = "91:29"
"""Invented, as in the facts."""

Part = tuple[VmRestore, RestorePoint]


class RestoreRunner:
    """Starts restores. A restore cannot be suspended here, only killed."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._targets = Targets(shop.fabric)
        self._writer = VmWriter(shop.fabric, shop.cells)

    def start(self, wish: RestoreWish, user: str) -> Job:
        """Start a restore; `Problem` when there is no data, or restores are disabled [?]."""
        if not wish.machines:
            raise missing(field="sourceItem")
        shop = self._shop
        parts = [(item, self._point(wish, item)) for item in wish.machines]
        point = parts[0][1]
        hypervisor = self._hypervisor(wish, point)
        shop.activities.require(Activity.RESTORE, hypervisor)
        job = shop.jobs.open(
            "Restore",
            user,
            {},
            hypervisor_id=hypervisor.id,
            group_id=point.group_id,
            client_name=wish.proxy or hypervisor.name,
        )
        job.vms = [
            ChildJob(shop.shelf.next_id("job"), found.vm, item.name or found.name)
            for item, found in parts
        ]
        shop.shelf.save(job)
        shop.crew.begin(partial(self._run, job, hypervisor, wish, parts))
        return job

    def _point(self, wish: RestoreWish, item: VmRestore) -> RestorePoint:
        return self._shop.points.choose(
            item.vm.upper(), group=wish.group, job=wish.job, until=wish.until
        )

    def _hypervisor(self, wish: RestoreWish, point: RestorePoint) -> Hypervisor:
        return self._shop.shelf.get(Hypervisor, wish.hypervisor or point.hypervisor_id)

    def _run(self, job: Job, hypervisor: Hypervisor, wish: RestoreWish, parts: list[Part]) -> None:
        shop = self._shop
        failed: list[str] = []
        try:
            shop.jobs.step(job, _PHASE, 1)
            shop.jobs.hold(job)
            proxy = self._proxy(job, hypervisor, wish)
            for (item, point), child in zip(parts, job.vms, strict=True):
                child.agent = proxy
                failed += self._one(job, wish, item, point, child)
        except Stopped:
            for child in job.vms:
                child.status = child.status if child.status.ended else Status.KILLED
            shop.jobs.close(job, Status.KILLED)
        except FabricError as error:
            shop.jobs.close(job, Status.FAILED, str(error), _CODE)
        else:
            self._finish(job, failed)

    def _finish(self, job: Job, failed: list[str]) -> None:
        if not failed:
            self._shop.jobs.close(job, Status.COMPLETED)
            return
        status = Status.FAILED if len(failed) == len(job.vms) else Status.ERRORS
        self._shop.jobs.close(job, status, "; ".join(failed), _CODE)

    def _proxy(self, job: Job, hypervisor: Hypervisor, wish: RestoreWish) -> str:
        """Return the name of the access node that restores; it has to be one and be up."""
        if not wish.proxy:
            found = self._shop.await_coordinator(job, hypervisor)
            if found is None:
                raise FabricError(job.reason)
            return found.name
        client = self._shop.clients.machine(wish.proxy)
        if client is None or not client.has_vsa:
            message = f"[{wish.proxy}] has no Virtual Server Agent (simulated text)"
            raise FabricError(message)
        if not self._shop.clients.is_ready(client):
            message = f"[{wish.proxy}] is not reachable (simulated text)"
            raise FabricError(message)
        return client.name

    def _one(
        self, job: Job, wish: RestoreWish, item: VmRestore, point: RestorePoint, child: ChildJob
    ) -> list[str]:
        """Restore one VM; return why it failed, at most one reason."""
        shop = self._shop
        child.status, child.started_at = Status.RUNNING, shop.now()
        try:
            if wish.disks_only:
                self._disks(job, wish, item, point, child)
            else:
                self._machine(job, wish, item, point, child)
        except (FabricError, OSError) as error:
            child.status, child.reason = Status.FAILED, str(error)
            shop.jobs.log(job, f"[{child.name}] {error}", severity=9)
            return [str(error)]
        else:
            child.status, child.percent = Status.COMPLETED, 100
            return []
        finally:
            child.ended_at = shop.now()
            shop.shelf.save(job)

    def _machine(
        self, job: Job, wish: RestoreWish, item: VmRestore, point: RestorePoint, child: ChildJob
    ) -> None:
        shop = self._shop
        place = self._place(wish, item, point)
        self._make_room(wish, point, place)
        step = self._stepper(job, child, point.size_bytes)
        paths = self._writer.write(point, place, lambda done, _: step(done))
        try:
            self._meet_fault(point)
            vm = self._writer.register(point, place, paths)
        except FabricError:
            self._writer.discard(paths)
            raise
        if wish.power_on:
            shop.fabric.switch(vm, _START)

    def _place(self, wish: RestoreWish, item: VmRestore, point: RestorePoint) -> Target:
        if wish.in_place:
            if self._shop.fabric.vm(point.vm) is not None and not wish.overwrite:
                message = f"Virtual machine [{point.name}] exists already (simulated text)"
                raise FabricError(message)
            return self._targets.original(point, item)
        return self._targets.elsewhere(point, item, overwrite=wish.overwrite)

    def _make_room(self, wish: RestoreWish, point: RestorePoint, place: Target) -> None:
        """Power off and delete the VM that is replaced; its reference point goes with it."""
        fabric, shelf = self._shop.fabric, self._shop.shelf
        guid = point.vm if wish.in_place else self._targets.clash(place.name, place.node)
        vm = fabric.vm(guid) if guid else None
        if vm is None:
            return
        if vm.power is not PowerState.OFF:
            fabric.switch(vm, _OFF)
        fabric.delete(vm)
        reference = shelf.find(ReferencePoint, vm.guid)
        if reference is not None:
            shelf.remove(reference)

    def _disks(
        self, job: Job, wish: RestoreWish, item: VmRestore, point: RestorePoint, child: ChildJob
    ) -> None:
        wanted = {name.casefold(): new for name, new in item.disks.items()}
        chosen = [disk for disk in point.disks if disk.name.casefold() in wanted]
        if len(chosen) != len(wanted):
            message = f"A disk of [{point.name}] was not found in the backup (simulated text)"
            raise FabricError(message)
        step = self._stepper(job, child, sum(disk.size_bytes for disk in chosen))
        self._meet_fault(point)
        for disk in chosen:
            path = ntpath.join(item.folder, wanted[disk.name.casefold()] or disk.name)
            self._writer.write_one(disk, path, step, overwrite=wish.overwrite)

    def _stepper(self, job: Job, child: ChildJob, total: int) -> Callable[[int], None]:
        child.size_bytes = total

        def step(done: int) -> None:
            self._shop.crew.check()
            self._shop.jobs.wishes.check(job.id)
            percent = done * 99 // max(total, 1)
            if percent != child.percent:
                child.percent = percent
                self._shop.jobs.step(job, _PHASE, percent)

        return step

    def _meet_fault(self, point: RestorePoint) -> None:
        vms = (point.vm, point.name)
        if self._shop.faults.take("commvault-restore-fails", vms=vms) is not None:
            message = f"Restore of [{point.name}] failed (simulated text)"
            raise FabricError(message)
