"""Merging after checkpoints are gone: the phase that follows a delete, with real bytes.

The files of a disk form a tree. Two rules reduce it until neither applies: a leaf that is
neither active nor frozen by a checkpoint is deleted; a file that is neither active nor frozen
and has one child takes the child in (a merge), also while the guest writes to that child.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from safepoint_lab.world.childfiles import ChildFiles
from safepoint_lab.world.enums import BusyStatus, JobState, JobType, MergePhase, PowerState
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.jobs import JobDesk, JobOrder, JobOutcome
from safepoint_lab.world.model import Disk, DiskImage, Job, Merge, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.scheduler import Scheduler
from safepoint_lab.world.storage import Storage
from safepoint_native.vhdx import FileSource, VhdxImage, reparent
from safepoint_native.vhdx import merge as merge_files

__all__ = ["MergeCrew"]

_log = logging.getLogger(__name__)


class MergeCrew:
    """Runs merges in the background, one at a time for each VM."""

    def __init__(
        self,
        registry: Registry,
        storage: Storage,
        guests: Guests,
        files: ChildFiles,
        jobs: JobDesk,
        scheduler: Scheduler,
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._guests = guests
        self._files = files
        self._jobs = jobs
        self._scheduler = scheduler
        self._held: dict[str, Job] = {}
        self.is_full: Callable[[str], bool] = _has_room
        """Tells whether the share of a file has no room; then merges there fail."""

    def tidy(self, vm: Vm) -> None:
        """Delete files that nothing needs, and start the merges that are due."""
        with self._guests.of(vm).lock, self._registry.lock:
            with self._registry.state.transaction():
                litter = [image for disk in vm.disks for image in self._drop_leaves(disk, vm)]
                self._registry.save(vm)
            started = [merge for disk in vm.disks if (merge := self._enlist(vm, disk))]
            if started and vm.busy is None:
                vm.busy = BusyStatus.MERGING_DISKS
        self._files.abandon(litter)
        for merge in started:
            self._start(vm, merge)

    def finish_interrupted(self) -> None:
        """After a kill: complete merges whose bytes are all in the parent already.

        Must run before any guest opens its disks, because such a child has lost its parent.
        """
        for vm in self._registry.sorted_vms():
            for disk in vm.disks:
                while done := next(filter(self._is_done, self._due(vm, disk)), None):
                    self._merge(vm, done)

    def tidy_all(self) -> None:
        """Start every merge that is due, as after a start of the lab."""
        for vm in self._registry.sorted_vms():
            if any(len(disk.images) > 1 for disk in vm.disks):
                self.tidy(vm)

    def retry(self, phase: MergePhase) -> int:
        """Start stalled or failed merges again; return how many."""
        with self._registry.lock:
            chosen = [merge for merge in self._registry.merges.values() if merge.phase is phase]
            for merge in chosen:
                merge.phase = MergePhase.QUEUED
                vm = self._registry.vms[merge.vm]
                if vm.busy is None:
                    vm.busy = BusyStatus.MERGING_DISKS
        for merge in chosen:
            self._start(self._registry.vms[merge.vm], merge)
        return len(chosen)

    def _drop_leaves(self, disk: Disk, vm: Vm) -> list[DiskImage]:
        """Take files out of the tree that neither VM nor checkpoint nor child needs."""
        dropped: list[DiskImage] = []
        while True:
            needed = self._frozen(vm, disk) | {disk.path}
            needed |= {image.parent for image in disk.images.values() if image.parent}
            leaves = [path for path in disk.images if path not in needed]
            if not leaves:
                return dropped
            dropped += [self._files.condemn(disk, path) for path in leaves]

    def _frozen(self, vm: Vm, disk: Disk) -> set[str]:
        """Return the files that checkpoints froze, and those that are another VM's."""
        frozen = {
            frozen.path
            for checkpoint in self._registry.checkpoints_of(vm.key)
            for frozen in checkpoint.disks
            if frozen.slot == disk.slot
        }
        return frozen | {image.path for image in disk.images.values() if image.borrowed}

    def _enlist(self, vm: Vm, disk: Disk) -> Merge | None:
        """Return a new merge of a disk, None when nothing is due or one is there already."""
        if (vm.key, disk.slot) in self._registry.merges:
            return None
        merge = next(self._due(vm, disk), None)
        if merge is not None:
            self._registry.merges[vm.key, disk.slot] = merge
        return merge

    def _due(self, vm: Vm, disk: Disk) -> Iterator[Merge]:
        """Yield every merge that the second rule asks for."""
        needed = self._frozen(vm, disk) | {disk.path}
        for path in disk.images:
            children = [image.path for image in disk.images.values() if image.parent == path]
            if path not in needed and len(children) == 1:
                yield Merge(vm.key, disk.slot, children[0], path)

    def _start(self, vm: Vm, merge: Merge) -> None:
        with self._registry.lock:
            order = JobOrder(
                node=vm.node,
                type=JobType.MERGE_DISKS,
                caption="Merging Virtual Hard Disks",
                seconds=0,
                work=JobOutcome,
                ended=_nothing,
                vm=vm.key,
                cancellable=False,
            )
            job = self._jobs.hold(order)
            self._held[job.guid] = job
            merge.job = job.guid
        delay = self._registry.timings.draw(self._registry.timings.merge_start)
        self._scheduler.after(delay, partial(self._run, vm, merge))

    def _run(self, vm: Vm, merge: Merge) -> None:
        if self._registry.struck("merge-stalls", vm) is not None:
            merge.phase = MergePhase.STALLED
            self._registry.tell()
            return
        if self._registry.struck("merge-fails", vm) is not None or self.is_full(merge.parent):
            self._give_up(vm, merge)
            return
        merge.phase = MergePhase.RUNNING
        merge.attempts += 1
        try:
            self._merge(vm, merge)
        except OSError:
            _log.warning("merge of %s failed", merge.child, exc_info=True)
            self._give_up(vm, merge)
            return
        except Exception:
            self._give_up(vm, merge)
            raise
        with self._guests.of(vm).lock, self._registry.lock:
            self._finish(vm, merge, JobState.COMPLETED)
            self.tidy(vm)  # in one go: nobody shall see a VM at rest between two merges

    def _merge(self, vm: Vm, merge: Merge) -> None:
        child = self._storage.host_path(merge.child)
        parent = self._storage.host_path(merge.parent)
        machine = self._guests.of(vm)
        disk = self._registry.disk(vm, merge.slot)
        if disk.path == merge.child and vm.power is PowerState.RUNNING:
            progress = partial(self._progress, merge)
            merge_files(child, parent, finish=False, durable=False, progress=progress)
        with machine.lock:
            machine.close()
            merge_files(child, parent, durable=False)
            for image in disk.images.values():
                if image.parent == merge.child:
                    reparent(
                        self._storage.host_path(image.path), parent, absolute_path=merge.parent
                    )
            merged = self._commit(vm, disk, merge)
        self._files.abandon([merged])

    def _is_done(self, merge: Merge) -> bool:
        with (
            VhdxImage.open(FileSource(self._storage.host_path(merge.child))) as child,
            VhdxImage.open(FileSource(self._storage.host_path(merge.parent))) as parent,
        ):
            linkage = child.parent.parent_linkage if child.parent else None
            return linkage != parent.data_write_id

    def _commit(self, vm: Vm, disk: Disk, merge: Merge) -> DiskImage:
        """The parent takes the child's place in the tree, for the VM and for checkpoints."""
        with self._registry.lock, self._registry.state.transaction():
            if disk.path == merge.child:
                disk.path = merge.parent
            for image in disk.images.values():
                if image.parent == merge.child:
                    image.parent = merge.parent
            changed = []
            for checkpoint in self._registry.checkpoints_of(vm.key):
                for frozen in checkpoint.disks:
                    if frozen.slot == disk.slot and frozen.path == merge.child:
                        frozen.path = merge.parent
                        changed.append(checkpoint)
            merged = self._files.condemn(disk, merge.child)
            self._storage.reseal(vm)
            self._registry.save(vm, *changed)
        return merged

    def _progress(self, merge: Merge, done: int, total: int) -> None:
        with self._registry.lock:
            self._held[merge.job or ""].percent = min(99, done * 100 // max(total, 1))

    def _give_up(self, vm: Vm, merge: Merge) -> None:
        with self._registry.lock:
            merge.phase = MergePhase.FAILED
            self._end_job(vm, merge, JobState.EXCEPTION)

    def _finish(self, vm: Vm, merge: Merge, state: JobState) -> None:
        with self._registry.lock:
            self._registry.merges.pop((merge.vm, merge.slot), None)
            self._end_job(vm, merge, state)

    def _end_job(self, vm: Vm, merge: Merge, state: JobState) -> None:
        if vm.busy is BusyStatus.MERGING_DISKS and not self._registry.merging(vm.key):
            vm.busy = None
        self._jobs.settle(self._held.pop(merge.job or ""), state)


def _has_room(path: str) -> bool:
    """Every share has room."""
    del path
    return False


def _nothing() -> None:
    """End nothing."""
