"""Going back to a checkpoint, and forgetting one: files, shadows and the checkpoint tree."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint_lab.world.childfiles import ChildFiles
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.model import Checkpoint, Disk, DiskImage, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.storage import Storage

__all__ = ["PendingRevert", "Reverter"]


@dataclass(frozen=True, slots=True)
class PendingRevert:
    """A VM whose shadows still have to follow the checkpoint that was applied."""

    vm: str
    checkpoint: str


class Reverter:
    """Changes which files a VM stands on when checkpoints are applied or forgotten."""

    def __init__(
        self, registry: Registry, storage: Storage, guests: Guests, files: ChildFiles
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._guests = guests
        self._files = files

    def apply(self, vm: Vm, checkpoint: Checkpoint) -> None:
        """Stand the VM on new files over the frozen ones; what it wrote since is given up.

        The files that nothing needs any more are left to `MergeCrew.tidy`.
        """
        machine = self._guests.of(vm)
        with machine.lock:
            self._guests.stop(vm, clean=False)
            disks = [self._registry.disk(vm, frozen.slot) for frozen in checkpoint.disks]
            parents = [frozen.path for frozen in checkpoint.disks]
            images = self._files.make(list(zip(disks, parents, strict=True)))
            self._commit(vm, checkpoint, list(zip(disks, images, strict=True)))
            self._follow(vm, checkpoint.guid)

    def resume(self) -> None:
        """Finish what a kill cut off."""
        for pending in self._registry.state.load(PendingRevert).values():
            vm = self._registry.vms.get(pending.vm)
            if vm is not None:
                self._follow(vm, pending.checkpoint)

    def forget(self, vm: Vm, checkpoint: Checkpoint) -> None:
        """Remove a checkpoint object; its children hang on its parent from now on."""
        machine = self._guests.of(vm)
        with machine.lock:
            for frozen in checkpoint.disks:
                disk = self._registry.disk(vm, frozen.slot)
                self._storage.shadow(vm, disk).release(checkpoint.guid)
            with self._registry.lock, self._registry.state.transaction():
                changed = []
                for item in self._registry.checkpoints_of(vm.key):
                    if item.parent == checkpoint.guid:
                        item.parent = checkpoint.parent
                        changed.append(item)
                if vm.most_current == checkpoint.guid:
                    vm.most_current = checkpoint.parent
                del self._registry.checkpoints[checkpoint.guid]
                self._registry.state.delete(Checkpoint, checkpoint.guid)
                self._registry.save(vm, *changed)

    def _commit(self, vm: Vm, checkpoint: Checkpoint, files: list[tuple[Disk, DiskImage]]) -> None:
        with self._registry.lock, self._registry.state.transaction():
            for disk, image in files:
                self._files.adopt(disk, image)
            vm.processors, vm.memory_mb = checkpoint.processors, checkpoint.memory_mb
            vm.power = PowerState.SAVED if checkpoint.has_saved_state else PowerState.OFF
            vm.most_current = vm.last_applied = checkpoint.guid
            vm.config_changed_at = self._registry.now(vm.node)
            self._storage.seal(vm)
            self._registry.state.put(vm.key, PendingRevert(vm.key, checkpoint.guid))
            self._registry.save(vm)

    def _follow(self, vm: Vm, checkpoint: str) -> None:
        """Bring the shadows to the moment of the checkpoint."""
        for disk in vm.disks:
            shadow = self._storage.shadow(vm, disk)
            if checkpoint in shadow.checkpoints:
                shadow.revert(checkpoint)
        self._registry.state.delete(PendingRevert, vm.key)
