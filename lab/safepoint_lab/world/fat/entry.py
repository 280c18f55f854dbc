"""Directory entries: 32 bytes each, 8.3 names in upper case only."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["ENTRY_BYTES", "Entry", "short_name"]

ENTRY_BYTES = 32
_ENTRY = struct.Struct("<11sBBBHHHHHHHI")
_DIRECTORY = 0x10
_ARCHIVE = 0x20
# 2026-01-01 12:00: fixed, so that the same seed gives the same bytes.
_DATE = (2026 - 1980) << 9 | 1 << 5 | 1
_TIME = 12 << 11


@dataclass(slots=True)
class Entry:
    """One file or directory; `raw_name` is the padded 11-byte form."""

    raw_name: bytes
    is_directory: bool
    first_cluster: int
    size_bytes: int

    @property
    def name(self) -> str:
        """The readable name, ``BANK.DAT``."""
        base = self.raw_name[:8].decode("ascii").rstrip()
        extension = self.raw_name[8:].decode("ascii").rstrip()
        return f"{base}.{extension}" if extension else base

    def to_bytes(self) -> bytes:
        """Return the 32 bytes on the disk."""
        attributes = _DIRECTORY if self.is_directory else _ARCHIVE
        return _ENTRY.pack(
            *(self.raw_name, attributes, 0, 0, _TIME, _DATE, _DATE),
            *(self.first_cluster >> 16, _TIME, _DATE, self.first_cluster & 0xFFFF),
            0 if self.is_directory else self.size_bytes,
        )

    @classmethod
    def parse(cls, data: bytes) -> Entry | None:
        """Return the entry, or None for a free slot or one we do not read (long name, label)."""
        fields = _ENTRY.unpack(data)
        if data[0] in (0, 0xE5) or fields[1] & 0x08:
            return None
        cluster = fields[7] << 16 | fields[10]
        return cls(fields[0], bool(fields[1] & _DIRECTORY), cluster, fields[11])


def short_name(name: str) -> bytes:
    """Return the padded 11-byte form of an 8.3 name; ValueError when it does not fit."""
    base, _, extension = name.upper().partition(".")
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-~$")
    if not 1 <= len(base) <= 8 or len(extension) > 3 or not set(base + extension) <= allowed:
        message = f"'{name}' is no 8.3 file name"
        raise ValueError(message)
    return base.ljust(8).encode() + extension.ljust(3).encode()
