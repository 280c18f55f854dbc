"""What a virtual disk is: kind, sizes, identity, parent, and the arithmetic of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid4

from safepoint_native.vhdx.layout import MAX_BLOCK_BYTES, MAX_DISK_BYTES, MIB, SECTOR_BYTES
from safepoint_native.vhdx.parent import ParentLocator

__all__ = ["Disk", "DiskKind"]

_SECTORS_PER_BITMAP = 8 * MIB


class DiskKind(StrEnum):
    """How a file holds its disk: all of it, the blocks once written, or changes to a parent."""

    FIXED = "fixed"
    DYNAMIC = "dynamic"
    DIFFERENCING = "differencing"


@dataclass(frozen=True, slots=True)
class Disk:
    """The parameters of one virtual disk; sizes in bytes.

    Payload blocks are numbered from 0. The block allocation table holds, after every
    `chunk_blocks` payload entries, one entry for the sector bitmap of these blocks.
    """

    kind: DiskKind
    size_bytes: int
    block_bytes: int = 2 * MIB
    logical_sector_bytes: int = 512
    physical_sector_bytes: int = 4096
    disk_id: UUID = field(default_factory=uuid4)
    parent: ParentLocator | None = None

    def problem(self) -> str | None:
        """Say why no such disk can exist, or None when it can."""
        block, sector = self.block_bytes, self.logical_sector_bytes
        if sector not in SECTOR_BYTES or self.physical_sector_bytes not in SECTOR_BYTES:
            sizes = f"{sector} and {self.physical_sector_bytes}"
            return f"sector sizes of {sizes} bytes are not 512 or 4096"
        if not MIB <= block <= MAX_BLOCK_BYTES or block & (block - 1):
            return f"block size of {block} bytes is no power of two from 1 to 256 MiB"
        if not 0 < self.size_bytes <= MAX_DISK_BYTES or self.size_bytes % sector:
            return f"disk size of {self.size_bytes} bytes is no number of sectors up to 64 TiB"
        if (self.kind is DiskKind.DIFFERENCING) != (self.parent is not None):
            return f"a {self.kind} disk and its parent locator contradict each other"
        return None

    @property
    def block_count(self) -> int:
        """The number of payload blocks; the last one may reach beyond the disk."""
        return -(-self.size_bytes // self.block_bytes)

    @property
    def chunk_blocks(self) -> int:
        """The number of payload blocks that share one sector bitmap."""
        return _SECTORS_PER_BITMAP * self.logical_sector_bytes // self.block_bytes

    @property
    def bat_entries(self) -> int:
        """The number of entries that the block allocation table must have."""
        if self.kind is DiskKind.DIFFERENCING:
            return -(-self.block_count // self.chunk_blocks) * (self.chunk_blocks + 1)
        return self.block_count + (self.block_count - 1) // self.chunk_blocks

    def payload_entry(self, block: int) -> int:
        """Return the index in the table of a payload block's entry."""
        return block + block // self.chunk_blocks

    def bitmap_entry(self, chunk: int) -> int:
        """Return the index in the table of a chunk's sector bitmap entry."""
        return (chunk + 1) * (self.chunk_blocks + 1) - 1

    def used_bytes(self, block: int) -> int:
        """Return how much of a payload block lies inside of the disk."""
        return min(self.block_bytes, self.size_bytes - block * self.block_bytes)
