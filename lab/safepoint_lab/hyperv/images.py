"""Methods of `Msvm_ImageManagementService`: what a host says of a virtual disk file."""

from __future__ import annotations

from safepoint_lab.hyperv import schemas
from safepoint_lab.hyperv.answering import started, text
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.jobs import STORAGE
from safepoint_lab.world.enums import JobType
from safepoint_lab.world.model import Refused as WorldRefused
from safepoint_lab.wsman import instance_text
from safepoint_lab.wsman.values import MethodCall, MethodResult

__all__ = [
    "get_setting_data",
    "get_state",
    "validate",
]

_VHD, _VHDX = 2, 3


def get_setting_data(host: Host, call: MethodCall) -> MethodResult:
    """Do GetVirtualHardDiskSettingData; answered at once, without a job."""
    facts = host.world.disk_facts(text(call, "Path"), node=host.name)
    row = instance(
        "Msvm_VirtualHardDiskSettingData",
        BlockSize=facts.block_bytes,
        Format=_VHD if facts.path.lower().endswith((".vhd", ".avhd")) else _VHDX,
        IsPmemCompatible=False,
        LogicalSectorSize=facts.logical_sector_bytes,
        MaxInternalSize=facts.size_bytes,
        ParentPath=facts.parent_path,
        Path=facts.path,
        PhysicalSectorSize=facts.physical_sector_bytes,
        Type=int(facts.kind),
        VirtualDiskId=facts.disk_id,
    )
    schema = schemas.load(schemas.VIRTUALIZATION)
    return MethodResult(0, {"SettingData": instance_text.write(row, schema)})


def get_state(host: Host, call: MethodCall) -> MethodResult:
    """Do GetVirtualHardDiskState; answered at once, without a job."""
    facts = host.world.disk_facts(text(call, "Path"), node=host.name)
    row = instance(
        "Msvm_VirtualHardDiskState",
        FileSize=facts.file_bytes,
        InUse=facts.in_use,
        PhysicalSectorSize=facts.physical_sector_bytes,
    )
    schema = schemas.load(schemas.VIRTUALIZATION)
    return MethodResult(0, {"State": instance_text.write(row, schema)})


def validate(host: Host, call: MethodCall) -> MethodResult:
    """Do ValidateVirtualHardDisk: a storage job that fails when the file cannot be opened."""
    path = text(call, "Path")
    code, error = 0, None
    try:
        host.world.disk_facts(path, node=host.name)
    except WorldRefused as refusal:
        code, error = refusal.return_value, refusal.reason
    job = host.desk.file(
        host.name,
        JobType.STORAGE,
        host.world.now(),
        error_code=code,
        error=error,
        class_name=STORAGE,
    )
    return started(job)
