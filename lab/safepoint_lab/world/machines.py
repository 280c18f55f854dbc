"""Defining, changing and unregistering VMs: the management service over the registry."""

from __future__ import annotations

import ntpath
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from safepoint_lab.world.enums import (
    ControllerKind,
    JobType,
    PowerState,
    ReturnValue,
)
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.jobs import JobDesk, JobOrder, JobOutcome
from safepoint_lab.world.model import (
    AffectedElement,
    Checkpoint,
    Controller,
    Disk,
    Job,
    Refused,
    Vm,
    slot_name,
)
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.storage import Storage
from safepoint_lab.world.wishes import NewDisk, VmChanges, VmDefinition

__all__ = ["MachineDesk"]


class MachineDesk:
    """The methods of the management service."""

    def __init__(
        self, registry: Registry, storage: Storage, guests: Guests, jobs: JobDesk
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._guests = guests
        self._jobs = jobs
        self.on_gone: Callable[[Vm], None] = _forget_nothing

    def modify(self, guid: str, changes: VmChanges, node: str) -> None:
        """Change settings of a VM."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            self._registry.require_service(node)
            for name in VmChanges.__slots__:
                value = getattr(changes, name)
                if value is not None:
                    setattr(vm, name, list(value) if name == "notes" else value)
            vm.config_changed_at = self._registry.now(node)
            self._registry.save(vm)

    def modify_checkpoint(self, guid: str, changes: VmChanges, node: str) -> None:
        """Change name and notes of a checkpoint."""
        with self._registry.lock:
            checkpoint = self._registry.checkpoint(guid, node=node)
            self._registry.require_service(node)
            other = VmChanges(name=changes.name, notes=changes.notes)
            if other != changes:
                raise Refused(ReturnValue.INVALID_PARAMETER, "only name and notes can change")
            if changes.name is not None:
                checkpoint.name = changes.name
                truth = replace(self._registry.truth(checkpoint.guid), name=changes.name)
                self._registry.state.put(checkpoint.guid, truth)
            if changes.notes is not None:
                checkpoint.notes = list(changes.notes)
            self._registry.save(checkpoint)

    def modify_disk(self, guid: str, slot: str, path: str, node: str) -> None:
        """Point a disk at another file."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            disk = self._registry.disk(vm, slot)
            self._require_off(vm)
            if self._registry.checkpoints_of(vm.key):
                raise Refused(ReturnValue.INVALID_STATE, "the VM has checkpoints")
            images, size = self._storage.describe(path)
            self._storage.forget_shadow(vm, disk)
            disk.path, disk.size_bytes = images[0].path, size
            disk.images = {image.path: image for image in images}
            self._registry.save(vm)

    def define(self, definition: VmDefinition, node: str) -> Vm:
        """Register a VM, off, whose files exist already."""
        with self._registry.lock:
            owner = self._registry.node(node)
            self._registry.require_service(node)
            guid = (definition.guid or self._registry.new_guid()).upper()
            share = self._registry.clusters[owner.cluster].shares[0]
            now = self._registry.now(node)
            vm = Vm(
                guid=guid,
                scope=self._registry.scope_for(guid, owner.cluster),
                name=definition.name,
                cluster=owner.cluster,
                node=owner.name,
                generation=definition.generation,
                power=PowerState.OFF,
                guest_os=definition.guest_os,
                controllers=[],
                disks=[],
                config_root=definition.config_root or ntpath.join(share.unc, definition.name),
                created_at=now,
                processors=definition.processors,
                memory_mb=definition.memory_mb,
                version=definition.version,
                notes=list(definition.notes),
                user_snapshot_type=definition.user_snapshot_type,
                config_changed_at=now,
            )
            for disk in definition.disks:
                self._attach(vm, disk)
            self._registry.vms[vm.key] = vm
            self._registry.save(vm)
            return vm

    def add_controller(self, guid: str, kind: ControllerKind, node: str) -> Controller:
        """Add a controller to a VM that is off."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            self._require_off(vm)
            controller = self._new_controller(vm, kind)
            self._registry.save(vm)
            return controller

    def add_disk(self, guid: str, disk: NewDisk, node: str) -> Disk:
        """Attach an existing file to a VM that is off."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            self._require_off(vm)
            added = self._attach(vm, disk)
            self._registry.save(vm)
            return added

    def destroy(self, guid: str, node: str) -> Job:
        """Start DestroySystem."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            self._registry.require_service(node)
            merging = any(merge.vm == vm.key for merge in self._registry.merges.values())
            if vm.power is PowerState.RUNNING or vm.busy is not None or merging:
                raise Refused(ReturnValue.INVALID_STATE, "the VM runs or is busy")
            return self._jobs.begin(
                JobOrder(
                    node=node,
                    type=JobType.DESTROY,
                    caption="Removing Virtual Machine",
                    seconds=self._registry.timings.draw(self._registry.timings.unregister),
                    work=partial(self._destroy, vm),
                    ended=_nothing,
                    vm=vm.key,
                    operation="Msvm_VirtualSystemManagementService.DestroySystem",
                )
            )

    def unregister(self, vm: Vm) -> None:
        """Remove a VM and its checkpoints from the world at once; its files stay."""
        self._guests.forget(vm)
        with self._registry.lock, self._registry.state.transaction():
            for disk in vm.disks:
                self._storage.forget_shadow(vm, disk)
                self._registry.merges.pop((vm.key, disk.slot), None)
            for checkpoint in self._registry.checkpoints_of(vm.key):
                del self._registry.checkpoints[checkpoint.guid]
                self._registry.state.delete(Checkpoint, checkpoint.guid)
            self._registry.vms.pop(vm.key, None)
            self._registry.state.delete(Vm, vm.key)
        self.on_gone(vm)

    def _destroy(self, vm: Vm) -> JobOutcome:
        self.unregister(vm)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _require_off(self, vm: Vm) -> None:
        if vm.power is not PowerState.OFF or vm.busy is not None:
            raise Refused(ReturnValue.INVALID_STATE, "the VM must be off and idle")

    def _attach(self, vm: Vm, wanted: NewDisk) -> Disk:
        slot = slot_name(wanted.controller_kind, wanted.controller, wanted.lun)
        if any(disk.slot == slot for disk in vm.disks):
            raise Refused(ReturnValue.IN_USE, f"{slot} is taken")
        used = {path for other in self._registry.vms.values() for path in _files_of(other)}
        if wanted.path.casefold() in used:
            raise Refused(ReturnValue.IN_USE, f"{wanted.path} belongs to another VM")
        images, size = self._storage.describe(wanted.path)
        while not self._has_controller(vm, wanted):
            self._new_controller(vm, wanted.controller_kind)
        disk = Disk(
            controller=wanted.controller,
            controller_kind=wanted.controller_kind,
            lun=wanted.lun,
            path=wanted.path,
            size_bytes=size,
            images={image.path: image for image in images},
        )
        vm.disks.append(disk)
        vm.disks.sort(key=lambda item: item.slot)
        self._storage.forget_shadow(vm, disk)
        return disk

    def _has_controller(self, vm: Vm, wanted: NewDisk) -> bool:
        return any(
            item.kind is wanted.controller_kind and item.number == wanted.controller
            for item in vm.controllers
        )

    def _new_controller(self, vm: Vm, kind: ControllerKind) -> Controller:
        number = sum(item.kind is kind for item in vm.controllers)
        if kind is ControllerKind.IDE and (vm.generation == 2 or number >= 2):
            raise Refused(ReturnValue.INVALID_PARAMETER, "no further IDE controller can be")
        if number >= 4:
            raise Refused(ReturnValue.INVALID_PARAMETER, "four SCSI controllers are the limit")
        controller = Controller(self._registry.new_guid(), kind, number)
        vm.controllers.append(controller)
        return controller


def _files_of(vm: Vm) -> set[str]:
    return {path.casefold() for disk in vm.disks for path in disk.images}


def _nothing() -> None:
    """End nothing."""


def _forget_nothing(vm: Vm) -> None:
    """Nobody else knows the VM."""
