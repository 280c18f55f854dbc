"""The block allocation table: the state and place of every block."""

from __future__ import annotations

import itertools
import sys
from array import array
from collections.abc import Iterable
from enum import IntEnum
from typing import Self

from safepoint.errors import DamagedDataError
from safepoint_native.vhdx.disk import Disk, DiskKind
from safepoint_native.vhdx.layout import MIB
from safepoint_native.vhdx.regions import Region
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["ENTRY_BYTES", "OFFSET_MASK", "STATE_MASK", "BlockState", "BlockTable", "pack_entries"]

ENTRY_BYTES = 8
STATE_MASK = 0x7
OFFSET_MASK = ~0xFFFFF & 0xFFFF_FFFF_FFFF_FFFF
"""The upper 44 bits of an entry count MiB, so that masked they are the offset in bytes."""

_BITMAP_BYTES = MIB


class BlockState(IntEnum):
    """The state of a payload block; sector bitmaps know NOT_PRESENT and FULLY_PRESENT only.

    NOT_PRESENT shows the parent, or zeros when there is none. UNDEFINED, ZERO and UNMAPPED
    read as zeros and hide the parent. PARTIALLY_PRESENT exists in differencing disks only: the
    sector bitmap says which sectors are here and which show the parent.
    """

    NOT_PRESENT = 0
    UNDEFINED = 1
    ZERO = 2
    UNMAPPED = 3
    FULLY_PRESENT = 6
    PARTIALLY_PRESENT = 7


_STORED = (BlockState.FULLY_PRESENT, BlockState.PARTIALLY_PRESENT)
_STATES = frozenset(BlockState)


class BlockTable:
    """The entries of one disk as numbers; `entries` may be changed by the one who writes."""

    def __init__(self, disk: Disk, entries: array[int]) -> None:
        self.disk = disk
        self.entries = entries

    @classmethod
    def load(cls, source: ByteSource, region: Region, disk: Disk) -> Self:
        """Read and check the table of an image.

        Raises:
            DamagedDataError: The table is too short, has an unknown state, or a block lies
                outside of the file, in a region or on top of another block.
        """
        name = name_of(source)
        length = disk.bat_entries * ENTRY_BYTES
        if length > region.length:
            message = (
                f"{name}: block table of {region.length} bytes is too short "
                f"for a disk of {disk.size_bytes} bytes"
            )
            raise DamagedDataError(message)
        entries = array("Q", source.read_at(region.offset, length))
        if sys.byteorder == "big":
            entries.byteswap()
        table = cls(disk, entries)
        table._check(source)
        return table

    def payload(self, block: int) -> tuple[int, int]:
        """Return state and file offset of a payload block."""
        entry = self.entries[self.disk.payload_entry(block)]
        return entry & STATE_MASK, entry & OFFSET_MASK

    def bitmap_offset(self, chunk: int) -> int:
        """Return where the sector bitmap of a chunk lies in the file, or 0 when it has none."""
        index = self.disk.bitmap_entry(chunk)
        if index >= len(self.entries):
            return 0
        entry = self.entries[index]
        return entry & OFFSET_MASK if entry & STATE_MASK == BlockState.FULLY_PRESENT else 0

    def _check(self, source: ByteSource) -> None:
        """Look at every entry once, so that later reads need not."""
        disk, entries, limit = self.disk, self.entries, source.size_bytes
        differencing = disk.kind is DiskKind.DIFFERENCING
        taken: list[int] = []
        for block in range(disk.block_count):
            entry = entries[block + block // disk.chunk_blocks]
            state, offset = entry & STATE_MASK, entry & OFFSET_MASK
            if state not in _STATES or (
                state == BlockState.PARTIALLY_PRESENT and not differencing
            ):
                raise self._damage(source, f"block {block} has impossible state {state}")
            if state in _STORED:
                if offset < MIB or offset + disk.used_bytes(block) > limit:
                    raise self._damage(source, f"block {block} lies at {offset}, outside of it")
                taken.append(offset)
        self._check_overlaps(source, taken, disk.block_bytes)
        if differencing:
            self._check_bitmaps(source, limit)

    def _check_bitmaps(self, source: ByteSource, limit: int) -> None:
        disk = self.disk
        for chunk in range(-(-disk.block_count // disk.chunk_blocks)):
            first = chunk * disk.chunk_blocks
            blocks = range(first, min(first + disk.chunk_blocks, disk.block_count))
            offset = self.bitmap_offset(chunk)
            if offset and (offset < MIB or offset + _BITMAP_BYTES > limit):
                raise self._damage(
                    source, f"sector bitmap {chunk} lies at {offset}, outside of it"
                )
            partial = BlockState.PARTIALLY_PRESENT
            if not offset and any(self.payload(block)[0] == partial for block in blocks):
                raise self._damage(source, f"sector bitmap {chunk} is needed and not there")

    def _check_overlaps(self, source: ByteSource, offsets: list[int], length: int) -> None:
        offsets.sort()
        for left, right in itertools.pairwise(offsets):
            if left + length > right:
                raise self._damage(source, f"two blocks share the bytes at {right}")

    @staticmethod
    def _damage(source: ByteSource, what: str) -> DamagedDataError:
        return DamagedDataError(
            f"{name_of(source)}: block table is damaged: {what}",
            hint="The file is truncated or damaged: take the disk from another copy.",
        )


def pack_entries(entries: Iterable[int]) -> bytes:
    """Return table entries as they lie in the file."""
    packed = array("Q", entries)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
