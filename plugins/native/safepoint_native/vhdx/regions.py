"""The region table: where the block allocation table and the metadata lie."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from uuid import UUID

from safepoint.errors import DamagedDataError, UnsupportedError
from safepoint_native.vhdx.header import Header
from safepoint_native.vhdx.layout import (
    BAT_REGION,
    METADATA_REGION,
    MIB,
    REGION_TABLE_BYTES,
    REGION_TABLE_OFFSETS,
    checksum,
    sealed,
)
from safepoint_native.vhdx.region import Region
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["Regions", "pack_region_table", "read_regions"]

_SIGNATURE = b"regi"
_PROLOGUE = struct.Struct("<4sIII")
_ENTRY = struct.Struct("<16sQII")
_REQUIRED = 1
_MAX_ENTRIES = 2047


@dataclass(frozen=True, slots=True)
class Regions:
    """The two regions that every VHDX has."""

    bat: Region
    metadata: Region


def pack_region_table(regions: Regions) -> bytes:
    """Return the 64 KiB of a region table with its checksum."""
    entries = ((BAT_REGION, regions.bat), (METADATA_REGION, regions.metadata))
    raw = _PROLOGUE.pack(_SIGNATURE, 0, len(entries), 0) + b"".join(
        _ENTRY.pack(kind.bytes_le, region.offset, region.length, _REQUIRED)
        for kind, region in entries
    )
    return sealed(raw.ljust(REGION_TABLE_BYTES, b"\0"))


def read_regions(source: ByteSource, header: Header) -> Regions:
    """Return the regions from the first whole table.

    Raises:
        DamagedDataError: No table is whole, or a region lies outside of the file, overlaps
            another or the log, or is missing.
        UnsupportedError: The file needs a region that we do not know.
    """
    name = name_of(source)
    tables = (source.read_at(at, REGION_TABLE_BYTES) for at in REGION_TABLE_OFFSETS)
    raw = next((table for table in tables if _is_whole(table)), None)
    if raw is None:
        message = f"{name}: both region tables are damaged (signature or checksum)"
        raise DamagedDataError(message, hint="Take the disk from another copy.")
    found = _entries(raw, name)
    _check_places([*found.values(), header.log], source)
    missing = [kind for kind in (BAT_REGION, METADATA_REGION) if kind not in found]
    if missing:
        message = f"{name}: region {missing[0]} is missing from the region table"
        raise DamagedDataError(message)
    return Regions(found[BAT_REGION], found[METADATA_REGION])


def _is_whole(raw: bytes) -> bool:
    signature, crc, count, _ = _PROLOGUE.unpack_from(raw)
    return bool(signature == _SIGNATURE and count <= _MAX_ENTRIES and crc == checksum(raw))


def _entries(raw: bytes, name: str) -> dict[UUID, Region]:
    count = _PROLOGUE.unpack_from(raw)[2]
    found: dict[UUID, Region] = {}
    for index in range(count):
        at = _PROLOGUE.size + index * _ENTRY.size
        kind_raw, offset, length, required = _ENTRY.unpack_from(raw, at)
        kind = UUID(bytes_le=kind_raw)
        if kind in found:
            message = f"{name}: region {kind} is listed twice"
            raise DamagedDataError(message)
        if required & _REQUIRED and kind not in (BAT_REGION, METADATA_REGION):
            message = f"{name}: needs region {kind}, which is unknown"
            raise UnsupportedError(message)
        found[kind] = Region(offset, length)
    return found


def _check_places(regions: list[Region], source: ByteSource) -> None:
    name = name_of(source)
    ordered = sorted((region for region in regions if region.length), key=lambda r: r.offset)
    for region in ordered:
        if region.offset < MIB or region.offset % MIB or region.end > source.size_bytes:
            message = f"{name}: region {region.offset}+{region.length} does not fit the file"
            raise DamagedDataError(message, hint="The file is truncated or damaged.")
    for left, right in itertools.pairwise(ordered):
        if left.end > right.offset:
            message = f"{name}: regions at {left.offset} and {right.offset} overlap"
            raise DamagedDataError(message)
