"""Names and numbers of Hyper-V's WMI provider (namespace ``root/virtualization/v2``).

Facts of Microsoft's class pages unless a line says otherwise. Nothing here talks to a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.workloads import Activity, GuestState, PowerState
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.wql import guid

__all__ = [
    "ACTIVITIES",
    "CHECKPOINT_KINDS",
    "CIMV2",
    "COMPUTER_SYSTEM",
    "GUEST_STATES",
    "IMAGE_SERVICE",
    "MANAGEMENT_SERVICE",
    "MSCLUSTER",
    "POWER_STATES",
    "RASD",
    "SASD",
    "SNAPSHOT_SERVICE",
    "V2",
    "VIRTUALIZATION_MACHINE",
    "VSSD",
    "instance_id",
    "service_ref",
    "setting_ref",
    "vm_ref",
]

V2: Final = "root/virtualization/v2"
CIMV2: Final = "root/cimv2"
MSCLUSTER: Final = "root/MSCluster"

COMPUTER_SYSTEM: Final = "Msvm_ComputerSystem"
VSSD: Final = "Msvm_VirtualSystemSettingData"
SASD: Final = "Msvm_StorageAllocationSettingData"
RASD: Final = "Msvm_ResourceAllocationSettingData"

#: What `Msvm_ComputerSystem.Description` says of a VM; not localised in recordings.
VIRTUALIZATION_MACHINE: Final = "Microsoft Virtual Machine"

#: EnabledState → our word. 32768 and 32769 are values of the old v1 provider, still seen.
POWER_STATES: Final[Mapping[int, PowerState]] = {
    1: PowerState.CHANGING,
    2: PowerState.RUNNING,
    3: PowerState.OFF,
    4: PowerState.CHANGING,
    6: PowerState.SAVED,
    9: PowerState.PAUSED,
    10: PowerState.CHANGING,
    32768: PowerState.PAUSED,
    32769: PowerState.SAVED,
    **dict.fromkeys(range(32781, 32792), PowerState.CRITICAL),
}

#: Second value of a VM's OperationalStatus → what is being done with it.
ACTIVITIES: Final[Mapping[int, Activity]] = {
    32768: Activity.CREATING_CHECKPOINT,
    32769: Activity.APPLYING_CHECKPOINT,
    32770: Activity.DELETING_CHECKPOINT,
    32772: Activity.MERGING,
    32773: Activity.EXPORTING,
    32774: Activity.MIGRATING,
}

#: First value of an integration component's OperationalStatus → can it quiesce.
GUEST_STATES: Final[Mapping[int, GuestState]] = {
    2: GuestState.READY,
    3: GuestState.DEGRADED,
    7: GuestState.ABSENT,
    12: GuestState.ABSENT,
    13: GuestState.ABSENT,
}

#: VirtualSystemType of a checkpoint → our word. Whether ``Realized`` is production or standard
#: follows from the saved memory it holds.
CHECKPOINT_KINDS: Final[Mapping[str, CheckpointKind]] = {
    "Microsoft:Hyper-V:Snapshot:Realized": CheckpointKind.PRODUCTION,
    "Microsoft:Hyper-V:Snapshot:Recovery": CheckpointKind.BACKUP,
    "Microsoft:Hyper-V:Snapshot:Replica:Standard": CheckpointKind.REPLICA,
    "Microsoft:Hyper-V:Snapshot:Replica:ApplicationConsistent": CheckpointKind.REPLICA,
    "Microsoft:Hyper-V:Snapshot:Replica:PlannedFailover": CheckpointKind.REPLICA,
    "Microsoft:Hyper-V:Snapshot:Planned": CheckpointKind.UNKNOWN,
    "Microsoft:Hyper-V:Snapshot:Missing": CheckpointKind.UNKNOWN,
}


def service_ref(class_name: str) -> CimRef:
    """Refer to a singleton service by the one selector hosts accept [recorded]."""
    return CimRef(V2, class_name, (("CreationClassName", class_name),))


SNAPSHOT_SERVICE: Final = service_ref("Msvm_VirtualSystemSnapshotService")
MANAGEMENT_SERVICE: Final = service_ref("Msvm_VirtualSystemManagementService")
IMAGE_SERVICE: Final = service_ref("Msvm_ImageManagementService")


def vm_ref(vm_id: str) -> CimRef:
    """Refer to a VM by its GUID; raises InvalidRequestError for anything else."""
    return CimRef(
        V2, COMPUTER_SYSTEM, (("CreationClassName", COMPUTER_SYSTEM), ("Name", guid(vm_id)))
    )


def instance_id(owner_id: str) -> str:
    """Return the InstanceID of a VM's or checkpoint's settings."""
    return f"Microsoft:{guid(owner_id)}"


def setting_ref(owner_id: str) -> CimRef:
    """Refer to the settings of a VM or checkpoint by its GUID."""
    return CimRef(V2, VSSD, (("InstanceID", instance_id(owner_id)),))
