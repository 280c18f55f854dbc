"""Device settings of VMs and checkpoints: controllers, drives, disks, processor, memory, network.

Every set hangs under its owner: the VM's GUID, or the checkpoint's for what it froze.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from safepoint_lab.hyperv.captions import translate
from safepoint_lab.hyperv.fittings import Slot
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import (
    ADAPTER,
    CONNECTION,
    MEMORY,
    PROCESSOR,
    RASD,
    SASD,
    VSS_SETTING,
    controller_tail,
    device_id,
    disk_tail,
    drive_tail,
    memory_id,
    processor_id,
    setting,
    vss_setting_id,
)
from safepoint_lab.hyperv.switches import switch_reference
from safepoint_lab.world.enums import ControllerKind
from safepoint_lab.world.model import Controller, Vm
from safepoint_lab.wsman.values import CimInstance

__all__ = [
    "DISK_SUBTYPE",
    "DISK_TYPE",
    "DRIVE_SUBTYPE",
    "DRIVE_TYPE",
    "PHYSICAL_SUBTYPE",
    "RESOURCE_TYPES",
    "DeviceSet",
    "adapter_rows",
    "connection_rows",
    "device_sets",
    "machine_set",
    "memory_rows",
    "processor_rows",
    "resource_rows",
    "storage_rows",
    "vss_setting_rows",
]

DRIVE_SUBTYPE = "Microsoft:Hyper-V:Synthetic Disk Drive"
PHYSICAL_SUBTYPE = "Microsoft:Hyper-V:Physical Disk Drive"
DISK_SUBTYPE = "Microsoft:Hyper-V:Virtual Hard Disk"
RESOURCE_TYPES = {ControllerKind.IDE: 5, ControllerKind.SCSI: 6}
DRIVE_TYPE = 17
DISK_TYPE = 31


@dataclass(frozen=True, slots=True)
class _Seat:
    """A disk in its place, as the VM has it or as a checkpoint froze it."""

    slot: Slot
    path: str
    passthrough: bool = False


@dataclass(frozen=True, slots=True)
class DeviceSet:
    """All device settings of one owner."""

    owner: str
    vm: Vm
    seats: tuple[_Seat, ...]
    empty: tuple[Slot, ...]
    processors: int
    memory_mb: int

    def controller(self, slot: Slot) -> Controller:
        """Return the controller of a place."""
        for each in self.vm.controllers:
            if each.kind is slot.kind and each.number == slot.controller:
                return each
        msg = f"{self.vm.name} has a disk on {slot} and no such controller"
        raise LookupError(msg)


def device_sets(host: Host, hints: Mapping[str, str]) -> Iterator[DeviceSet]:
    """Yield the set of each VM, followed by those of its checkpoints."""
    for vm in host.machines(hints):
        yield machine_set(host, vm)
        for checkpoint in host.checkpoints(vm):
            seats = tuple(
                _Seat(Slot(disk.controller_kind, disk.controller, disk.lun), disk.path)
                for disk in checkpoint.disks
            )
            size = (checkpoint.processors, checkpoint.memory_mb)
            yield DeviceSet(checkpoint.guid, vm, seats, (), *size)


def machine_set(host: Host, vm: Vm) -> DeviceSet:
    """Return the set of a VM as it is."""
    seats = tuple(
        _Seat(Slot(d.controller_kind, d.controller, d.lun), d.path, d.passthrough)
        for d in vm.disks
    )
    empty = tuple(host.fittings.drives(vm.key))
    return DeviceSet(vm.guid, vm, seats, empty, vm.processors, vm.memory_mb)


def resource_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield controllers and drives (`Msvm_ResourceAllocationSettingData`)."""
    for devices in device_sets(host, hints):
        for controller in devices.vm.controllers:
            yield _controller_row(host, devices, controller)
        for slot, subtype, path in _drives(devices):
            yield _drive_row(host, devices, slot, subtype, path)


def storage_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield disks (`Msvm_StorageAllocationSettingData`)."""
    for devices in device_sets(host, hints):
        for seat in devices.seats:
            if not seat.passthrough:
                yield _disk_row(host, devices, seat)


def processor_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield processor settings."""
    for devices in device_sets(host, hints):
        yield instance(
            PROCESSOR,
            AllocationUnits="percent / 1000",
            Caption=translate("Processor", host.locale),
            Description=translate("Processor", host.locale),
            ElementName=translate("Processor", host.locale),
            InstanceID=processor_id(devices.owner),
            Limit=100000,
            Reservation=0,
            ResourceSubType="Microsoft:Hyper-V:Processor",
            ResourceType=3,
            VirtualQuantity=devices.processors,
            VirtualQuantityUnits="count",
            Weight=100,
        )


def memory_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield memory settings; quantities are MiB."""
    for devices in device_sets(host, hints):
        yield instance(
            MEMORY,
            AllocationUnits="byte * 2^20",
            Caption=translate("Memory", host.locale),
            Description=translate("Memory", host.locale),
            DynamicMemoryEnabled=False,
            ElementName=translate("Memory", host.locale),
            InstanceID=memory_id(devices.owner),
            Limit=devices.memory_mb,
            Reservation=devices.memory_mb,
            ResourceSubType="Microsoft:Hyper-V:Memory",
            ResourceType=4,
            TargetMemoryBuffer=20,
            VirtualQuantity=devices.memory_mb,
            VirtualQuantityUnits="byte * 2^20",
            Weight=5000,
        )


def adapter_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield network adapters; a checkpoint shows those its VM has now ([I]: lab shortcut)."""
    for devices in device_sets(host, hints):
        for adapter in host.adapters(devices.vm):
            yield instance(
                ADAPTER,
                Address=adapter.mac,
                Caption=translate("Network Adapter", host.locale),
                ElementName=adapter.name,
                InstanceID=device_id(devices.owner, adapter.guid),
                ResourceSubType="Microsoft:Hyper-V:Synthetic Ethernet Port",
                ResourceType=10,
                StaticMacAddress=adapter.static_mac,
            )


def connection_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the adapters' connections to a switch."""
    for devices in device_sets(host, hints):
        for adapter in host.adapters(devices.vm):
            parent = setting(ADAPTER, device_id(devices.owner, adapter.guid))
            switch = switch_reference(host, adapter.switch)
            yield instance(
                CONNECTION,
                ElementName="Dynamic Ethernet Switch Port",
                EnabledState=2 if adapter.switch else 3,
                HostResource=[switch.path(host.computer_name)] if switch else None,
                InstanceID=device_id(devices.owner, f"{adapter.guid}\\C"),
                LastKnownSwitchName=adapter.switch or None,
                Parent=parent.path(host.computer_name),
                ResourceSubType="Microsoft:Hyper-V:Ethernet Connection",
                ResourceType=33,
                TestReplicaSwitchName=adapter.test_switch or None,
            )


def vss_setting_rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the switch of the backup integration service."""
    for devices in device_sets(host, hints):
        yield instance(
            VSS_SETTING,
            ElementName=translate("Backup (volume checkpoint)", host.locale),
            EnabledState=2 if devices.vm.vss_enabled else 3,
            InstanceID=vss_setting_id(devices.owner),
            ResourceSubType="Microsoft:Hyper-V:VSS Component",
            ResourceType=1,
        )


def _drives(devices: DeviceSet) -> Iterable[tuple[Slot, str, str]]:
    for seat in devices.seats:
        if seat.passthrough:
            yield seat.slot, PHYSICAL_SUBTYPE, seat.path
        else:
            yield seat.slot, DRIVE_SUBTYPE, ""
    for slot in devices.empty:
        yield slot, DRIVE_SUBTYPE, ""


def _controller_row(host: Host, devices: DeviceSet, controller: Controller) -> CimInstance:
    """Return a controller; only IDE ones have an address ([I])."""
    ide = controller.kind is ControllerKind.IDE
    return instance(
        RASD,
        Address=str(controller.number) if ide else None,
        Caption=translate("Disk controller", host.locale),
        Description=translate("Disk controller", host.locale),
        ElementName=f"{controller.kind.name} Controller {controller.number}",
        InstanceID=device_id(devices.owner, controller_tail(controller)),
        ResourceSubType=f"Microsoft:Hyper-V:{controller.kind.value}",
        ResourceType=RESOURCE_TYPES[controller.kind],
    )


def _drive_row(host: Host, devices: DeviceSet, slot: Slot, subtype: str, path: str) -> CimInstance:
    controller = devices.controller(slot)
    parent = setting(RASD, device_id(devices.owner, controller_tail(controller)))
    return instance(
        RASD,
        AddressOnParent=str(slot.lun),
        Caption=translate("Disk drive", host.locale),
        Description=translate("Disk drive", host.locale),
        ElementName=translate("Disk drive", host.locale),
        HostResource=[path] if path else None,
        InstanceID=device_id(devices.owner, drive_tail(controller, slot.lun)),
        Parent=parent.path(host.computer_name),
        ResourceSubType=subtype,
        ResourceType=DRIVE_TYPE,
        VirtualQuantity=1,
        VirtualQuantityUnits="count",
    )


def _disk_row(host: Host, devices: DeviceSet, seat: _Seat) -> CimInstance:
    controller = devices.controller(seat.slot)
    parent = setting(RASD, device_id(devices.owner, drive_tail(controller, seat.slot.lun)))
    return instance(
        SASD,
        AddressOnParent="0",
        Access=3,
        CachingMode=0,
        Caption=translate("Hard Disk Image", host.locale),
        Description=translate("Settings for the virtual hard disk", host.locale),
        ElementName=translate("Hard Disk Image", host.locale),
        HostResource=[seat.path],
        InstanceID=device_id(devices.owner, disk_tail(controller, seat.slot.lun)),
        Parent=parent.path(host.computer_name),
        PersistentReservationsSupported=False,
        ResourceSubType=DISK_SUBTYPE,
        ResourceType=DISK_TYPE,
        VirtualQuantity=1,
        VirtualQuantityUnits="count",
    )
