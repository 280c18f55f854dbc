"""`Msvm_VirtualSystemSettingData`: one row a VM, one row a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from safepoint_lab.hyperv.captions import translate
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import VSSD, settings_id, settings_of
from safepoint_lab.world.model import Checkpoint, Vm
from safepoint_lab.wsman.values import CimInstance, CimValue

__all__ = [
    "checkpoint_row",
    "machine_row",
    "rows",
]

_REALIZED = "Microsoft:Hyper-V:System:Realized"
_PLANNED = "Microsoft:Hyper-V:System:Planned"
_SUBTYPE = "Microsoft:Hyper-V:SubType:"
_TEMPLATE = "1734C6E8-3154-4DDA-BA5F-A874CC483422"


def rows(host: Host, hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the settings of every VM, each followed by those of its checkpoints."""
    for vm in host.machines(hints):
        yield machine_row(host, vm)
        for checkpoint in host.checkpoints(vm):
            yield checkpoint_row(host, vm, checkpoint)


def machine_row(host: Host, vm: Vm) -> CimInstance:
    """Return the settings of a VM as it is."""
    return instance(
        VSSD,
        **_common(host, vm),
        AutomaticSnapshotsEnabled=vm.automatic_snapshots,
        CreationTime=vm.created_at,
        ElementName=vm.name,
        GuestStateFile=f"Virtual Machines\\{vm.guid}.vmgs" if vm.generation == 2 else None,
        InstanceID=settings_id(vm.guid),
        IsAutomaticSnapshot=False,
        IsSaved=False,
        Notes=list(vm.notes) or None,
        Parent=_path_of(host, vm.most_current),
        UserSnapshotType=int(vm.user_snapshot_type),
        VirtualSystemType=_PLANNED if vm.planned else _REALIZED,
    )


def checkpoint_row(host: Host, vm: Vm, checkpoint: Checkpoint) -> CimInstance:
    """Return the settings a checkpoint froze."""
    common = _common(host, vm) | {
        "ConfigurationFile": f"Snapshots\\{checkpoint.guid}.vmcx",
        "ConfigurationID": checkpoint.guid,
    }
    return instance(
        VSSD,
        **common,
        AutomaticSnapshotsEnabled=vm.automatic_snapshots,
        CreationTime=host.local(checkpoint.created_at),
        ElementName=checkpoint.name,
        InstanceID=settings_id(checkpoint.guid),
        IsAutomaticSnapshot=False,
        IsSaved=checkpoint.has_saved_state,
        Notes=list(checkpoint.notes) or None,
        Parent=_path_of(host, checkpoint.parent),
        UserSnapshotType=int(vm.user_snapshot_type),
        VirtualSystemType=str(checkpoint.type),
    )


def _common(host: Host, vm: Vm) -> dict[str, CimValue]:
    """Return what a VM and its checkpoints have alike."""
    second = vm.generation == 2
    return {
        "AllowFullSCSICommandSet": False,
        "AutomaticCriticalErrorAction": 1,
        "AutomaticCriticalErrorActionTimeout": timedelta(minutes=30),
        "AutomaticRecoveryAction": 3,
        "AutomaticShutdownAction": 3,
        "AutomaticStartupAction": 3,
        "AutomaticStartupActionDelay": timedelta(0),
        "BIOSGUID": f"{{{vm.guid}}}",
        "Caption": translate("Virtual Machine Settings", host.locale),
        "ConfigurationDataRoot": vm.config_root,
        "ConfigurationFile": f"Virtual Machines\\{vm.guid}.vmcx",
        "ConfigurationID": vm.guid,
        "ConsoleMode": 0,
        "Description": "Microsoft Virtual Machine Settings",
        "GuestStateDataRoot": vm.config_root,
        "IncrementalBackupEnabled": False,
        "LockOnDisconnect": False,
        "LogDataRoot": vm.config_root,
        "SecureBootEnabled": second,
        "SecureBootTemplateId": _TEMPLATE if second else None,
        "SnapshotDataRoot": vm.config_root,
        "SuspendDataRoot": vm.config_root,
        "SwapFileDataRoot": vm.config_root,
        "Version": vm.version,
        "VirtualNumaEnabled": True,
        "VirtualSystemIdentifier": vm.guid,
        "VirtualSystemSubType": f"{_SUBTYPE}{vm.generation}",
    }


def _path_of(host: Host, checkpoint: str | None) -> str | None:
    return settings_of(checkpoint).path(host.computer_name) if checkpoint else None
