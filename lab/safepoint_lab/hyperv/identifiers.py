r"""The identifiers of Hyper-V's objects: GUIDs, InstanceIDs and references.

`Microsoft:<owner>` names the settings of a VM or checkpoint, `Microsoft:<owner>\<tail>` one of
its devices; the tail is the same for a place in the VM's set and in a checkpoint's. Which letter
ends a drive's and which a disk's InstanceID is [I]; clients must treat them as opaque.
"""

from __future__ import annotations

import re

from safepoint_lab.hyperv.schemas import VIRTUALIZATION
from safepoint_lab.world.model import Controller, Job
from safepoint_lab.wsman.values import CimReference

__all__ = [
    "ADAPTER",
    "COMPUTER_SYSTEM",
    "CONNECTION",
    "GUID",
    "MEMORY",
    "PROCESSOR",
    "RASD",
    "SASD",
    "VSSD",
    "VSS_SETTING",
    "controller_tail",
    "device_id",
    "disk_tail",
    "drive_tail",
    "job",
    "machine",
    "memory_id",
    "processor_id",
    "setting",
    "settings_id",
    "settings_of",
    "split",
    "vss_setting_id",
]

COMPUTER_SYSTEM = "Msvm_ComputerSystem"
VSSD = "Msvm_VirtualSystemSettingData"
RASD = "Msvm_ResourceAllocationSettingData"
SASD = "Msvm_StorageAllocationSettingData"
PROCESSOR = "Msvm_ProcessorSettingData"
MEMORY = "Msvm_MemorySettingData"
ADAPTER = "Msvm_SyntheticEthernetPortSettingData"
CONNECTION = "Msvm_EthernetPortAllocationSettingData"
VSS_SETTING = "Msvm_VssComponentSettingData"

GUID = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.IGNORECASE)
_PREFIX = "Microsoft:"
_PROCESSOR_TAIL = r"B637F346-6A0E-4DEC-AF52-BD70CB80A21D\0"
_MEMORY_TAIL = "4764334D-E001-4176-82EE-5594EC9B530E"
_VSS_TAIL = "5CED1297-4598-4915-A5FC-AD21BB4D02A4"


def settings_id(owner: str) -> str:
    """Return the InstanceID of a VM's or checkpoint's settings."""
    return f"{_PREFIX}{owner}"


def device_id(owner: str, tail: str) -> str:
    """Return the InstanceID of a device setting."""
    return f"{_PREFIX}{owner}\\{tail}"


def split(instance_id: str) -> tuple[str, str]:
    """Return owner GUID (upper case) and tail of an InstanceID; empty strings when it is none."""
    owner, _, tail = instance_id.removeprefix(_PREFIX).partition("\\")
    if not instance_id.startswith(_PREFIX) or not GUID.fullmatch(owner):
        return "", ""
    return owner.upper(), tail


def controller_tail(controller: Controller) -> str:
    """Return the tail of a controller's InstanceID."""
    return f"{controller.guid}\\{controller.number}"


def drive_tail(controller: Controller, lun: int) -> str:
    """Return the tail of a drive's InstanceID."""
    return f"{controller_tail(controller)}\\{lun}\\D"


def disk_tail(controller: Controller, lun: int) -> str:
    """Return the tail of a disk's InstanceID."""
    return f"{controller_tail(controller)}\\{lun}\\L"


def processor_id(owner: str) -> str:
    """Return the InstanceID of the processor settings."""
    return device_id(owner, _PROCESSOR_TAIL)


def memory_id(owner: str) -> str:
    """Return the InstanceID of the memory settings."""
    return device_id(owner, _MEMORY_TAIL)


def vss_setting_id(owner: str) -> str:
    """Return the InstanceID of the backup integration service's settings."""
    return device_id(owner, _VSS_TAIL)


def machine(name: str) -> CimReference:
    """Refer to a VM by GUID, or to the host by its NetBIOS name."""
    keys = (("CreationClassName", COMPUTER_SYSTEM), ("Name", name))
    return CimReference(VIRTUALIZATION, COMPUTER_SYSTEM, keys)


def setting(class_name: str, instance_id: str) -> CimReference:
    """Refer to anything whose key is InstanceID."""
    return CimReference(VIRTUALIZATION, class_name, (("InstanceID", instance_id),))


def settings_of(owner: str) -> CimReference:
    """Refer to the settings of a VM or checkpoint."""
    return setting(VSSD, settings_id(owner))


def job(found: Job) -> CimReference:
    """Refer to a job, by the class it really has."""
    return setting(found.class_name, found.guid)
