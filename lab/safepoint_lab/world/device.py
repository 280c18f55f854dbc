"""Random-access bytes as a guest sees a disk: the seam between file systems and disk files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

__all__ = ["BlockDevice", "RawFile"]


class BlockDevice(Protocol):
    """A disk of fixed size that can be read and written anywhere."""

    @property
    def size_bytes(self) -> int:
        """Size of the disk."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`."""
        ...

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`; it must lie inside the disk."""
        ...


class RawFile:
    """A raw disk image in a sparse file. Created with `size_bytes` when it does not exist.

    Not safe for concurrent use: the owner serialises access.
    """

    def __init__(self, path: Path, size_bytes: int | None = None) -> None:
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
        if size_bytes is not None:
            flags |= os.O_CREAT
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        if size_bytes is not None and os.fstat(self._file.fileno()).st_size != size_bytes:
            self._file.truncate(size_bytes)
        self._size = os.fstat(self._file.fileno()).st_size

    @property
    def size_bytes(self) -> int:
        """Size of the image."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes; EOFError beyond the end."""
        self._file.seek(offset)
        data = self._file.read(length)
        if data is None or len(data) != length:
            message = f"raw image ends before {offset}+{length}"
            raise EOFError(message)
        return data

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        if offset + len(data) > self._size:
            message = f"write of {len(data)} bytes at {offset} leaves the disk of {self._size}"
            raise ValueError(message)
        self._file.seek(offset)
        self._file.write(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
