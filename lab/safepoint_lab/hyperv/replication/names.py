r"""Names of replication objects: `Microsoft:<GUID>\HVR\<index>` and what stands for a server."""

from __future__ import annotations

from collections.abc import Iterator

from safepoint_lab.hyperv import identifiers
from safepoint_lab.hyperv.host import Host
from safepoint_lab.world.model import Disk, Vm
from safepoint_lab.world.replication.records import Authorization, Replication

__all__ = ["SERVICE", "disk_tails", "entry_id", "index_of", "relationship_id", "server_id"]

SERVICE = "Msvm_ReplicationService"
_TAIL = "HVR\\"


def relationship_id(vm: Vm, record: Replication) -> str:
    """Return the InstanceID of a relationship and of its settings."""
    return identifiers.device_id(vm.guid, f"{_TAIL}{record.index}")


def index_of(instance_id: str, vm: str) -> int | None:
    """Return which relationship of a VM an InstanceID names; None when it names none."""
    owner, tail = identifiers.split(instance_id)
    number = tail.upper().removeprefix(_TAIL)
    if owner != vm or number not in {"0", "1"} or not tail.upper().startswith(_TAIL):
        return None
    return int(number)


def disk_tails(vm: Vm) -> Iterator[tuple[Disk, str]]:
    """Yield every disk of a VM with the tail of its InstanceID."""
    for disk in vm.disks:
        for controller in vm.controllers:
            if (controller.kind, controller.number) == (disk.controller_kind, disk.controller):
                yield disk, identifiers.disk_tail(controller, disk.lun)


def server_id(host: Host) -> str:
    """Return the InstanceID of a node's replica server settings."""
    return f"Microsoft:{host.computer_name}\\ReplicationService"


def entry_id(host: Host, entry: Authorization) -> str:
    """Return the InstanceID of an authorisation."""
    return f"Microsoft:{host.computer_name}\\{entry.primary}"
