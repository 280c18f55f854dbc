"""What callers ask of the management service: changes, disks and VMs to define."""

from __future__ import annotations

from dataclasses import dataclass, field

from safepoint_lab.world.enums import ControllerKind, GuestOs, UserSnapshotType

__all__ = ["NewDisk", "VmChanges", "VmDefinition"]


@dataclass(frozen=True, slots=True)
class VmChanges:
    """Settings to change on a VM or checkpoint; None leaves a setting as it is."""

    name: str | None = None
    notes: tuple[str, ...] | None = None
    user_snapshot_type: UserSnapshotType | None = None
    automatic_snapshots: bool | None = None
    processors: int | None = None
    memory_mb: int | None = None
    vss_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class NewDisk:
    """A disk of a VM to define: an existing file at a controller location."""

    path: str
    controller_kind: ControllerKind = ControllerKind.SCSI
    controller: int = 0
    lun: int = 0


@dataclass(frozen=True, slots=True)
class VmDefinition:
    """A VM to register. `guid` None makes a new identity; it must not exist in the cluster."""

    name: str
    generation: int = 2
    guid: str | None = None
    processors: int = 2
    memory_mb: int = 2048
    guest_os: GuestOs = GuestOs.WINDOWS
    config_root: str | None = None
    notes: tuple[str, ...] = ()
    user_snapshot_type: UserSnapshotType = UserSnapshotType.PRODUCTION
    version: str = "10.0"
    disks: tuple[NewDisk, ...] = field(default=())
