"""Methods of `Msvm_VirtualSystemSnapshotService`; mind the three names of their argument."""

from __future__ import annotations

from safepoint_lab.hyperv.answering import (
    embedded,
    integer,
    invalid,
    machine_guid,
    reference,
    settings_guid,
    started,
)
from safepoint_lab.hyperv.host import Host
from safepoint_lab.world.enums import Consistency, GuestBackupType, SnapshotRequest
from safepoint_lab.wsman.values import CimInstance, MethodCall, MethodResult

__all__ = [
    "apply",
    "clear_state",
    "create",
    "destroy",
    "destroy_tree",
]

_CONSISTENCY = {0: Consistency.APPLICATION, 1: Consistency.APPLICATION, 2: Consistency.CRASH}


def create(host: Host, call: MethodCall) -> MethodResult:
    """Do CreateSnapshot; without settings the guest is asked to quiesce ([I])."""
    vm = machine_guid(reference(call, "AffectedSystem"))
    settings = embedded(call, "SnapshotSettings") or CimInstance("", "")
    try:
        request = SnapshotRequest(_number(call, "SnapshotType"))
        consistency = _CONSISTENCY[integer(settings, "ConsistencyLevel") or 0]
        backup_type = GuestBackupType(integer(settings, "GuestBackupType") or 0)
    except (ValueError, KeyError) as error:
        raise invalid() from error
    job = host.world.create_checkpoint(
        vm,
        node=host.name,
        request=request,
        consistency=consistency,
        guest_backup_type=backup_type,
        ignore_non_snapshottable=bool(settings.get("IgnoreNonSnapshottableDisks")),
        by_wire=True,
    )
    return started(job)


def destroy(host: Host, call: MethodCall) -> MethodResult:
    """Do DestroySnapshot."""
    guid = settings_guid(reference(call, "AffectedSnapshot"))
    return started(host.world.destroy_checkpoint(guid, node=host.name))


def destroy_tree(host: Host, call: MethodCall) -> MethodResult:
    """Do DestroySnapshotTree."""
    guid = settings_guid(reference(call, "SnapshotSettingData"))
    return started(host.world.destroy_checkpoint(guid, node=host.name, tree=True))


def apply(host: Host, call: MethodCall) -> MethodResult:
    """Do ApplySnapshot."""
    guid = settings_guid(reference(call, "Snapshot"))
    return started(host.world.apply_checkpoint(guid, node=host.name))


def clear_state(host: Host, call: MethodCall) -> MethodResult:
    """Do ClearSnapshotState."""
    guid = settings_guid(reference(call, "SnapshotSettingData"))
    return started(host.world.clear_checkpoint_state(guid, node=host.name))


def _number(call: MethodCall, name: str) -> int:
    value = call.arguments.get(name)
    if not isinstance(value, int):
        raise invalid()
    return value
