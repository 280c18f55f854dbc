"""Virtual disks: where they are attached, and what files they consist of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from safepoint.errors import ProtocolError
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import parse_instance_text
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv.schema import IMAGE_SERVICE
from safepoint_native.hyperv.settings import owner_and_tail

__all__ = [
    "CONTROLLER_KINDS",
    "AttachedDisk",
    "Controller",
    "ControllerKind",
    "DiskFile",
    "DiskFileKind",
    "Drive",
    "attached_disks",
    "chain",
    "controllers",
    "disk_file",
    "drives",
    "is_differencing",
    "virtual_disk_rows",
]

_IDE: Final = 5
_SCSI: Final = 6
_DRIVE: Final = 17
_STORAGE: Final = 31
_HARD_DISK: Final = "Microsoft:Hyper-V:Virtual Hard Disk"
_SYNTHETIC: Final = "Microsoft:Hyper-V:Synthetic Disk Drive"
_PHYSICAL: Final = "Microsoft:Hyper-V:Physical Disk Drive"
_DIFFERENCING: Final = re.compile(r"\.avhdx?$", re.IGNORECASE)
_SHARED: Final = re.compile(r"\.vhds$", re.IGNORECASE)
#: A chain longer than this is a loop or a disaster; Hyper-V allows some fifty checkpoints.
_LONGEST_CHAIN: Final = 256


#: The kinds of disk controllers; ``other`` is one safepoint does not know, such as persistent
#: memory, on which nothing can be frozen or made again.
ControllerKind = Literal["ide", "scsi", "other"]
#: Those that can be made.
CONTROLLER_KINDS: Final[tuple[ControllerKind, ...]] = ("ide", "scsi")
_CONTROLLERS: Final[Mapping[int, ControllerKind]] = {_IDE: "ide", _SCSI: "scsi"}


@dataclass(frozen=True)
class Controller:
    """A disk controller of a VM or checkpoint."""

    kind: ControllerKind
    number: int
    instance_id: str


@dataclass(frozen=True)
class Drive:
    """A drive: the place on a controller where a disk file can be put in."""

    controller: ControllerKind
    number: int
    position: int
    instance_id: str


@dataclass(frozen=True)
class AttachedDisk:
    """One disk as a VM or checkpoint has it attached."""

    name: str
    """Controller and position, such as ``scsi0-0``; the same in a VM and its checkpoints."""
    path: str
    """The file; under a checkpoint the differencing file that takes the writes."""
    location: str
    """The tail of its InstanceID: the same place in a VM and in its checkpoints."""
    instance_id: str
    controller: ControllerKind
    controller_number: int
    position: int
    is_differencing: bool
    is_protectable: bool
    """False for pass-through and shared disks: a checkpoint cannot freeze them."""


class DiskFileKind(IntEnum):
    """Type of Msvm_VirtualHardDiskSettingData."""

    FIXED = 2
    DYNAMIC = 3
    DIFFERENCING = 4


@dataclass(frozen=True)
class DiskFile:
    """What the host says of one virtual disk file."""

    path: str
    kind: DiskFileKind
    size_bytes: int
    """The size the guest sees."""
    parent_path: str
    """Empty unless differencing."""
    disk_id: str
    block_bytes: int
    logical_sector_bytes: int
    physical_sector_bytes: int


def is_differencing(path: str) -> bool:
    """Tell from its name whether a file belongs to a checkpoint."""
    return bool(_DIFFERENCING.search(path))


def virtual_disk_rows(rows: Iterable[CimRow]) -> list[CimRow]:
    """Return the hard disks among storage settings, without CDs and floppies."""
    return [
        row
        for row in rows
        if row.integer("ResourceType") == _STORAGE
        and (row.text("ResourceSubType") or "") == _HARD_DISK
        and row.texts("HostResource")
    ]


def attached_disks(storage: Iterable[CimRow], devices: Iterable[CimRow]) -> list[AttachedDisk]:
    """Put together the disks of one VM or checkpoint, sorted by controller and position.

    Args:
        storage: Its storage settings.
        devices: Its resource settings: controllers and drives.
    """
    places = _Places(devices)
    found = [_attached(row, places) for row in virtual_disk_rows(storage)]
    found += [_passed_through(row, places) for row in places.physical_drives()]
    return sorted(found, key=lambda disk: (disk.controller, disk.controller_number, disk.position))


def controllers(devices: Iterable[CimRow]) -> list[Controller]:
    """Return the disk controllers among resource settings, by kind and number."""
    return _Places(devices).controllers()


def drives(devices: Iterable[CimRow]) -> list[Drive]:
    """Return the drives for virtual disks among resource settings."""
    return _Places(devices).drives()


def disk_file(client: CimClient, path: str) -> DiskFile:
    """Ask the host about a file.

    The host opens the file itself; for a path its computer account may not read this fails
    with PermissionDeniedError.
    """
    method = "GetVirtualHardDiskSettingData"
    result = client.invoke(IMAGE_SERVICE, method, {"Path": path}, changes=False)
    text = result.outputs.text("SettingData")
    if not text:
        msg = f"{client.node}: {method} did not answer at once for {path}"
        raise ProtocolError(msg, operation=method, system=client.node)
    row = parse_instance_text(text, what=f"what {client.node} says of {path}")
    kind = row.need_integer("Type")
    if kind not in {2, 3, 4}:
        msg = f"{client.node}: {path} is of unknown type {kind}"
        raise ProtocolError(msg, operation=method, system=client.node)
    return DiskFile(
        path=row.text("Path") or path,
        kind=DiskFileKind(kind),
        size_bytes=row.integer("MaxInternalSize") or 0,
        parent_path=row.text("ParentPath") or "",
        disk_id=row.text("VirtualDiskId") or "",
        block_bytes=row.integer("BlockSize") or 0,
        logical_sector_bytes=row.integer("LogicalSectorSize") or 0,
        physical_sector_bytes=row.integer("PhysicalSectorSize") or 0,
    )


def chain(client: CimClient, path: str) -> tuple[DiskFile, ...]:
    """Return a file and all its parents, leaf first.

    Raises:
        ProtocolError: the parents form a loop.
    """
    files: list[DiskFile] = [disk_file(client, path)]
    while files[-1].parent_path:
        if len(files) >= _LONGEST_CHAIN:
            msg = f"{client.node}: the chain below {path} does not end"
            raise ProtocolError(msg, system=client.node)
        files.append(disk_file(client, files[-1].parent_path))
    return tuple(files)


@dataclass(frozen=True)
class _Place:
    controller: ControllerKind
    number: int
    position: int

    @property
    def name(self) -> str:
        return f"{self.controller}{self.number}-{self.position}"


class _Places:
    """Finds where a disk is attached: drive → controller."""

    def __init__(self, devices: Iterable[CimRow]) -> None:
        rows = list(devices)
        self._by_id = {row.need_text("InstanceID").lower(): row for row in rows}
        self._kinds = {
            row.need_text("InstanceID").lower(): _CONTROLLERS[row.integer("ResourceType") or 0]
            for row in rows
            if row.integer("ResourceType") in _CONTROLLERS
        }
        self._unknown: dict[str, int] = {}
        self._numbers = self._number_controllers(rows)
        self._drives = [row for row in rows if row.integer("ResourceType") == _DRIVE]

    def physical_drives(self) -> list[CimRow]:
        """Return drives that pass a disk of the host through."""
        return [row for row in self._drives if row.text("ResourceSubType") == _PHYSICAL]

    def controllers(self) -> list[Controller]:
        """Return the controllers, by kind and number."""
        found = [
            Controller(kind, self._numbers[key], self._by_id[key].need_text("InstanceID"))
            for key, kind in self._kinds.items()
        ]
        return sorted(found, key=lambda one: (one.kind, one.number))

    def drives(self) -> list[Drive]:
        """Return the drives that take virtual disks."""
        found = []
        for row in self._drives:
            if row.text("ResourceSubType") == _SYNTHETIC:
                place = self.of_drive(row)
                where = (place.controller, place.number, place.position)
                found.append(Drive(*where, row.need_text("InstanceID")))
        return found

    def of_disk(self, row: CimRow) -> _Place:
        """Return the place of a disk by the drive it names as parent."""
        return self.of_drive(self._parent(row))

    def of_drive(self, drive: CimRow) -> _Place:
        """Return the place of a drive by its controller and its address there."""
        parent = drive.reference("Parent")
        key = parent.key("InstanceID").lower() if parent else ""
        position = drive.integer("AddressOnParent") or 0
        if key not in self._kinds:
            self._unknown.setdefault(key, len(self._unknown))
            return _Place("other", self._unknown[key], position)
        return _Place(self._kinds[key], self._numbers[key], position)

    def _parent(self, row: CimRow) -> CimRow:
        parent = row.reference("Parent")
        found = parent and self._by_id.get(parent.key("InstanceID").lower())
        if not found:
            msg = f"the parent of {row.text('InstanceID')} is not among the VM's devices"
            raise ProtocolError(msg)
        return found

    def _number_controllers(self, rows: list[CimRow]) -> Mapping[str, int]:
        """Number controllers of a kind by their address, else by the order of their ids.

        IDE controllers have an address; for SCSI controllers it may be empty.
        """
        numbers: dict[str, int] = {}
        for kind in _CONTROLLERS:
            ours = [row for row in rows if row.integer("ResourceType") == kind]
            ours.sort(key=lambda row: owner_and_tail(row)[1])
            addresses = [row.text("Address") or "" for row in ours]
            usable = all(text.isdecimal() for text in addresses)
            unique = len(set(addresses)) == len(addresses)
            for index, row in enumerate(ours):
                number = int(addresses[index]) if usable and unique else index
                numbers[row.need_text("InstanceID").lower()] = number
        return numbers


def _attached(row: CimRow, places: _Places) -> AttachedDisk:
    path = row.texts("HostResource")[0]
    shared = bool(row.flag("PersistentReservationsSupported")) or bool(_SHARED.search(path))
    place = places.of_disk(row)
    return _disk(row, place, path, is_protectable=not shared and place.controller != "other")


def _passed_through(drive: CimRow, places: _Places) -> AttachedDisk:
    path = next(iter(drive.texts("HostResource")), "")
    return _disk(drive, places.of_drive(drive), path, is_protectable=False)


def _disk(row: CimRow, place: _Place, path: str, *, is_protectable: bool) -> AttachedDisk:
    return AttachedDisk(
        name=place.name,
        path=path,
        location=owner_and_tail(row)[1],
        instance_id=row.need_text("InstanceID"),
        controller=place.controller,
        controller_number=place.number,
        position=place.position,
        is_differencing=is_differencing(path),
        is_protectable=is_protectable,
    )
