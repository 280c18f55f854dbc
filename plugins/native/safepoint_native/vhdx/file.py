"""A local file that is read and written at offsets."""

from __future__ import annotations

import os
from typing import Protocol, Self

from typing_extensions import Buffer

from safepoint_native.vhdx.source import FileSource

__all__ = ["LocalFile", "Target"]


class Target(Protocol):
    """A file that is written at offsets, wherever it lies; threads may share it."""

    def write_at(self, offset: int, data: Buffer) -> None:
        """Write all of the data."""

    def sync(self) -> None:
        """Wait until everything written is on stable storage."""


class LocalFile(FileSource):
    """A file open for reading and writing; several threads may write at different offsets.

    Open it with `create` or `open_existing`. Used as a context manager it is closed at the end.
    """

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Create a new, empty file; FileExistsError when the path is taken."""
        return cls(path, flags=os.O_RDWR | os.O_CREAT | os.O_EXCL)

    @classmethod
    def open_existing(cls, path: str | os.PathLike[str]) -> Self:
        """Open a file that is there."""
        return cls(path, flags=os.O_RDWR)

    def write_at(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`, extending the file if it ends before."""
        view = memoryview(data).cast("B")
        while view:
            count = self._write_some(offset, view)
            offset, view = offset + count, view[count:]

    def resize(self, size_bytes: int) -> None:
        """Cut or extend the file; what is added reads as zeros and takes no room if possible."""
        with self._lock:
            os.ftruncate(self._handle, size_bytes)

    def sync(self) -> None:
        """Wait until everything written has reached the disk."""
        os.fsync(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_some(self, offset: int, view: memoryview) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._handle, view, offset)
        with self._lock:
            os.lseek(self._handle, offset, os.SEEK_SET)
            return os.write(self._handle, view)
