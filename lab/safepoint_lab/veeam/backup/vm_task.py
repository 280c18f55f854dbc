"""One VM of one run: checkpoint, copy, release, restore point, retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safepoint_lab.products.disks import CopyCounts, PointDisk, copy_disk
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.work import Halted
from safepoint_lab.veeam.backup.plans import VmPlan, chosen_disks, plan_vm
from safepoint_lab.veeam.backup.retention import flags_for
from safepoint_lab.veeam.records import (
    Backup,
    BackupObject,
    Job,
    RestorePoint,
    Session,
    Task,
    new_id,
)
from safepoint_lab.veeam.wording import CANCELLED, size_text
from safepoint_lab.world.enums import Consistency
from safepoint_lab.world.model import Checkpoint, Vm

if TYPE_CHECKING:
    from safepoint_lab.veeam.backup.runner import Workshop

__all__ = ["CancelledError", "VmTask"]

_SAVE_EVERY = 16


class CancelledError(Exception):
    """Somebody stopped the session at once."""


class VmTask:
    """Works on one VM and ends its task session, whatever happens."""

    def __init__(self, shop: Workshop, session: Session, job: Job, backup: Backup, vm: Vm) -> None:
        self._shop = shop
        self._session = session
        self._job = job
        self._backup = backup
        self._vm = vm
        self.task: Task = shop.sessions.open_task(session, "Backup", vm.name, vm.guid)
        self.task.repository_id = backup.repository_id
        self._warnings: list[str] = []
        self._object = self._find_object()

    def run(self, *, active: bool) -> None:
        """Process the VM; afterwards the task session is stopped."""
        sessions = self._shop.sessions
        try:
            self._process(active=active)
        except CancelledError:
            sessions.close(self.task, "Failed", CANCELLED, cancelled=True)
        except FabricError as error:
            sessions.log(self.task, str(error), status="Failed")
            sessions.close(self.task, "Failed", str(error))
        else:
            text = "; ".join(self._warnings)
            sessions.close(self.task, "Warning" if text else "Success", text)
        self._object.last_run_failed = self.task.result == "Failed"
        self._shop.shelf.save(self._object)

    def _process(self, *, active: bool) -> None:
        shop, vm, task = self._shop, self._vm, self.task
        points = shop.retention.points(self._object.id)
        plan = plan_vm(shop.shelf, self._job, vm, points, shop.now(), active=active)
        task.algorithm = plan.algorithm
        self._object.size_bytes = sum(disk.size_bytes for disk in vm.disks)
        shop.sessions.log(task, f"VM size: {size_text(self._object.size_bytes)}")
        if self._struck("veeam-job-fails-vm") is not None:
            message = f"Processing {vm.name} failed (simulated text)"
            raise FabricError(message)
        if self._struck("veeam-licence-exceeded") is not None:
            message = f"No license is left for {vm.name} (simulated text)"
            raise FabricError(message)
        shop.crew.pause(shop.settings.vm_seconds / shop.settings.speed)
        checkpoint = self._freeze(plan)
        point = self._copy(checkpoint, plan, points)
        self._release(checkpoint)
        shop.shelf.save(point)
        task.restore_point_id = point.id
        warning = self._struck("veeam-warning")
        if warning is not None:
            self._warn(warning["message"])
        for gone in shop.retention.apply(self._job, self._object.id, shop.now()):
            shop.sessions.log(task, f"Removing restore point of {gone.created_at:%c} by retention")
        shop.sessions.log(task, "Finalizing")

    def _freeze(self, plan: VmPlan) -> Checkpoint:
        since = self._shop.now()
        try:
            checkpoint = self._shop.fabric.freeze(self._vm, plan.consistency)
        except FabricError as error:
            if not plan.fallback:
                raise
            self._warn(f"{error} Crash-consistent processing is used.")
            checkpoint = self._shop.fabric.freeze(self._vm, Consistency.CRASH)
        self._shop.sessions.log(self.task, "Creating VM recovery checkpoint", since=since)
        return checkpoint

    def _copy(
        self, checkpoint: Checkpoint, plan: VmPlan, points: list[RestorePoint]
    ) -> RestorePoint:
        """Copy the disks; the checkpoint is released when that fails or is stopped at once."""
        try:
            self._meet_full_repository()
            before = {disk.slot: disk for disk in points[-1].disks} if points else {}
            disks = self._copy_disks(checkpoint, {} if plan.full else before)
        except Halted:
            raise
        except (OSError, FabricError, CancelledError) as error:
            self._release(checkpoint)
            if isinstance(error, OSError):
                message = f"Failed to read {self._vm.name}: {error.strerror} (simulated text)"
                raise FabricError(message) from error
            raise
        return self._point(checkpoint, plan, disks, points)

    def _meet_full_repository(self) -> None:
        if self._struck("veeam-repository-full") is not None:
            message = "There is not enough space on the disk (simulated text)"
            raise FabricError(message)

    def _copy_disks(self, checkpoint: Checkpoint, before: dict[str, PointDisk]) -> list[PointDisk]:
        shop, task = self._shop, self.task
        wanted = chosen_disks(self._job, self._vm, checkpoint.disks)
        task.total_bytes = sum(disk.size_bytes for disk in wanted)
        counts = CopyCounts()
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1
            shop.crew.check()
            if shop.sessions.stops.at_once(self._session.id):
                raise CancelledError
            task.processed_bytes, task.read_bytes = counts.processed, counts.read
            task.transferred_bytes = counts.transferred
            if steps % _SAVE_EVERY == 0:
                shop.shelf.save(task)

        copied = []
        for frozen in wanted:
            since, read = shop.now(), counts.read
            disk = copy_disk(
                shop.fabric.world,
                shop.cells,
                self._vm,
                frozen,
                before.get(frozen.slot),
                counts,
                step,
            )
            copied.append(disk)
            how = " [CBT]" if before else ""
            shop.sessions.log(
                task,
                f"{disk.name} ({size_text(disk.size_bytes)})",
                description=f"{size_text(counts.read - read)} read{how}",
                since=since,
            )
        return copied

    def _release(self, checkpoint: Checkpoint) -> None:
        since = self._shop.now()
        if self._struck("veeam-leaves-checkpoint") is None:
            self._shop.fabric.thaw(self._vm, checkpoint.guid)
        self._shop.sessions.log(self.task, "Removing VM recovery checkpoint", since=since)

    def _point(
        self,
        checkpoint: Checkpoint,
        plan: VmPlan,
        disks: list[PointDisk],
        points: list[RestorePoint],
    ) -> RestorePoint:
        vm, now = self._vm, self._shop.now()
        policy = self._job.body["storage"]["gfsPolicy"]
        return RestorePoint(
            id=new_id(),
            backup_id=self._backup.id,
            object_id=self._object.id,
            session_id=self._session.id,
            name=vm.name,
            vm=vm.guid,
            created_at=checkpoint.created_at,
            full=plan.full,
            node=vm.node,
            generation=vm.generation,
            processors=vm.processors,
            memory_mb=vm.memory_mb,
            guest_os=vm.guest_os,
            config_root=vm.config_root,
            file_id=new_id(),
            consistency=checkpoint.consistency,
            checkpoint=checkpoint.guid,
            disks=disks,
            backup_bytes=self.task.transferred_bytes,
            flags=flags_for(policy, points, now) if plan.full else [],
        )

    def _find_object(self) -> BackupObject:
        shelf = self._shop.shelf
        for item in shelf.where(BackupObject, lambda item: item.backup_id == self._backup.id):
            if item.vm == self._vm.guid:
                return item
        node = self._shop.fabric.node(self._vm.node)
        host = node.hostname if node is not None else self._vm.node
        path = f"{self._vm.cluster}\\{host}\\{self._vm.name}"
        item = BackupObject(new_id(), self._backup.id, self._vm.guid, self._vm.name, path)
        shelf.save(item)
        return item

    def _warn(self, message: str) -> None:
        self._warnings.append(message)
        self._shop.sessions.log(self.task, message, status="Warning")

    def _struck(self, name: str) -> dict[str, str] | None:
        vm = self._vm
        taken = self._shop.faults.take(name, node=vm.node, vms=(vm.guid, vm.name))
        return None if taken is None else dict(taken)
