"""Random-access bytes: the port through which the VHDX code reads, and its local file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from safepoint.errors import DamagedDataError

__all__ = ["ByteSource", "FileSource", "name_of"]

_BINARY = getattr(os, "O_BINARY", 0)


@runtime_checkable
class ByteSource(Protocol):
    """Bytes that can be read at any offset: a local file, an SMB handle, a buffer in a test.

    An implementation may be read by several threads at once. It may have an attribute `name`,
    which then stands in error messages.
    """

    @property
    def size_bytes(self) -> int:
        """The number of bytes there are."""

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return exactly `length` bytes; DamagedDataError or OSError when there are fewer."""

    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        """Fill the whole of `buffer`; DamagedDataError or OSError when that cannot be."""

    def close(self) -> None:
        """Let go of the bytes; may be called twice."""


def name_of(source: ByteSource) -> str:
    """Return what to call a source in an error message."""
    return str(getattr(source, "name", None) or type(source).__name__)


class FileSource:
    """A file on a path, read at offsets without a shared position.

    Uses `os.preadv` into the caller's buffer where the system has it, else seek and read under
    a lock. `size_bytes` asks the system each time, so a file that grows is seen to grow.
    """

    def __init__(self, path: str | os.PathLike[str], *, flags: int = os.O_RDONLY) -> None:
        self.name = os.fspath(path)
        self._handle = os.open(path, flags | _BINARY, 0o666)
        self._lock = threading.Lock()
        self._read_some: Callable[[int, memoryview], int] = (
            self._preadv if hasattr(os, "preadv") else self._seek_and_read
        )

    @property
    def size_bytes(self) -> int:
        """The size of the file now."""
        return os.fstat(self._handle).st_size

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return exactly `length` bytes from `offset`, else DamagedDataError."""
        if length < 0 or offset < 0 or offset + length > self.size_bytes:
            raise self._short(offset, length)
        buffer = bytearray(length)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        """Fill `buffer` from `offset`, else DamagedDataError."""
        done = 0
        while done < len(buffer):
            count = self._read_some(offset + done, buffer[done:])
            if count <= 0:
                raise self._short(offset, len(buffer))
            done += count

    def close(self) -> None:
        """Close the file; does nothing the second time."""
        with self._lock:
            handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _preadv(self, offset: int, buffer: memoryview) -> int:
        return os.preadv(self._handle, [buffer], offset)

    def _seek_and_read(self, offset: int, buffer: memoryview) -> int:
        with self._lock:
            os.lseek(self._handle, offset, os.SEEK_SET)
            piece = os.read(self._handle, len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def _short(self, offset: int, length: int) -> DamagedDataError:
        return DamagedDataError(
            f"{self.name}: {length} bytes at offset {offset} are not there: "
            f"the file has {self.size_bytes} bytes",
            hint="The file is truncated or its structures point outside of it.",
        )
