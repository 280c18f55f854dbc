"""Freezing the disks of a VM: new differencing files, the ground truth, the checkpoint object."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint_lab.world.childfiles import ChildFiles
from safepoint_lab.world.enums import (
    CheckpointType,
    Consistency,
    GuestBackupType,
    PowerState,
)
from safepoint_lab.world.guest import GuestMachine
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.model import Checkpoint, CheckpointDisk, Disk, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.storage import Storage
from safepoint_lab.world.truth import CheckpointTruth, DiskTruth

__all__ = ["FreezeOrder", "Freezer"]


@dataclass(frozen=True, slots=True)
class FreezeOrder:
    """What to freeze and what to call it. `consistency` is what really happens."""

    vm: Vm
    name: str
    type: CheckpointType
    consistency: Consistency
    guest_backup_type: GuestBackupType
    by_wire: bool = False


class Freezer:
    """Makes checkpoints of VMs. Calls on one VM come one after another."""

    def __init__(
        self, registry: Registry, storage: Storage, guests: Guests, files: ChildFiles
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._guests = guests
        self._files = files

    def freeze(self, order: FreezeOrder) -> Checkpoint:
        """Freeze all disks at one moment and switch the VM to new files.

        Raises:
            OSError: The files could not be made; the VM is as it was.
        """
        machine = self._guests.of(order.vm)
        with machine.lock:
            if order.consistency is Consistency.APPLICATION:
                machine.freeze()
            try:
                return self._switch(order, machine)
            finally:
                if order.vm.power is PowerState.RUNNING:
                    machine.thaw()

    def _switch(self, order: FreezeOrder, machine: GuestMachine) -> Checkpoint:
        vm = order.vm
        checkpoint = self._checkpoint(order)
        truth = self._truth(order, checkpoint, machine)
        machine.close()
        suffix = "-AutoRecovery" if order.type is CheckpointType.RECOVERY else ""
        disks = _frozen_disks(vm)
        images = self._files.make([(disk, disk.path) for disk in disks], suffix)
        with self._registry.lock, self._registry.state.transaction():
            for disk, image in zip(disks, images, strict=True):
                self._files.adopt(disk, image)
            vm.most_current = checkpoint.guid
            self._registry.checkpoints[checkpoint.guid] = checkpoint
            self._registry.state.put(checkpoint.guid, truth)
            self._storage.reseal(vm)
            self._registry.save(vm, checkpoint)
        return checkpoint

    def _checkpoint(self, order: FreezeOrder) -> Checkpoint:
        vm = order.vm
        return Checkpoint(
            guid=self._registry.new_guid(),
            vm=vm.key,
            name=order.name,
            type=order.type,
            created_at=self._registry.now(vm.node),
            consistency=order.consistency,
            guest_backup_type=order.guest_backup_type,
            parent=vm.most_current,
            disks=[
                CheckpointDisk(
                    disk.controller, disk.controller_kind, disk.lun, disk.path, disk.size_bytes
                )
                for disk in _frozen_disks(vm)
            ],
            has_saved_state=(
                order.consistency is Consistency.STANDARD and vm.power is not PowerState.OFF
            ),
            processors=vm.processors,
            memory_mb=vm.memory_mb,
            by_wire=order.by_wire,
        )

    def _truth(
        self, order: FreezeOrder, checkpoint: Checkpoint, machine: GuestMachine
    ) -> CheckpointTruth:
        verdict = machine.verdict()
        disks = []
        for disk in _frozen_disks(order.vm):
            cells = self._storage.shadow(order.vm, disk).freeze(checkpoint.guid)
            disks.append(DiskTruth.of(disk.slot, disk.path, disk.size_bytes, cells))
        return CheckpointTruth(
            checkpoint=checkpoint.guid,
            vm=order.vm.guid,
            vm_name=order.vm.name,
            name=order.name,
            created_at=checkpoint.created_at,
            state=verdict.state,
            transaction=verdict.transaction,
            disks=tuple(disks),
        )


def _frozen_disks(vm: Vm) -> list[Disk]:
    return [disk for disk in vm.disks if not disk.passthrough]
