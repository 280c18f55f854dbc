"""Where things lie in a VHDX file and what they are called: constants of the public format.

All offsets and lengths are bytes. Names follow the published format description (MS-VHDX).
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import google_crc32c

__all__ = [
    "BAT_REGION",
    "FILE_SIGNATURE",
    "HEADER_BYTES",
    "HEADER_OFFSETS",
    "KIB",
    "MAX_BLOCK_BYTES",
    "MAX_DISK_BYTES",
    "METADATA_REGION",
    "MIB",
    "NO_ID",
    "REGION_TABLE_BYTES",
    "REGION_TABLE_OFFSETS",
    "SECTOR_BYTES",
    "checksum",
    "round_up",
    "sealed",
]

KIB: Final = 1024
MIB: Final = 1024 * KIB
SECTOR_BYTES: Final = (512, 4096)
"""The logical and physical sector sizes that the format knows."""

FILE_SIGNATURE: Final = b"vhdxfile"
HEADER_OFFSETS: Final = (64 * KIB, 128 * KIB)
HEADER_BYTES: Final = 4 * KIB
REGION_TABLE_OFFSETS: Final = (192 * KIB, 256 * KIB)
REGION_TABLE_BYTES: Final = 64 * KIB
MAX_BLOCK_BYTES: Final = 256 * MIB
MAX_DISK_BYTES: Final = 64 * MIB * MIB

NO_ID: Final = UUID(int=0)
BAT_REGION: Final = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA_REGION: Final = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")

_CHECKSUM_FIELD: Final = slice(4, 8)


def round_up(value: int, step: int) -> int:
    """Return the smallest multiple of `step` that is not below `value`."""
    return -(-value // step) * step


def checksum(raw: bytes) -> int:
    """Return the CRC-32C of a structure whose bytes 4 to 8 (its checksum) count as zeros."""
    return int(google_crc32c.value(raw[: _CHECKSUM_FIELD.start] + bytes(4) + raw[8:]))


def sealed(raw: bytes) -> bytes:
    """Return a structure with its checksum put into bytes 4 to 8."""
    return raw[: _CHECKSUM_FIELD.start] + checksum(raw).to_bytes(4, "little") + raw[8:]
