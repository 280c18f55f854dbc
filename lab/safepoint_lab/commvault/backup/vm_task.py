"""One VM of one backup job: checkpoint, copy, release, reference point, restore point."""

from __future__ import annotations

import fnmatch
import ntpath
import uuid

from safepoint_lab.commvault.backup.proxies import mover_of
from safepoint_lab.commvault.backup.workshop import Workshop
from safepoint_lab.commvault.jobs import Stopped
from safepoint_lab.commvault.records import (
    ChildJob,
    Hypervisor,
    Job,
    ReferencePoint,
    RestorePoint,
    VmGroup,
)
from safepoint_lab.commvault.vocabulary import Status
from safepoint_lab.products.disks import CopyCounts, PointDisk, base_of, copy_disk
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.work import Halted
from safepoint_lab.world.enums import Consistency
from safepoint_lab.world.model import Checkpoint, CheckpointDisk, Vm

__all__ = ["VmTask"]

_SAVE_EVERY = 16
_DATASTORE, _PATTERN = 1, 2
_USED = "Used"


class VmTask:
    """Works on one VM and ends its child job, whatever happens."""

    def __init__(
        self, shop: Workshop, job: Job, hypervisor: Hypervisor, group: VmGroup, child: ChildJob
    ) -> None:
        self._shop = shop
        self._job = job
        self._hypervisor = hypervisor
        self._group = group
        self._child = child

    def run(self, level: str) -> None:
        """Back the VM up at a level (Full, Incremental, Differential).

        Raises:
            Stopped: The job shall go no further; the checkpoint is released.
        """
        child, shop = self._child, self._shop
        child.status, child.started_at, child.reason = Status.RUNNING, shop.now(), ""
        vm = shop.fabric.vm(child.vm)
        try:
            if vm is None:
                message = f"Virtual machine [{child.name}] does not exist any more (simulated)"
                raise FabricError(message)  # noqa: TRY301 - one end for every failure
            self._process(vm, level)
        except Stopped:
            killed = shop.jobs.wishes.is_killed(self._job.id)
            child.status = Status.KILLED if killed else Status.WAITING
            raise
        except FabricError as error:
            child.status, child.reason = Status.FAILED, str(error)
            shop.jobs.log(self._job, f"[{child.name}] {error}", severity=9)
        else:
            child.status, child.percent = Status.COMPLETED, 100
        finally:
            child.ended_at = shop.now()
            shop.shelf.save(self._job)

    def _process(self, vm: Vm, level: str) -> None:
        shop, child = self._shop, self._child
        mover = mover_of(shop, self._hypervisor, self._group, vm)
        child.agent = mover.name
        if shop.struck("commvault-job-fails-vm", vm) is not None:
            message = f"Virtual machine [{vm.name}] could not be protected (simulated text)"
            raise FabricError(message)
        shop.crew.pause(shop.settings.vm_seconds / shop.settings.speed)
        before = self._before(vm, level)
        child.full = before is None or level == "Full"
        checkpoint = self._freeze(vm)
        if shop.struck("commvault-access-node-lost", vm) is not None:
            self._release(vm, checkpoint)
            child.agent = mover_of(shop, self._hypervisor, self._group, vm, lost=mover.name).name
            checkpoint = self._freeze(vm)
        disks = self._copy(vm, checkpoint, before)
        self._release(vm, checkpoint)
        self._keep(vm, checkpoint, disks)

    def _before(self, vm: Vm, level: str) -> RestorePoint | None:
        """Return the restore point that an increment or a differential continues.

        A VM's first backup is full whatever was asked for [D].
        """
        points = self._shop.points.of_vm(vm.guid, self._group.id)
        if level == "Full" or not points:
            return None
        if level == "Differential":
            return next((point for point in reversed(points) if point.full), None)
        return points[-1]

    def _freeze(self, vm: Vm) -> Checkpoint:
        consistency = Consistency.APPLICATION if self._group.quiesce else Consistency.CRASH
        checkpoint = self._shop.fabric.freeze(vm, consistency)
        self._child.checkpoint = checkpoint.guid
        self._shop.shelf.save(self._job)
        return checkpoint

    def _copy(
        self, vm: Vm, checkpoint: Checkpoint, before: RestorePoint | None
    ) -> list[PointDisk]:
        """Copy the disks; the checkpoint is released when that fails or is stopped."""
        try:
            if self._shop.struck("commvault-no-space", vm) is not None:
                message = "There is not enough space in the library (simulated text)"
                raise FabricError(message)  # noqa: TRY301 - released below
            return self._copy_disks(vm, checkpoint, before)
        except Halted:
            raise
        except (OSError, FabricError, Stopped) as error:
            self._release(vm, checkpoint)
            if isinstance(error, OSError):
                message = f"Unable to read [{vm.name}]: {error.strerror} (simulated text)"
                raise FabricError(message) from error
            raise

    def _copy_disks(
        self, vm: Vm, checkpoint: Checkpoint, before: RestorePoint | None
    ) -> list[PointDisk]:
        shop, child = self._shop, self._child
        wanted = [disk for disk in checkpoint.disks if not self._is_filtered(vm, disk)]
        child.size_bytes = sum(disk.size_bytes for disk in wanted)
        known = {disk.slot: disk for disk in self._tracked(vm, before)}
        child.changed_blocks = _USED if known else ""
        counts = CopyCounts()
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1
            shop.crew.check()
            shop.jobs.wishes.check(self._job.id)
            child.read_bytes, child.written_bytes = counts.read, counts.transferred
            child.percent = counts.processed * 99 // max(child.size_bytes, 1)
            if steps % _SAVE_EVERY == 0:
                shop.shelf.save(self._job)

        world = shop.fabric.world
        copied = [
            copy_disk(world, shop.cells, vm, disk, known.get(disk.slot), counts, step)
            for disk in wanted
        ]
        child.read_bytes, child.written_bytes = counts.read, counts.transferred
        return copied

    def _tracked(self, vm: Vm, before: RestorePoint | None) -> list[PointDisk]:
        """Return what change tracking compares with: nothing without a reference point."""
        if before is None or not self._group.changed_blocks:
            return []
        if self._shop.struck("commvault-reference-point-lost", vm) is not None:
            return []
        reference = self._shop.points.reference(vm.guid, self._group.id)
        return [] if reference is None else before.disks

    def _is_filtered(self, vm: Vm, frozen: CheckpointDisk) -> bool:
        disk = next(item for item in vm.disks if item.slot == frozen.slot)
        path = base_of(disk, disk.path)
        for rule in self._group.disk_filters:
            if rule["vmGuid"] and rule["vmGuid"].upper() != vm.guid:
                continue
            pattern = rule["filter"].casefold()
            shown = {
                _DATASTORE: [ntpath.splitdrive(path)[0]],
                _PATTERN: [path, ntpath.basename(path)],
            }
            names = shown.get(rule["filterType"], [])
            if any(fnmatch.fnmatchcase(name.casefold(), pattern) for name in names):
                return True
        return False

    def _release(self, vm: Vm, checkpoint: Checkpoint) -> None:
        if self._shop.struck("commvault-leaves-checkpoint", vm) is None:
            self._shop.fabric.thaw(vm, checkpoint.guid)
        self._child.checkpoint = ""

    def _keep(self, vm: Vm, checkpoint: Checkpoint, disks: list[PointDisk]) -> None:
        """Keep the restore point, then replace the reference point [D]."""
        point = RestorePoint(
            id=f"{self._job.id}-{vm.guid}".lower(),
            job_id=self._job.id,
            group_id=self._group.id,
            hypervisor_id=self._hypervisor.id,
            plan_id=self._group.plan_id,
            vm=vm.guid,
            name=vm.name,
            created_at=checkpoint.created_at,
            started_at=self._job.started_at,
            full=self._child.full,
            synthetic=False,
            node=vm.node,
            generation=vm.generation,
            processors=vm.processors,
            memory_mb=vm.memory_mb,
            guest_os=vm.guest_os,
            config_root=vm.config_root,
            consistency=checkpoint.consistency,
            disks=disks,
            backup_bytes=self._child.written_bytes,
        )
        identity = str(uuid.uuid4()).upper()
        reference = ReferencePoint(vm.guid, identity, point.id, self._shop.now())
        self._shop.shelf.save(point, reference)
