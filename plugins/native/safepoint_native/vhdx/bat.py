"""The block allocation table: the state and place of every block."""

from __future__ import annotations

import itertools
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Self

from safepoint.errors import DamagedDataError
from safepoint_native.vhdx.disk import Disk, DiskKind
from safepoint_native.vhdx.layout import MIB
from safepoint_native.vhdx.region import Region
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["ENTRY_BYTES", "OFFSET_MASK", "STATE_MASK", "BlockState", "BlockTable", "pack_entries"]

ENTRY_BYTES = 8
STATE_MASK = 0x7
OFFSET_MASK = ~0xFFFFF & 0xFFFF_FFFF_FFFF_FFFF
"""The upper 44 bits of an entry count MiB, so that masked they are the offset in bytes."""


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
    def load(
        cls, source: ByteSource, region: Region, disk: Disk, reserved: Sequence[Region]
    ) -> Self:
        """Read and check the table of an image; blocks may not lie in `reserved` parts.

        A table that does not fit is read again until it stays the same: it may just have been
        written to.

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
        raw = b""
        while True:
            before, raw = raw, source.read_at(region.offset, length)
            table = cls(disk, _unpack_entries(raw))
            try:
                table._check(source, reserved)
            except DamagedDataError:
                if raw == before:
                    raise
            else:
                return table

    def payload(self, block: int) -> tuple[int, int]:
        """Return state and file offset of a payload block."""
        entry = self.entries[self.disk.payload_entry(block)]
        return entry & STATE_MASK, entry & OFFSET_MASK

    def present(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield (block, state, file offset) of blocks `first` to `end` but for NOT_PRESENT ones."""
        chunk_blocks = self.disk.chunk_blocks
        while first < end:
            until = min(end, (first // chunk_blocks + 1) * chunk_blocks)
            index = self.disk.payload_entry(first)
            for block, entry in enumerate(self.entries[index : index + until - first], first):
                if entry & STATE_MASK:
                    yield block, entry & STATE_MASK, entry & OFFSET_MASK
            first = until

    def bitmap_offset(self, chunk: int) -> int:
        """Return where the sector bitmap of a chunk lies in the file, or 0 when it has none."""
        index = self.disk.bitmap_entry(chunk)
        if index >= len(self.entries):
            return 0
        entry = self.entries[index]
        return entry & OFFSET_MASK if entry & STATE_MASK == BlockState.FULLY_PRESENT else 0

    def _check(self, source: ByteSource, reserved: Sequence[Region]) -> None:
        """Look at every entry once, so that later reads need not."""
        disk, limit, length = self.disk, source.size_bytes, self.disk.block_bytes
        last, full, partial = disk.block_count - 1, *_STORED
        differencing = disk.kind is DiskKind.DIFFERENCING
        solid = [region for region in (*reserved, *self._bitmaps(source)) if region.length]
        starts, ends = [region.offset for region in solid], [region.end for region in solid]
        for block, state, offset in self.present(0, disk.block_count):
            if state not in _STATES or (state == partial and not differencing):
                raise self._damage(source, f"block {block} has impossible state {state}")
            if state in (full, partial):
                end = offset + (length if block < last else disk.used_bytes(block))
                if offset < MIB or end > limit:
                    raise self._damage(source, f"block {block} lies at {offset}, outside of it")
                if state == partial and not self.bitmap_offset(block // disk.chunk_blocks):
                    raise self._damage(source, f"block {block} has no sector bitmap")
                starts.append(offset)
                ends.append(end)
        shared = _first_shared(starts, ends)
        if shared is not None:
            raise self._damage(source, f"two things share the bytes at {shared}")

    def _bitmaps(self, source: ByteSource) -> list[Region]:
        """Return where the sector bitmaps lie, checked to be inside of the file."""
        chunks = range(-(-self.disk.block_count // self.disk.chunk_blocks))
        found = [Region(at, MIB) for at in map(self.bitmap_offset, chunks) if at]
        for region in found:
            if region.offset < MIB or region.end > source.size_bytes:
                what = f"a sector bitmap lies at {region.offset}, outside of it"
                raise self._damage(source, what)
        return found

    @staticmethod
    def _damage(source: ByteSource, what: str) -> DamagedDataError:
        return DamagedDataError(
            f"{name_of(source)}: block table is damaged: {what}",
            hint="The file is truncated or damaged: take the disk from another copy.",
        )


def _unpack_entries(raw: bytes) -> array[int]:
    entries = array("Q", raw)
    if sys.byteorder == "big":
        entries.byteswap()
    return entries


def pack_entries(entries: Iterable[int]) -> bytes:
    """Return table entries as they lie in the file."""
    packed = array("Q", entries)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _first_shared(starts: list[int], ends: list[int]) -> int | None:
    """Return an offset that two of the ranges share, or None when all are apart.

    Ranges are apart exactly when, both sides sorted on their own, each end is at or before the
    next start; that holds for millions of blocks without pairing them up again.
    """
    starts.sort()
    ends.sort()
    following = itertools.islice(starts, 1, None)
    return next(
        (right for left, right in zip(ends, following, strict=False) if left > right), None
    )
