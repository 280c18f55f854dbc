"""The log of changes of one replicated disk: every write of the guest, in order, in one file.

The file lies beside the disk, as a host's ``.hrl`` does. The record format is the lab's own. A
record is written before the disk is; one that a kill cut off is ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ChangeLog"]

_HEAD = struct.Struct("<QI")


class ChangeLog:
    """A log file; made with the first write. The guest's lock serialises all calls."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size_bytes(self) -> int:
        """How much waits to be sent."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, offset: int, data: bytes) -> None:
        """Note one write."""
        with self.path.open("ab", buffering=0) as file:
            file.write(_HEAD.pack(offset, len(data)) + data)

    def read(self) -> bytes:
        """Return everything that waits, as it lies in the file."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""

    def drop(self, length: int) -> None:
        """Forget the first `length` bytes: they have arrived."""
        rest = self.read()[length:]
        if not rest:
            self.path.unlink(missing_ok=True)
            return
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_bytes(rest)
        part.replace(self.path)

    def remove(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)

    @staticmethod
    def changes(data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield offset and content of every whole record."""
        at = 0
        while at + _HEAD.size <= len(data):
            offset, length = _HEAD.unpack_from(data, at)
            content = data[at + _HEAD.size : at + _HEAD.size + length]
            if len(content) < length:
                return
            yield offset, content
            at += _HEAD.size + length
