"""A FAT volume over any block device: make directories, write, overwrite and read files.

Files are always contiguous, so a file's bytes have one place on the disk. Every operation writes
through to the device before it returns, in the order data, table, directory entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from safepoint_lab.world.device import BlockDevice
from safepoint_lab.world.fat.entry import ENTRY_BYTES, Entry, short_name
from safepoint_lab.world.fat.geometry import (
    PARTITION_OFFSET,
    SECTOR_BYTES,
    Geometry,
    boot_sector,
    mbr,
    parse,
    plan,
)
from safepoint_lab.world.fat.table import AllocationTable

__all__ = ["FatVolume", "FileExtent"]


@dataclass(frozen=True, slots=True)
class FileExtent:
    """Where a file lies: byte offset on the *device* and length of the file."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class _Slot:
    """A directory entry and its byte offset on the device."""

    offset: int
    entry: Entry


class FatVolume:
    """The one partition of a disk. Paths are ``/DIR/NAME.EXT``, upper case."""

    def __init__(self, device: BlockDevice, geometry: Geometry) -> None:
        self._device = device
        self._base = PARTITION_OFFSET
        self._geometry = geometry
        self._table = AllocationTable(device, self._base, geometry)

    @classmethod
    def format(cls, device: BlockDevice, *, serial: int) -> Self:
        """Write partition table and an empty volume. The device must read as zeros."""
        geometry = plan(device.size_bytes - PARTITION_OFFSET, serial & 0xFFFFFFFF)
        device.write_at(0, mbr(device.size_bytes, geometry, serial))
        volume = cls(device, geometry)
        volume._table.create()
        if geometry.bits == 32:
            volume._table.allocate(1)
        volume._write_boot()
        volume._flush()
        return volume

    @classmethod
    def open(cls, device: BlockDevice) -> Self:
        """Open the volume; ValueError when there is none."""
        volume = cls(device, parse(device.read_at(PARTITION_OFFSET, SECTOR_BYTES)))
        volume._table.load()
        return volume

    @property
    def free_bytes(self) -> int:
        """Room left for files."""
        return self._table.free_count() * self._geometry.cluster_bytes

    def make_directory(self, path: str) -> None:
        """Create a directory (its parents must exist); nothing happens when it exists."""
        parent, name = _split(path)
        if self._find(parent, name) is not None:
            return
        cluster = self._table.allocate(1)
        dots = Entry(b".          ", True, cluster, 0).to_bytes()  # noqa: FBT003 - plain record
        up = 0 if parent == "/" else self._directory(parent)
        dots += Entry(b"..         ", True, up, 0).to_bytes()  # noqa: FBT003 - plain record
        self._device.write_at(
            self._place(cluster), dots.ljust(self._geometry.cluster_bytes, b"\0")
        )
        self._flush()
        self._add(parent, Entry(short_name(name), True, cluster, 0))  # noqa: FBT003 - as above

    def create_file(self, path: str, size_bytes: int) -> FileExtent:
        """Create or resize a file without writing its content; return where it lies.

        Raises:
            ValueError: The file would be empty (a guest's files here always have content).
        """
        if size_bytes < 1:
            message = f"{path} would be empty"
            raise ValueError(message)
        parent, name = _split(path)
        clusters = -(-size_bytes // self._geometry.cluster_bytes)
        slot = self._find(parent, name)
        if slot is not None and len(self._table.chain(slot.entry.first_cluster)) == clusters:
            first = slot.entry.first_cluster
        else:
            if slot is not None:
                self._table.free(slot.entry.first_cluster)
            first = self._table.allocate(clusters)
            self._flush()
        entry = Entry(
            short_name(name), is_directory=False, first_cluster=first, size_bytes=size_bytes
        )
        if slot is None:
            self._add(parent, entry)
        else:
            self._device.write_at(slot.offset, entry.to_bytes())
        return FileExtent(self._place(first), size_bytes)

    def write_file(self, path: str, data: bytes) -> None:
        """Create or replace a file; in place when it needs the same number of clusters."""
        extent = self.create_file(path, len(data))
        self._device.write_at(extent.offset, data)

    def locate(self, path: str) -> FileExtent:
        """Return where a file lies; FileNotFoundError, or ValueError when it is fragmented."""
        slot = self._slot(path)
        clusters = self._table.chain(slot.entry.first_cluster)
        if clusters != list(range(clusters[0], clusters[0] + len(clusters))):
            message = f"{path} is fragmented"
            raise ValueError(message)
        return FileExtent(self._place(clusters[0]), slot.entry.size_bytes)

    def read_file(self, path: str) -> bytes:
        """Return a file's content; FileNotFoundError when there is none."""
        slot = self._slot(path)
        size = self._geometry.cluster_bytes
        clusters = self._table.chain(slot.entry.first_cluster)
        data = b"".join(self._device.read_at(self._place(item), size) for item in clusters)
        return data[: slot.entry.size_bytes]

    def names(self, path: str = "/") -> list[str]:
        """Return the names in a directory, sorted, without the dots."""
        return sorted(slot.entry.name for slot in self._slots(path) if slot.entry.name.strip("."))

    def _write_boot(self) -> None:
        sector = boot_sector(self._geometry)
        self._device.write_at(self._base, sector)
        if self._geometry.bits == 32:
            self._device.write_at(self._base + 6 * SECTOR_BYTES, sector)

    def _flush(self) -> None:
        self._table.flush()
        if self._geometry.bits == 32:
            free = self._table.free_count()
            info = struct.pack("<I480xIII12xI", 0x41615252, 0x61417272, free, 2, 0xAA550000)
            for sector in (1, 7):
                self._device.write_at(self._base + sector * SECTOR_BYTES, info)

    def _place(self, cluster: int) -> int:
        return self._base + self._geometry.cluster_offset(cluster)

    def _slot(self, path: str) -> _Slot:
        slot = self._find(*_split(path))
        if slot is None or slot.entry.is_directory:
            message = f"no file {path} on the guest's volume"
            raise FileNotFoundError(message)
        return slot

    def _directory(self, path: str) -> int:
        """Return the first cluster of a directory; 0 is FAT16's fixed root."""
        cluster = 2 if self._geometry.bits == 32 else 0
        walked = "/"
        for name in filter(None, path.split("/")):
            slot = next((s for s in self._slots(walked) if s.entry.name == name.upper()), None)
            if slot is None or not slot.entry.is_directory:
                message = f"no directory {path} on the guest's volume"
                raise FileNotFoundError(message)
            cluster = slot.entry.first_cluster
            walked = f"{walked.rstrip('/')}/{name}"
        return cluster

    def _regions(self, path: str) -> list[tuple[int, int]]:
        """Return the byte ranges on the device that hold a directory's entries."""
        cluster = self._directory(path)
        if cluster == 0:
            start = self._base + self._geometry.root_start * SECTOR_BYTES
            return [(start, self._geometry.root_entries * ENTRY_BYTES)]
        size = self._geometry.cluster_bytes
        return [(self._place(item), size) for item in self._table.chain(cluster)]

    def _raw_entries(self, path: str) -> Iterator[tuple[int, bytes]]:
        for start, length in self._regions(path):
            data = self._device.read_at(start, length)
            for at in range(0, length, ENTRY_BYTES):
                yield start + at, data[at : at + ENTRY_BYTES]

    def _slots(self, path: str) -> Iterator[_Slot]:
        for offset, data in self._raw_entries(path):
            if data[0] == 0:
                return
            entry = Entry.parse(data)
            if entry is not None:
                yield _Slot(offset, entry)

    def _find(self, parent: str, name: str) -> _Slot | None:
        wanted = short_name(name)
        return next((s for s in self._slots(parent) if s.entry.raw_name == wanted), None)

    def _add(self, parent: str, entry: Entry) -> None:
        for offset, data in self._raw_entries(parent):
            if data[0] in (0, 0xE5):
                self._device.write_at(offset, entry.to_bytes())
                return
        self._device.write_at(self._grow(parent), entry.to_bytes())

    def _grow(self, parent: str) -> int:
        """Add a cluster to a directory and return the offset of its first entry."""
        first = self._directory(parent)
        if first == 0:
            message = "the root directory of the guest's volume is full"
            raise OSError(28, message)
        last = self._table.chain(first)[-1]
        cluster = self._table.allocate(1)
        self._table.extend(last, cluster)
        self._device.write_at(self._place(cluster), bytes(self._geometry.cluster_bytes))
        self._flush()
        return self._place(cluster)


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition("/")
    if not name:
        message = f"'{path}' names no file"
        raise ValueError(message)
    return parent or "/", name
