"""The file allocation table: chains of clusters, both copies kept equal on the disk."""

from __future__ import annotations

import sys
from array import array

from safepoint_lab.world.device import BlockDevice
from safepoint_lab.world.fat.geometry import SECTOR_BYTES, Geometry

__all__ = ["AllocationTable"]


class AllocationTable:
    """The table in memory; `flush` writes the sectors that changed to both copies.

    `base` is the byte offset of the partition on the device.
    """

    def __init__(self, device: BlockDevice, base: int, geometry: Geometry) -> None:
        self._device = device
        self._geometry = geometry
        self._start = base + geometry.reserved_sectors * SECTOR_BYTES
        self._entries = array("H" if geometry.bits == 16 else "I")
        self._dirty: set[int] = set()
        self._hint = 2

    @property
    def end_mark(self) -> int:
        """The value that ends a chain."""
        return 0xFFFF if self._geometry.bits == 16 else 0x0FFFFFFF

    def create(self) -> None:
        """Start an empty table (in memory; flush writes what is not zero)."""
        size = self._geometry.fat_sectors * SECTOR_BYTES // self._entries.itemsize
        self._entries.frombytes(bytes(size * self._entries.itemsize))
        self._set(0, self.end_mark & ~0xFF | 0xF8)
        self._set(1, self.end_mark)

    def load(self) -> None:
        """Read the first copy from the device."""
        data = self._device.read_at(self._start, self._geometry.fat_sectors * SECTOR_BYTES)
        self._entries.frombytes(data)
        if sys.byteorder == "big":
            self._entries.byteswap()

    def chain(self, first: int) -> list[int]:
        """Return the clusters of a chain; ValueError when it is broken or circular."""
        clusters = [first]
        while (following := self._entries[clusters[-1]]) < (self.end_mark & ~0x7):
            if following < 2 or len(clusters) > self._geometry.cluster_count:
                message = f"cluster chain of {first} is broken"
                raise ValueError(message)
            clusters.append(following)
        return clusters

    def allocate(self, count: int) -> int:
        """Allocate `count` contiguous clusters as one chain and return the first.

        Raises:
            OSError: There is no such run of free clusters (the volume is full).
        """
        first = self._find_run(count)
        for cluster in range(first, first + count - 1):
            self._set(cluster, cluster + 1)
        self._set(first + count - 1, self.end_mark)
        self._hint = first + count
        return first

    def free(self, first: int) -> None:
        """Give the clusters of a chain back."""
        for cluster in self.chain(first):
            self._set(cluster, 0)
        self._hint = 2

    def extend(self, last: int, cluster: int) -> None:
        """Append an allocated cluster to the chain that ends in `last`."""
        self._set(last, cluster)

    def free_count(self) -> int:
        """Return the number of free clusters."""
        return self._entries[2 : self._geometry.cluster_count + 2].count(0)

    def flush(self) -> None:
        """Write changed sectors to both copies."""
        per_sector = SECTOR_BYTES // self._entries.itemsize
        for sector in sorted(self._dirty):
            piece = self._entries[sector * per_sector : (sector + 1) * per_sector]
            if sys.byteorder == "big":
                piece.byteswap()
            for copy in range(2):
                place = copy * self._geometry.fat_sectors + sector
                self._device.write_at(self._start + place * SECTOR_BYTES, piece.tobytes())
        self._dirty.clear()

    def _set(self, cluster: int, value: int) -> None:
        self._entries[cluster] = value
        self._dirty.add(cluster * self._entries.itemsize // SECTOR_BYTES)

    def _find_run(self, count: int) -> int:
        end = self._geometry.cluster_count + 2
        for start in (self._hint, 2):
            run = 0
            for cluster in range(start, end):
                run = run + 1 if self._entries[cluster] == 0 else 0
                if run == count:
                    return cluster - count + 1
        message = f"no {count} contiguous free clusters on the guest's volume"
        raise OSError(28, message)
