"""The metadata region: size, block size, sector sizes, identity and parent of a disk."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from safepoint.errors import DamagedDataError, UnsupportedError
from safepoint_native.vhdx.disk import Disk, DiskKind
from safepoint_native.vhdx.file import LocalFile
from safepoint_native.vhdx.layout import KIB, MIB
from safepoint_native.vhdx.parent import ParentLocator
from safepoint_native.vhdx.region import Region
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["METADATA_BYTES", "pack_metadata", "read_metadata", "replace_parent"]

METADATA_BYTES = MIB
"""The length of the metadata region that we write."""

_SIGNATURE = b"metadata"
_PROLOGUE = struct.Struct("<8sHH20x")
_ENTRY = struct.Struct("<16sIII4x")
_TABLE_BYTES = 64 * KIB
_MAX_ENTRIES = 2047
_MAX_ITEM_BYTES = MIB
_ALIGNMENT = 4 * KIB

_FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_DISK_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_DISK_ID = UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
_LOGICAL_SECTOR = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_PHYSICAL_SECTOR = UUID("cda348c7-445d-4471-9cc9-e9885251c556")
_PARENT_LOCATOR = UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
_KNOWN = (
    _FILE_PARAMETERS,
    _DISK_SIZE,
    _DISK_ID,
    _LOGICAL_SECTOR,
    _PHYSICAL_SECTOR,
    _PARENT_LOCATOR,
)

_USER, _VIRTUAL_DISK, _REQUIRED = 1, 2, 4
_LEAVE_ALLOCATED, _HAS_PARENT = 1, 2
_KIND_FLAGS = {
    DiskKind.FIXED: _LEAVE_ALLOCATED,
    DiskKind.DYNAMIC: 0,
    DiskKind.DIFFERENCING: _HAS_PARENT,
}


@dataclass(frozen=True, slots=True)
class _Item:
    kind: UUID
    offset: int
    length: int
    flags: int
    entry_at: int


def pack_metadata(disk: Disk) -> bytes:
    """Return table and items, to be written at the start of the metadata region."""
    of_file, of_disk = _REQUIRED, _REQUIRED | _VIRTUAL_DISK
    items = [
        (_FILE_PARAMETERS, of_file, struct.pack("<II", disk.block_bytes, _KIND_FLAGS[disk.kind])),
        (_DISK_SIZE, of_disk, struct.pack("<Q", disk.size_bytes)),
        (_DISK_ID, of_disk, disk.disk_id.bytes_le),
        (_LOGICAL_SECTOR, of_disk, struct.pack("<I", disk.logical_sector_bytes)),
        (_PHYSICAL_SECTOR, of_disk, struct.pack("<I", disk.physical_sector_bytes)),
    ]
    if disk.parent:
        items.append((_PARENT_LOCATOR, of_file, disk.parent.pack()))
    table, content = _PROLOGUE.pack(_SIGNATURE, 0, len(items)), b""
    for kind, flags, value in items:
        table += _ENTRY.pack(kind.bytes_le, _TABLE_BYTES + len(content), len(value), flags)
        content += value
    return table.ljust(_TABLE_BYTES, b"\0") + content


def read_metadata(source: ByteSource, region: Region) -> Disk:
    """Return what the metadata say about the disk.

    Raises:
        DamagedDataError: Something is missing, contradicts itself or lies outside.
        UnsupportedError: The file needs a metadata item that we do not know.
    """
    name = name_of(source)
    items = _known(_read_table(source, region), name)

    def number(kind: UUID, form: str) -> tuple[int, ...]:
        return struct.unpack(form, value(kind, struct.calcsize(form)))

    def value(kind: UUID, length: int) -> bytes:
        item = items.get(kind)
        if item is None or item.length < length:
            message = f"{name}: metadata item {kind} is missing or too short"
            raise DamagedDataError(message)
        return source.read_at(region.offset + item.offset, length)

    block_bytes, flags = number(_FILE_PARAMETERS, "<II")
    kind = _kind(flags)
    disk = Disk(
        kind=kind,
        size_bytes=number(_DISK_SIZE, "<Q")[0],
        block_bytes=block_bytes,
        logical_sector_bytes=number(_LOGICAL_SECTOR, "<I")[0],
        physical_sector_bytes=number(_PHYSICAL_SECTOR, "<I")[0],
        disk_id=UUID(bytes_le=value(_DISK_ID, 16)),
        parent=_parent(items, value, name) if kind is DiskKind.DIFFERENCING else None,
    )
    if problem := disk.problem():
        message = f"{name}: {problem}"
        raise DamagedDataError(message)
    return disk


def replace_parent(file: LocalFile, region: Region, parent: ParentLocator) -> None:
    """Put another parent locator into the metadata of a differencing disk.

    It goes to a free place and takes effect when its entry in the table is rewritten.

    Raises:
        DamagedDataError: There is no locator to replace or no room for the new one.
    """
    items, value = _read_table(file, region), parent.pack()
    old = next((item for item in items if item.kind == _PARENT_LOCATOR), None)
    taken = [range(item.offset, item.offset + item.length) for item in items if item.length]
    places = (
        at
        for at in range(_TABLE_BYTES, region.length - len(value), _ALIGNMENT)
        if all(at >= other.stop or at + len(value) <= other.start for other in taken)
    )
    place = next(places, None)
    if old is None or place is None:
        message = f"{file.name}: has no parent locator or no room for another one"
        raise DamagedDataError(message)
    file.write_at(region.offset + place, value)
    file.sync()
    entry = _ENTRY.pack(_PARENT_LOCATOR.bytes_le, place, len(value), _REQUIRED)
    file.write_at(region.offset + old.entry_at, entry)


def _kind(flags: int) -> DiskKind:
    if flags & _HAS_PARENT:
        return DiskKind.DIFFERENCING
    return DiskKind.FIXED if flags & _LEAVE_ALLOCATED else DiskKind.DYNAMIC


def _parent(
    items: dict[UUID, _Item], value: Callable[[UUID, int], bytes], name: str
) -> ParentLocator:
    length = items[_PARENT_LOCATOR].length if _PARENT_LOCATOR in items else 0
    return ParentLocator.unpack(value(_PARENT_LOCATOR, length), name)


def _read_table(source: ByteSource, region: Region) -> list[_Item]:
    """Return all items of the table, checked to lie in the region."""
    name = name_of(source)
    if region.length < _TABLE_BYTES:
        message = f"{name}: metadata region has only {region.length} bytes"
        raise DamagedDataError(message)
    raw = source.read_at(region.offset, _TABLE_BYTES)
    signature, _, count = _PROLOGUE.unpack_from(raw)
    if signature != _SIGNATURE or count > _MAX_ENTRIES:
        message = f"{name}: metadata table at {region.offset} is damaged"
        raise DamagedDataError(message)
    items = []
    for index in range(count):
        at = _PROLOGUE.size + index * _ENTRY.size
        kind, offset, length, flags = _ENTRY.unpack_from(raw, at)
        items.append(_Item(UUID(bytes_le=kind), offset, length, flags, at))
        outside = offset < _TABLE_BYTES or offset + length > region.length
        if length > _MAX_ITEM_BYTES or (length and outside):
            message = f"{name}: metadata item {items[-1].kind} at {offset}+{length} is outside"
            raise DamagedDataError(message)
    return items


def _known(items: list[_Item], name: str) -> dict[UUID, _Item]:
    """Return the items that describe the disk; those of users are nobody's business here."""
    known: dict[UUID, _Item] = {}
    for item in items:
        if item.flags & _USER:
            continue
        if item.kind not in _KNOWN and item.flags & _REQUIRED:
            message = f"{name}: needs metadata item {item.kind}, which is unknown"
            raise UnsupportedError(message)
        if item.kind in known:
            message = f"{name}: metadata item {item.kind} is listed twice"
            raise DamagedDataError(message)
        known[item.kind] = item
    return known
