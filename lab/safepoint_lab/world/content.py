"""What lies on a lab disk when it is new: an application, bulk data, a host name.

Everything is a function of size, role, variant and seed, so templates can be shared: VMs of one
template differ only in their host name until their guests run.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from enum import StrEnum

from blake3 import blake3

from safepoint_lab.world.bank import PAGE_BYTES, new_bank
from safepoint_lab.world.device import BlockDevice
from safepoint_lab.world.fat import FatVolume

__all__ = [
    "BANK_PATH",
    "HOSTNAME_PATH",
    "MANIFEST_PATH",
    "TRAIL_PATH",
    "VERSION_PATH",
    "DiskRole",
    "Recipe",
    "manifest_of",
    "module_paths",
    "name_guest",
    "write_content",
]

BANK_PATH = "/APP/BANK.DAT"
VERSION_PATH = "/APP/VERSION.TXT"
MANIFEST_PATH = "/APP/MANIFEST.TXT"
TRAIL_PATH = "/DATA/TRAIL.DAT"
HOSTNAME_PATH = "/SYSTEM/HOSTNAME.TXT"
_MODULES = 8
_MODULE_BYTES = 12 * 1024
_NAME_BYTES = 64
_BULK_FILE_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_TEXT = b"2026-01-12T22:00:01Z INFO ledger: posting accepted, balance unchanged, id=0000000 ok\n"


class DiskRole(StrEnum):
    """What a disk is for: the first disk carries system and application, others data."""

    SYSTEM = "system"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the bytes of a new disk. `bulk_bytes` is a wish, not a must."""

    role: DiskRole
    size_bytes: int
    bulk_bytes: int
    variant: int
    seed: int

    @property
    def key(self) -> str:
        """A file name for the template."""
        return f"{self.role}-{self.size_bytes}-{self.bulk_bytes}-{self.variant}-{self.seed}"


def write_content(device: BlockDevice, recipe: Recipe) -> None:
    """Fill an all-zero disk by its recipe."""
    rng = random.Random(recipe.key)  # noqa: S311 - reproducible bytes, no secret
    volume = FatVolume.format(device, serial=rng.getrandbits(32))
    if recipe.role is DiskRole.SYSTEM:
        _write_application(volume, rng)
    volume.make_directory("/DATA")
    if recipe.role is DiskRole.DATA:
        pages = 256 if recipe.size_bytes >= 32 << 20 else 16
        volume.write_file(TRAIL_PATH, bytes([0x2E]) * (pages * PAGE_BYTES))
    _write_bulk(device, volume, recipe)


def name_guest(device: BlockDevice, name: str) -> None:
    """Write the VM's name into the guest (system disks), always with the same length."""
    text = name.encode("ascii", "replace")[: _NAME_BYTES - 1].ljust(_NAME_BYTES - 1) + b"\n"
    FatVolume.open(device).write_file(HOSTNAME_PATH, text)


def module_paths() -> list[str]:
    """Return the files of the application that its manifest covers."""
    return [f"/APP/MODULE{number:02}.BIN" for number in range(_MODULES)]


def manifest_of(modules: dict[str, bytes]) -> bytes:
    """Return the manifest of module files: one ``path size crc32`` a line."""
    lines = [f"{path} {len(data)} {zlib.crc32(data):08x}\n" for path, data in modules.items()]
    return "".join(lines).encode()


def _write_application(volume: FatVolume, rng: random.Random) -> None:
    volume.make_directory("/SYSTEM")
    volume.write_file(HOSTNAME_PATH, b" " * (_NAME_BYTES - 1) + b"\n")
    volume.make_directory("/APP")
    volume.write_file(VERSION_PATH, b"4.2.0\n")
    volume.write_file("/APP/CONFIG.INI", b"[ledger]\r\nlog-pages=16\r\nquiesce=yes\r\n")
    modules = {path: rng.randbytes(_MODULE_BYTES) for path in module_paths()}
    for path, data in modules.items():
        volume.write_file(path, data)
    volume.write_file(MANIFEST_PATH, manifest_of(modules))
    volume.write_file(BANK_PATH, new_bank(rng).image())


def _write_bulk(device: BlockDevice, volume: FatVolume, recipe: Recipe) -> None:
    left = min(recipe.bulk_bytes, volume.free_bytes - (256 << 10))
    number = 0
    while left >= 4096:
        size = min(left, _BULK_FILE_BYTES)
        extent = volume.create_file(f"/DATA/BULK{number:03}.BIN", size)
        for at in range(0, size, _CHUNK_BYTES):
            length = min(_CHUNK_BYTES, size - at)
            device.write_at(extent.offset + at, _bulk(f"{recipe.key}/{number}/{at}", length))
        left -= size
        number += 1


def _bulk(key: str, length: int) -> bytes:
    """Return about half compressible bytes: log lines and noise by turns of 2 KiB."""
    noise = blake3(key.encode()).digest(length=length // 2 + 2048)
    text = (_TEXT * (2048 // len(_TEXT) + 1))[:2048]
    pieces = (noise[at : at + 2048] + text for at in range(0, length // 2 + 1, 2048))
    return b"".join(pieces)[:length]
