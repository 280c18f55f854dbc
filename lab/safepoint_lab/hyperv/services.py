"""The singleton services, and the host-wide settings of two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.hyperv.identifiers import COMPUTER_SYSTEM
from safepoint_lab.wsman.values import CimInstance

__all__ = [
    "CLASSES",
    "Rows",
    "management_setting_rows",
    "merge_setting_rows",
    "service_rows",
]

Rows = Callable[[Host, Mapping[str, str]], Iterator[CimInstance]]

_NAMES = {
    "Msvm_VirtualSystemManagementService": ("vmms", "Hyper-V Virtual System Management Service"),
    "Msvm_VirtualSystemSnapshotService": ("vssnap", "Hyper-V Virtual System Snapshot Service"),
    "Msvm_ReplicationService": ("replicasvc", "Hyper-V Replica Service"),
    "Msvm_ImageManagementService": ("imgsvc", "Hyper-V Image Management Service"),
}
CLASSES = tuple(_NAMES)


def service_rows(class_name: str) -> Rows:
    """Return the row function of one singleton service."""
    name, element_name = _NAMES[class_name]

    def rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
        yield instance(
            class_name,
            CreationClassName=class_name,
            ElementName=element_name,
            EnabledDefault=2,
            EnabledState=2,
            HealthState=5,
            Name=name,
            OperationalStatus=[2],
            RequestedState=12,
            StartMode="Automatic",
            Started=True,
            SystemCreationClassName=COMPUTER_SYSTEM,
            SystemName=host.computer_name,
        )

    return rows


def management_setting_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the management service's settings: where VMs go by default."""
    if host.restricted:
        return
    cluster = next(c for c in host.world.clusters() if c.name == host.node.cluster)
    root = cluster.shares[0].unc if cluster.shares else "C:\\ProgramData\\Hyper-V"
    yield instance(
        "Msvm_VirtualSystemManagementServiceSettingData",
        DefaultExternalDataRoot=root,
        DefaultVirtualHardDiskPath=root,
        ElementName="Hyper-V Virtual System Management Service",
        InstanceID=f"Microsoft:{host.computer_name}",
        NumaSpanningEnabled=True,
    )


def merge_setting_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield whether merges run on this host: 1 normal, 0 paused."""
    if not host.restricted:
        yield instance(
            "Msvm_DiskMergeSettingData",
            EnabledState=int(host.node.merges_enabled),
            InstanceID=f"Microsoft:{host.computer_name}\\Merge",
        )
