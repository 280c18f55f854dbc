"""A VM's configuration as neutral data, so that it can be stored and made again.

The vendor's own configuration files are binary and tied to host versions; what is kept here is
what a VM needs to run again: identity, processors, memory, firmware, controllers, disks and
network adapters. What is not kept is named in `not_captured`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from safepoint.errors import NotFoundError
from safepoint.models.base import Model
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid
from safepoint_native.hyperv.disks import attached_disks, controllers
from safepoint_native.hyperv.schema import RASD, SASD, setting_ref
from safepoint_native.hyperv.settings import owned_rows

__all__ = [
    "AdapterConfiguration",
    "ControllerConfiguration",
    "DiskConfiguration",
    "MachineConfiguration",
    "MemoryConfiguration",
    "ProcessorConfiguration",
    "capture_configuration",
]

_GENERATION: Final = "Microsoft:Hyper-V:SubType:"
_PROCESSOR: Final = "Msvm_ProcessorSettingData"
_MEMORY: Final = "Msvm_MemorySettingData"
_ADAPTER: Final = "Msvm_SyntheticEthernetPortSettingData"
_CONNECTION: Final = "Msvm_EthernetPortAllocationSettingData"


class ProcessorConfiguration(Model):
    """Virtual processors; shares are in Hyper-V's own thousandths of a percent."""

    count: int
    reservation: int | None = None
    limit: int | None = None
    weight: int | None = None


class MemoryConfiguration(Model):
    """Memory in MiB; minimum and maximum count only when it is dynamic."""

    startup_mib: int
    minimum_mib: int | None = None
    maximum_mib: int | None = None
    is_dynamic: bool = False
    buffer_percent: int | None = None
    weight: int | None = None


class ControllerConfiguration(Model):
    """A disk controller: ``ide`` or ``scsi``, and which one of its kind."""

    kind: Literal["ide", "scsi"]
    number: int


class DiskConfiguration(Model):
    """A disk and where it is attached; ``other`` is a place safepoint cannot make again."""

    name: str
    controller: Literal["ide", "scsi", "other"]
    number: int
    position: int
    path: str
    """The file at the time of capture; of a checkpoint, the frozen one."""
    is_protectable: bool = True


class AdapterConfiguration(Model):
    """A network adapter; `switch` is for people, a restored adapter starts disconnected."""

    name: str
    mac: str = ""
    has_static_mac: bool = False
    switch: str = ""


class MachineConfiguration(Model):
    """Everything needed to define a VM like the one captured."""

    format: Literal["safepoint/hyperv-machine/1"] = "safepoint/hyperv-machine/1"
    id: str
    """The GUID of the VM it was captured from."""
    name: str
    generation: Literal[1, 2]
    version: str = ""
    folder: str = ""
    """Where its configuration files lay."""
    notes: str = ""
    processor: ProcessorConfiguration | None = None
    memory: MemoryConfiguration | None = None
    secure_boot: bool | None = None
    secure_boot_template: str = ""
    user_checkpoint_type: int | None = None
    start_action: int | None = None
    stop_action: int | None = None
    controllers: tuple[ControllerConfiguration, ...] = ()
    disks: tuple[DiskConfiguration, ...] = ()
    adapters: tuple[AdapterConfiguration, ...] = ()
    not_captured: tuple[str, ...] = (
        "virtual TPM and shielding keys",
        "network connections and VLANs",
        "saved memory",
        "integration service switches",
        "pass-through devices",
    )
    """What a VM may have that this form does not keep."""


def capture_configuration(client: CimClient, owner_id: str) -> MachineConfiguration:
    """Read the configuration of a VM as it is, or as one of its checkpoints froze it.

    Args:
        client: The node that owns the VM.
        owner_id: The GUID of the VM or of a checkpoint.

    Raises:
        NotFoundError: there is nothing of this id on the node.
    """
    owner = guid(owner_id)
    setting = _setting(client, owner)

    def rows(class_name: str) -> list[CimRow]:
        return owned_rows(client, class_name, [owner])[owner]

    devices = rows(RASD)
    subtype = (setting.text("VirtualSystemSubType") or "").removeprefix(_GENERATION)
    captured = MachineConfiguration(
        id=guid(setting.need_text("VirtualSystemIdentifier")),
        name=setting.text("ElementName") or "",
        generation=1 if subtype == "1" else 2,
        version=setting.text("Version") or "",
        folder=setting.text("ConfigurationDataRoot") or "",
        notes=" ".join(setting.texts("Notes")),
        processor=_processor(rows(_PROCESSOR)),
        memory=_memory(rows(_MEMORY)),
        secure_boot=setting.flag("SecureBootEnabled"),
        secure_boot_template=setting.text("SecureBootTemplateId") or "",
        user_checkpoint_type=setting.integer("UserSnapshotType"),
        start_action=setting.integer("AutomaticStartupAction"),
        stop_action=setting.integer("AutomaticShutdownAction"),
        controllers=tuple(
            ControllerConfiguration(kind=one.kind, number=one.number)
            for one in controllers(devices)
            if one.kind != "other"
        ),
        disks=_disks(rows(SASD), devices),
        adapters=_adapters(rows(_ADAPTER), rows(_CONNECTION)),
    )
    # Asked again at the end: had the VM moved meanwhile, parts of the above would be missing.
    _setting(client, owner)
    return captured


def _setting(client: CimClient, owner: str) -> CimRow:
    try:
        return client.get(setting_ref(owner))
    except NotFoundError as exc:
        msg = f"{client.node}: there are no settings of {owner} on this node"
        raise NotFoundError(msg, operation="Get", system=client.node) from exc


def _processor(rows: Iterable[CimRow]) -> ProcessorConfiguration | None:
    for row in rows:
        count = row.integer("VirtualQuantity")
        if count:
            return ProcessorConfiguration(
                count=count,
                reservation=row.integer("Reservation"),
                limit=row.integer("Limit"),
                weight=row.integer("Weight"),
            )
    return None


def _memory(rows: Iterable[CimRow]) -> MemoryConfiguration | None:
    for row in rows:
        startup = row.integer("VirtualQuantity")
        if startup:
            return MemoryConfiguration(
                startup_mib=startup,
                minimum_mib=row.integer("Reservation"),
                maximum_mib=row.integer("Limit"),
                is_dynamic=bool(row.flag("DynamicMemoryEnabled")),
                buffer_percent=row.integer("TargetMemoryBuffer"),
                weight=row.integer("Weight"),
            )
    return None


def _disks(storage: Iterable[CimRow], devices: Iterable[CimRow]) -> tuple[DiskConfiguration, ...]:
    return tuple(
        DiskConfiguration(
            name=disk.name,
            controller=disk.controller,
            number=disk.controller_number,
            position=disk.position,
            path=disk.path,
            is_protectable=disk.is_protectable,
        )
        for disk in attached_disks(storage, devices)
    )


def _adapters(
    ports: Iterable[CimRow], connections: Iterable[CimRow]
) -> tuple[AdapterConfiguration, ...]:
    switches: dict[str, str] = {}
    for row in connections:
        parent = row.reference("Parent")
        if parent is not None:
            switches[parent.key("InstanceID").lower()] = row.text("LastKnownSwitchName") or ""
    return tuple(
        AdapterConfiguration(
            name=row.text("ElementName") or "",
            mac=row.text("Address") or "",
            has_static_mac=bool(row.flag("StaticMacAddress")),
            switch=switches.get(row.need_text("InstanceID").lower(), ""),
        )
        for row in ports
    )
