"""Registering VMs: define, attach, point to other files, destroy.

Each function starts one thing and returns; `safepoint_native.hyperv.builder` strings them
together. A new VM's adapters are left disconnected: connecting two machines of one identity to
one network is for a person to decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from safepoint_native.cim.client import CimClient
from safepoint_native.cim.envelope import Argument
from safepoint_native.cim.instance_text import (
    EmbeddedInstance,
    InstanceProperty,
    boolean,
    string,
    string_array,
    uint16,
    uint32,
    uint64,
)
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.wql import guid
from safepoint_native.hyperv.configuration import (
    AdapterConfiguration,
    ControllerConfiguration,
    MachineConfiguration,
    MemoryConfiguration,
    ProcessorConfiguration,
)
from safepoint_native.hyperv.disks import ControllerKind
from safepoint_native.hyperv.jobs import Started, created_elements
from safepoint_native.hyperv.schema import (
    COMPUTER_SYSTEM,
    MANAGEMENT_SERVICE,
    RASD,
    SASD,
    V2,
    VSSD,
    setting_ref,
    vm_ref,
)

__all__ = [
    "DRIVE",
    "controller_settings",
    "defined_machine",
    "disk_settings",
    "drive_settings",
    "start_add",
    "start_add_adapters",
    "start_define",
    "start_destroy",
    "start_set_disk_path",
]

DRIVE: Final = "Microsoft:Hyper-V:Synthetic Disk Drive"
_DISK: Final = "Microsoft:Hyper-V:Virtual Hard Disk"
_ADAPTER: Final = "Microsoft:Hyper-V:Synthetic Ethernet Port"
_CONTROLLER_TYPES: Final[Mapping[ControllerKind, tuple[int, str]]] = {
    "ide": (5, "Microsoft:Hyper-V:Emulated IDE Controller"),
    "scsi": (6, "Microsoft:Hyper-V:Synthetic SCSI Controller"),
}


def start_define(
    client: CimClient,
    configuration: MachineConfiguration,
    *,
    name: str,
    folder: str,
    vm_id: str | None = None,
    notes: str = "",
) -> Started:
    """Define a VM without disks.

    Args:
        client: The node it shall live on.
        configuration: What it is like.
        name: Its name.
        folder: Where its configuration files go, a path as the host sees it.
        vm_id: The identity it shall have; None for a new one. That Hyper-V takes it from
            `VirtualSystemIdentifier` is inference: compare with `defined_machine`.
        notes: A line for people, and to find the VM again after a crash.
    """
    properties = [
        string("ElementName", name),
        string("VirtualSystemSubType", f"Microsoft:Hyper-V:SubType:{configuration.generation}"),
        string("ConfigurationDataRoot", folder),
        string("SnapshotDataRoot", folder),
        string("SwapFileDataRoot", folder),
        *_system_options(configuration),
    ]
    if vm_id is not None:
        properties.append(string("VirtualSystemIdentifier", guid(vm_id)))
    if notes:
        properties.append(string_array("Notes", [notes]))
    resources = [_processor(configuration.processor), _memory(configuration.memory)]
    arguments: dict[str, Argument] = {
        "SystemSettings": EmbeddedInstance(VSSD, tuple(properties)),
        "ResourceSettings": [item for item in resources if item is not None],
    }
    return _call(client, "DefineSystem", arguments)


def defined_machine(client: CimClient, started: Started) -> str:
    """Return the GUID of what a finished `start_define` made; empty when it cannot be told."""
    found = created_elements(client, started, "ResultingSystem", COMPUTER_SYSTEM)
    return guid(found[0].key("Name")) if found else ""


def controller_settings(wanted: Iterable[ControllerConfiguration]) -> list[EmbeddedInstance]:
    """Describe controllers to add."""
    made = []
    for one in wanted:
        number, subtype = _CONTROLLER_TYPES[one.kind]
        made.append(_resource(RASD, number, subtype))
    return made


def drive_settings(node: str, controller_id: str, position: int) -> EmbeddedInstance:
    """Describe a drive to add to a controller, given by its InstanceID."""
    parent = CimRef(V2, RASD, (("InstanceID", controller_id),)).path(node)
    return _resource(
        RASD, 17, DRIVE, string("Parent", parent), string("AddressOnParent", str(position))
    )


def disk_settings(node: str, drive_id: str, path: str) -> EmbeddedInstance:
    """Describe a disk file to put into a drive, given by its InstanceID."""
    parent = CimRef(V2, RASD, (("InstanceID", drive_id),)).path(node)
    return _resource(
        SASD, 31, _DISK, string("Parent", parent), string_array("HostResource", [path])
    )


def start_add(client: CimClient, vm_id: str, settings: Iterable[EmbeddedInstance]) -> Started:
    """Add devices to a VM.

    Raises:
        NotFoundError: a disk file is not there.
        InvalidRequestError: a path or name holds characters Hyper-V mishandles.
    """
    arguments: dict[str, Argument] = {
        "AffectedConfiguration": setting_ref(vm_id),
        "ResourceSettings": list(settings),
    }
    return _call(client, "AddResourceSettings", arguments)


def start_add_adapters(
    client: CimClient, vm_id: str, adapters: Iterable[AdapterConfiguration], *, keep_mac: bool
) -> Started:
    """Add network adapters, disconnected.

    Args:
        client: The node that owns the VM.
        vm_id: The VM.
        adapters: What to add.
        keep_mac: True keeps static addresses: right only when the VM replaces its original.
    """
    made = []
    for one in adapters:
        properties = [string("ElementName", one.name)]
        if keep_mac and one.has_static_mac and one.mac:
            properties += [string("Address", one.mac), boolean("StaticMacAddress", value=True)]
        made.append(_resource("Msvm_SyntheticEthernetPortSettingData", 10, _ADAPTER, *properties))
    return start_add(client, vm_id, made)


def start_destroy(client: CimClient, vm_id: str) -> Started:
    """Unregister a VM that is off. Its disk files stay where they are.

    Raises:
        ConflictError: it runs, or a checkpoint is being made or deleted.
        NotFoundError: it is gone already.
    """
    return _call(client, "DestroySystem", {"AffectedSystem": vm_ref(vm_id)})


def start_set_disk_path(client: CimClient, disk_instance_id: str, path: str) -> Started:
    """Point an attached disk of a VM that is off at another file."""
    settings = EmbeddedInstance(
        SASD, (string("InstanceID", disk_instance_id), string_array("HostResource", [path]))
    )
    return _call(client, "ModifyResourceSettings", {"ResourceSettings": [settings]})


def _call(client: CimClient, method: str, arguments: Mapping[str, Argument]) -> Started:
    return Started.of(method, client.invoke(MANAGEMENT_SERVICE, method, arguments, changes=True))


def _resource(
    class_name: str, resource_type: int, subtype: str, *properties: InstanceProperty
) -> EmbeddedInstance:
    kind = (uint16("ResourceType", resource_type), string("ResourceSubType", subtype))
    return EmbeddedInstance(class_name, (*kind, *properties))


def _system_options(configuration: MachineConfiguration) -> list[InstanceProperty]:
    found: list[InstanceProperty] = []
    numbers = {
        "UserSnapshotType": configuration.user_checkpoint_type,
        "AutomaticStartupAction": configuration.start_action,
        "AutomaticShutdownAction": configuration.stop_action,
    }
    found += [uint16(name, value) for name, value in numbers.items() if value is not None]
    if configuration.generation == 2 and configuration.secure_boot is not None:
        found.append(boolean("SecureBootEnabled", configuration.secure_boot))
        if configuration.secure_boot_template:
            found.append(string("SecureBootTemplateId", configuration.secure_boot_template))
    return found


def _processor(wanted: ProcessorConfiguration | None) -> EmbeddedInstance | None:
    if wanted is None:
        return None
    amounts = {"VirtualQuantity": wanted.count}
    amounts |= _given(Reservation=wanted.reservation, Limit=wanted.limit)
    return EmbeddedInstance("Msvm_ProcessorSettingData", _quantities(amounts, wanted.weight))


def _memory(wanted: MemoryConfiguration | None) -> EmbeddedInstance | None:
    if wanted is None:
        return None
    amounts = {"VirtualQuantity": wanted.startup_mib}
    extra: list[InstanceProperty] = [boolean("DynamicMemoryEnabled", wanted.is_dynamic)]
    if wanted.is_dynamic:
        amounts |= _given(Reservation=wanted.minimum_mib, Limit=wanted.maximum_mib)
        if wanted.buffer_percent is not None:
            extra.append(uint32("TargetMemoryBuffer", wanted.buffer_percent))
    properties = (*_quantities(amounts, wanted.weight), *extra)
    return EmbeddedInstance("Msvm_MemorySettingData", properties)


def _given(**values: int | None) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}


def _quantities(amounts: Mapping[str, int], weight: int | None) -> tuple[InstanceProperty, ...]:
    numbers = [uint64(name, value) for name, value in amounts.items()]
    if weight is not None:
        numbers.append(uint32("Weight", weight))
    return tuple(numbers)
