"""Adding, changing and removing devices of a VM: controllers, drives, disks, adapters."""

from __future__ import annotations

from safepoint_lab.hyperv import identifiers
from safepoint_lab.hyperv.answering import (
    CREATED,
    done,
    embedded_list,
    integer,
    invalid,
    reference,
    references,
    settings_guid,
    unsupported,
)
from safepoint_lab.hyperv.devices import DISK_SUBTYPE, DRIVE_SUBTYPE, DRIVE_TYPE, RESOURCE_TYPES
from safepoint_lab.hyperv.fittings import Slot
from safepoint_lab.hyperv.host import Host
from safepoint_lab.hyperv.identifiers import (
    ADAPTER,
    CONNECTION,
    MEMORY,
    PROCESSOR,
    RASD,
    SASD,
    VSS_SETTING,
)
from safepoint_lab.hyperv.switches import modify_connection
from safepoint_lab.world.enums import JobType
from safepoint_lab.world.model import AffectedElement, Controller, NotHereError, Vm, slot_name
from safepoint_lab.world.port import NewDisk, VmChanges
from safepoint_lab.wsman.values import CimInstance, CimReference, MethodCall, MethodResult

__all__ = [
    "add",
    "modify",
    "modify_guest_services",
    "remove",
]

_KINDS = {number: kind for kind, number in RESOURCE_TYPES.items()}
_ENABLED, _DISABLED = 2, 3


def add(host: Host, call: MethodCall) -> MethodResult:
    """Do AddResourceSettings; what was made is to be found through the job ([I])."""
    guid = settings_guid(reference(call, "AffectedConfiguration"))
    wanted = embedded_list(call, "ResourceSettings")
    if not wanted:
        raise invalid()
    made: list[AffectedElement] = []
    for resource in wanted:
        with host.world.lock:
            vm = host.world.vm(guid, node=host.name)
        tail = _add_one(host, vm, resource)
        identifier = identifiers.device_id(vm.guid, tail)
        made.append(AffectedElement(resource.class_name, identifier, CREATED))
    return done(host, JobType.MODIFY, guid, made)


def modify(host: Host, call: MethodCall) -> MethodResult:
    """Do ModifyResourceSettings: another file for a disk, another count or size."""
    resources = embedded_list(call, "ResourceSettings")
    if not resources:
        raise invalid()
    owners = [_modify_one(host, resource) for resource in resources]
    return done(host, JobType.MODIFY, owners[0])


def modify_guest_services(host: Host, call: MethodCall) -> MethodResult:
    """Do ModifyGuestServiceSettings: switch the backup service on (2) or off (3)."""
    services = embedded_list(call, "GuestServiceSettings")
    if not services:
        raise invalid()
    vm = ""
    for service in services:
        vm, _ = identifiers.split(service.text("InstanceID"))
        state = integer(service, "EnabledState")
        if service.class_name != VSS_SETTING or state not in {_ENABLED, _DISABLED}:
            raise invalid()
        host.world.modify_vm(vm, VmChanges(vss_enabled=state == _ENABLED), node=host.name)
    return done(host, JobType.MODIFY, vm)


def remove(host: Host, call: MethodCall) -> MethodResult:
    """Do RemoveResourceSettings: empty drives and adapters; the lab keeps disks attached."""
    targets = references(call, "ResourceSettings")
    if not targets:
        raise invalid()
    owners = [_remove_one(host, target) for target in targets]
    return done(host, JobType.MODIFY, owners[0])


def _add_one(host: Host, vm: Vm, resource: CimInstance) -> str:
    """Add one device and return the tail of its InstanceID."""
    kind = _KINDS.get(integer(resource, "ResourceType") or 0)
    subtype = resource.text("ResourceSubType")
    if resource.class_name == RASD and kind is not None:
        return identifiers.controller_tail(
            host.world.add_controller(vm.guid, kind, node=host.name)
        )
    if resource.class_name == RASD and subtype == DRIVE_SUBTYPE:
        return _add_drive(host, vm, resource)
    if resource.class_name == SASD and subtype == DISK_SUBTYPE:
        return _add_disk(host, vm, resource)
    if resource.class_name == ADAPTER:
        fixed = bool(resource.get("StaticMacAddress"))
        name, mac = resource.text("ElementName"), resource.text("Address")
        return host.fittings.add_adapter(vm.key, name, mac, static_mac=fixed).guid
    raise unsupported()


def _add_drive(host: Host, vm: Vm, resource: CimInstance) -> str:
    tail = _parent_tail(vm, resource)
    address = resource.text("AddressOnParent")
    controller = _controller_by_tail(vm, tail)
    if integer(resource, "ResourceType") != DRIVE_TYPE or not address.isdigit():
        raise invalid()
    slot = Slot(controller.kind, controller.number, int(address))
    taken = {Slot(d.controller_kind, d.controller, d.lun) for d in vm.disks}
    if slot in taken or slot in host.fittings.drives(vm.key):
        raise invalid()
    host.fittings.add_drive(vm.key, slot)
    return identifiers.drive_tail(controller, slot.lun)


def _add_disk(host: Host, vm: Vm, resource: CimInstance) -> str:
    tail = _parent_tail(vm, resource)
    for slot in host.fittings.drives(vm.key):
        controller = _controller_at(vm, slot)
        if identifiers.drive_tail(controller, slot.lun).lower() == tail.lower():
            disk = NewDisk(_path(resource), slot.kind, slot.controller, slot.lun)
            host.world.add_disk(vm.guid, disk, node=host.name)
            host.fittings.take_drive(vm.key, slot)
            return identifiers.disk_tail(controller, slot.lun)
    raise invalid()


def _modify_one(host: Host, resource: CimInstance) -> str:
    owner, tail = identifiers.split(resource.text("InstanceID"))
    if not owner or not tail:
        raise invalid()
    if resource.class_name == SASD:
        _modify_disk(host, owner, tail, _path(resource))
        return owner
    if resource.class_name == CONNECTION:
        modify_connection(host, owner, tail, resource)
        return owner
    quantity = integer(resource, "VirtualQuantity")
    if resource.class_name == PROCESSOR:
        changes = VmChanges(processors=quantity)
    elif resource.class_name == MEMORY:
        changes = VmChanges(memory_mb=quantity)
    else:
        raise unsupported()
    host.world.modify_vm(owner, changes, node=host.name)
    return owner


def _modify_disk(host: Host, owner: str, tail: str, path: str) -> None:
    with host.world.lock:
        vm = host.world.vm(owner, node=host.name)
        slots = [Slot(d.controller_kind, d.controller, d.lun) for d in vm.disks]
    for slot in slots:
        if identifiers.disk_tail(_controller_at(vm, slot), slot.lun).lower() == tail.lower():
            name = slot_name(slot.kind, slot.controller, slot.lun)
            host.world.modify_disk(owner, name, path, node=host.name)
            return
    msg = f"{vm.name} has no disk {tail}"
    raise NotHereError(msg)


def _remove_one(host: Host, target: CimReference) -> str:
    owner, tail = identifiers.split(target.key("InstanceID") or "")
    with host.world.lock:
        vm = host.world.vm(owner, node=host.name)
    if target.class_name == ADAPTER and host.fittings.remove_adapter(vm.key, tail):
        return owner
    for slot in host.fittings.drives(vm.key):
        if identifiers.drive_tail(_controller_at(vm, slot), slot.lun).lower() == tail.lower():
            host.fittings.take_drive(vm.key, slot)
            return owner
    raise unsupported()


def _parent_tail(vm: Vm, resource: CimInstance) -> str:
    """Return the tail of the parent, which must be a device of the same VM."""
    parent = CimReference.from_path(resource.text("Parent"), "")
    owner, tail = identifiers.split((parent.key("InstanceID") or "") if parent else "")
    if owner != vm.guid or not tail:
        raise invalid()
    return tail


def _path(resource: CimInstance) -> str:
    paths = resource.get("HostResource")
    if not isinstance(paths, list) or len(paths) != 1:
        raise invalid()
    return str(paths[0])


def _controller_by_tail(vm: Vm, tail: str) -> Controller:
    for each in vm.controllers:
        if identifiers.controller_tail(each).lower() == tail.lower():
            return each
    raise invalid()


def _controller_at(vm: Vm, slot: Slot) -> Controller:
    for each in vm.controllers:
        if (each.kind, each.number) == (slot.kind, slot.controller):
            return each
    raise invalid()
