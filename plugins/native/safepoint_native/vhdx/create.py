"""New VHDX files: dynamic, fixed and differencing, born clean with an empty log."""

from __future__ import annotations

import ntpath
import os
from array import array
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

from safepoint.errors import UsageError
from safepoint_native.vhdx.bat import ENTRY_BYTES, BlockState, pack_entries
from safepoint_native.vhdx.disk import Disk, DiskKind
from safepoint_native.vhdx.file import LocalFile, Target
from safepoint_native.vhdx.header import Header, write_file_identifier
from safepoint_native.vhdx.image import VhdxImage
from safepoint_native.vhdx.layout import (
    HEADER_OFFSETS,
    MIB,
    REGION_TABLE_OFFSETS,
    round_up,
)
from safepoint_native.vhdx.metadata import METADATA_BYTES, pack_metadata
from safepoint_native.vhdx.parent import ParentLocator
from safepoint_native.vhdx.region import Region
from safepoint_native.vhdx.regions import Regions, pack_region_table
from safepoint_native.vhdx.source import FileSource

__all__ = [
    "born_regions",
    "create_differencing",
    "create_dynamic",
    "create_fixed",
    "fixed_entries",
    "locator_for",
    "write_structures",
]

_Path = str | os.PathLike[str]
_LOG = Region(MIB, MIB)


def create_dynamic(
    path: _Path,
    size_bytes: int,
    *,
    block_bytes: int = 2 * MIB,
    logical_sector_bytes: int = 512,
    physical_sector_bytes: int = 4096,
    disk_id: UUID | None = None,
) -> None:
    """Create an empty dynamic disk of `size_bytes`; a few MiB of file, mostly holes.

    Raises:
        UsageError: No such disk can exist.
        FileExistsError: The path is taken.
    """
    _create(
        path,
        Disk(
            kind=DiskKind.DYNAMIC,
            size_bytes=size_bytes,
            block_bytes=block_bytes,
            logical_sector_bytes=logical_sector_bytes,
            physical_sector_bytes=physical_sector_bytes,
            disk_id=disk_id or uuid4(),
        ),
    )


def create_fixed(
    path: _Path,
    size_bytes: int,
    *,
    block_bytes: int = 2 * MIB,
    logical_sector_bytes: int = 512,
    physical_sector_bytes: int = 4096,
    disk_id: UUID | None = None,
) -> None:
    """Create a fixed disk of zeros; where the file system can, its data area is a hole.

    Raises:
        UsageError: No such disk can exist.
        FileExistsError: The path is taken.
    """
    _create(
        path,
        Disk(
            kind=DiskKind.FIXED,
            size_bytes=size_bytes,
            block_bytes=block_bytes,
            logical_sector_bytes=logical_sector_bytes,
            physical_sector_bytes=physical_sector_bytes,
            disk_id=disk_id or uuid4(),
        ),
    )


def create_differencing(
    path: _Path,
    parent_path: _Path,
    *,
    block_bytes: int = 2 * MIB,
    relative_path: str | None = None,
    absolute_path: str | None = None,
) -> None:
    """Create an empty child of the disk in `parent_path`, with its size, sectors and identity.

    The parent must not change any more while it has the child, except by `merge`. The paths
    are what the locator says, as Windows writes them; by default they are made of the paths
    given.

    Raises:
        DamagedDataError: The parent cannot be read.
        FileExistsError: The path is taken.
    """
    with VhdxImage.open(FileSource(parent_path)) as parent:
        locator = locator_for(path, parent_path, parent, relative_path, absolute_path)
        disk = Disk(
            kind=DiskKind.DIFFERENCING,
            size_bytes=parent.size_bytes,
            block_bytes=block_bytes,
            logical_sector_bytes=parent.logical_sector_bytes,
            physical_sector_bytes=parent.physical_sector_bytes,
            disk_id=parent.disk_id,
            parent=locator,
        )
    _create(path, disk)


def locator_for(
    path: _Path,
    parent_path: _Path,
    parent: VhdxImage,
    relative_path: str | None,
    absolute_path: str | None,
) -> ParentLocator:
    """Return the locator by which the file at `path` names `parent` as it is now."""
    return ParentLocator(
        parent_linkage=parent.data_write_id,
        relative_path=relative_path or _relative(path, parent_path),
        absolute_path=absolute_path or os.path.realpath(parent_path),
    )


def born_regions(disk: Disk) -> Regions:
    """Return where we put the regions of a new file; payload starts at the end of the table."""
    bat_bytes = round_up(disk.bat_entries * ENTRY_BYTES, MIB)
    metadata = Region(_LOG.end, METADATA_BYTES)
    return Regions(bat=Region(metadata.end, bat_bytes), metadata=metadata)


def fixed_entries(disk: Disk, data_offset: int) -> array[int]:
    """Return the table of a fixed disk whose blocks lie in order from `data_offset`."""
    entries = array("Q", bytes(disk.bat_entries * ENTRY_BYTES))
    for block in range(disk.block_count):
        offset = data_offset + block * disk.block_bytes
        entries[disk.payload_entry(block)] = offset | BlockState.FULLY_PRESENT
    return entries


def write_structures(
    file: Target,
    disk: Disk,
    entries: Iterable[int],
    *,
    data_write_id: UUID | None = None,
    durable: bool = False,
) -> None:
    """Write everything but payload; the signature comes last.

    With `durable` it is written when all else has reached the disk, so a file that was not
    finished is no VHDX, whatever happens.
    """
    regions = born_regions(disk)
    file.write_at(regions.bat.offset, pack_entries(entries))
    file.write_at(regions.metadata.offset, pack_metadata(disk))
    for offset in REGION_TABLE_OFFSETS:
        file.write_at(offset, pack_region_table(regions))
    header = Header(log=_LOG, data_write_id=data_write_id or uuid4())
    for sequence, offset in enumerate(HEADER_OFFSETS, start=1):
        file.write_at(offset, replace(header, sequence=sequence).pack())
    if durable:
        file.sync()
    write_file_identifier(file)
    if durable:
        file.sync()


def _create(path: _Path, disk: Disk) -> None:
    if problem := disk.problem():
        message = f"{os.fspath(path)}: {problem}"
        raise UsageError(message)
    data_offset = born_regions(disk).bat.end
    with LocalFile.create(path) as file:
        try:
            if disk.kind is DiskKind.FIXED:
                file.resize(data_offset + disk.block_count * disk.block_bytes)
                write_structures(file, disk, fixed_entries(disk, data_offset))
            else:
                file.resize(data_offset)
                write_structures(file, disk, ())
        except BaseException:
            file.close()
            Path(path).unlink()
            raise


def _relative(path: _Path, parent_path: _Path) -> str:
    relative = os.path.relpath(os.path.realpath(parent_path), Path(os.path.realpath(path)).parent)
    return ntpath.join(".", relative.replace("/", "\\"))
