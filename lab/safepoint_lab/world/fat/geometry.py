"""Where things lie on a FAT volume: planning, boot sector, partition table.

The layout follows the published FAT specification: FAT16 has 4085 to 65524 clusters and a root
directory of fixed size, FAT32 has more clusters and a root directory in clusters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["PARTITION_OFFSET", "SECTOR_BYTES", "Geometry", "boot_sector", "mbr", "parse", "plan"]

SECTOR_BYTES = 512
PARTITION_OFFSET = 1 << 20
_FAT16_MIN = 4085
_FAT32_MIN = 65525
_ROOT_ENTRIES = 512
_FAT32_RESERVED = 32
_MEDIA = 0xF8
_BOOT = struct.Struct("<3s8sHBHBHHBHHHII")
_TAIL16 = struct.Struct("<BBBI11s8s")
_TAIL32 = struct.Struct("<IHHIHH12sBBBI11s8s")


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of one volume, all in sectors relative to the start of the partition."""

    bits: int
    total_sectors: int
    sectors_per_cluster: int
    reserved_sectors: int
    fat_sectors: int
    root_entries: int
    serial: int

    @property
    def root_start(self) -> int:
        """First sector of the fixed root directory (FAT16)."""
        return self.reserved_sectors + 2 * self.fat_sectors

    @property
    def data_start(self) -> int:
        """First sector of cluster 2."""
        return self.root_start + self.root_entries * 32 // SECTOR_BYTES

    @property
    def cluster_count(self) -> int:
        """Number of data clusters."""
        return (self.total_sectors - self.data_start) // self.sectors_per_cluster

    @property
    def cluster_bytes(self) -> int:
        """Size of one cluster."""
        return self.sectors_per_cluster * SECTOR_BYTES

    def cluster_offset(self, cluster: int) -> int:
        """Byte offset of a cluster inside the partition."""
        return (self.data_start + (cluster - 2) * self.sectors_per_cluster) * SECTOR_BYTES


def _fat_sectors(available: int, sectors_per_cluster: int, entry_bytes: int) -> int:
    sectors = 1
    while True:
        clusters = (available - 2 * sectors) // sectors_per_cluster
        needed = -(-(clusters + 2) * entry_bytes // SECTOR_BYTES)
        if needed <= sectors:
            return sectors
        sectors = needed


def plan(partition_bytes: int, serial: int) -> Geometry:
    """Choose FAT16 or FAT32 and a cluster size for a partition; data starts 4 KiB aligned.

    Raises:
        ValueError: The partition is too small for FAT16 (about 2.2 MiB).
    """
    total = partition_bytes // SECTOR_BYTES
    per_cluster = 8
    while total // per_cluster < _FAT16_MIN + 256 and per_cluster > 1:
        per_cluster //= 2
    bits = 32 if total // per_cluster >= _FAT32_MIN + 1024 else 16
    reserved = _FAT32_RESERVED if bits == 32 else 1
    root_entries = 0 if bits == 32 else _ROOT_ENTRIES
    root_sectors = root_entries * 32 // SECTOR_BYTES
    fat = _fat_sectors(total - reserved - root_sectors, per_cluster, bits // 8)
    reserved += -(reserved + 2 * fat + root_sectors) % 8
    geometry = Geometry(bits, total, per_cluster, reserved, fat, root_entries, serial)
    low, high = (_FAT32_MIN, 1 << 28) if bits == 32 else (_FAT16_MIN, _FAT32_MIN)
    if not low <= geometry.cluster_count < high:
        message = f"a partition of {partition_bytes} bytes does not fit FAT{bits}"
        raise ValueError(message)
    return geometry


def boot_sector(geometry: Geometry) -> bytes:
    """Return the 512 bytes of the boot sector."""
    fat32 = geometry.bits == 32
    small = geometry.total_sectors if geometry.total_sectors < 1 << 16 and not fat32 else 0
    head = _BOOT.pack(
        b"\xeb\x58\x90" if fat32 else b"\xeb\x3c\x90",
        b"SAFEPNT ",
        SECTOR_BYTES,
        geometry.sectors_per_cluster,
        geometry.reserved_sectors,
        2,
        geometry.root_entries,
        small,
        _MEDIA,
        0 if fat32 else geometry.fat_sectors,
        63,
        255,
        PARTITION_OFFSET // SECTOR_BYTES,
        0 if small else geometry.total_sectors,
    )
    if fat32:
        tail = _TAIL32.pack(
            *(geometry.fat_sectors, 0, 0, 2, 1, 6, bytes(12), 0x80, 0, 0x29, geometry.serial),
            *(b"NO NAME    ", b"FAT32   "),
        )
    else:
        tail = _TAIL16.pack(0x80, 0, 0x29, geometry.serial, b"NO NAME    ", b"FAT16   ")
    return (head + tail).ljust(510, b"\0") + b"\x55\xaa"


def parse(sector: bytes) -> Geometry:
    """Return the geometry that a boot sector describes; ValueError when it is none of ours."""
    if len(sector) != SECTOR_BYTES or sector[510:] != b"\x55\xaa":
        message = "no FAT boot sector here"
        raise ValueError(message)
    fields = _BOOT.unpack_from(sector)
    per_cluster, reserved, root_entries, small, fat16, large = (
        *fields[3:5],
        *fields[6:8],
        fields[9],
        fields[13],
    )
    if fields[2] != SECTOR_BYTES or not per_cluster or fields[5] != 2:
        message = "the boot sector does not describe a FAT volume"
        raise ValueError(message)
    if fat16:
        serial = _TAIL16.unpack_from(sector, _BOOT.size)[3]
        bits, fat = 16, fat16
    else:
        tail = _TAIL32.unpack_from(sector, _BOOT.size)
        bits, fat, serial = 32, tail[0], tail[10]
    return Geometry(bits, small or large, per_cluster, reserved, fat, root_entries, serial)


def mbr(disk_bytes: int, geometry: Geometry, signature: int) -> bytes:
    """Return a master boot record with one active FAT partition at 1 MiB."""
    kind = 0x0C if geometry.bits == 32 else 0x06
    chs = b"\xfe\xff\xff"
    first = PARTITION_OFFSET // SECTOR_BYTES
    count = disk_bytes // SECTOR_BYTES - first
    entry = struct.pack("<B3sB3sII", 0x80, chs, kind, chs, first, count)
    head = bytes(440) + struct.pack("<IH", signature & 0xFFFFFFFF, 0)
    return head + entry + bytes(48) + b"\x55\xaa"
