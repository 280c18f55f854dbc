"""The port through which files of a share are reached, whatever carries the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from typing_extensions import Buffer

from safepoint_native.vhdx import ByteSource

__all__ = [
    "ByteSink",
    "DuplicableSource",
    "PendingRead",
    "PipelinedSource",
    "ShareAccess",
    "ShareEntry",
]


@runtime_checkable
class DuplicableSource(Protocol):
    """A source that serves several threads better through handles of their own."""

    def duplicate(self) -> ByteSource:
        """Open the same file once more; the caller closes it."""


class PendingRead(Protocol):
    """A read that was asked for."""

    def wait(self) -> None:
        """Return once the buffer is filled.

        Raises:
            DriverError: the file cannot be read any more.
        """


@runtime_checkable
class PipelinedSource(Protocol):
    """A source that can have several reads on their way at the same time. For one thread."""

    @property
    def depth(self) -> int:
        """How many reads of 1 MiB to keep on their way."""

    def begin_read(self, offset: int, buffer: memoryview, /) -> PendingRead:
        """Ask for bytes to be put into the buffer, without waiting for them."""


class ByteSink(Protocol):
    """A new file on a share, written at any offset. Threads may share one."""

    def write_at(self, offset: int, data: Buffer, /) -> None:
        """Write all of the data at `offset`."""

    def resize(self, size_bytes: int, /) -> None:
        """Set the length of the file."""

    def sync(self) -> None:
        """Wait until everything written is on stable storage."""

    def close(self) -> None:
        """Put everything on stable storage and close; may be called twice."""


class ShareEntry(NamedTuple):
    """A name in a folder of a share."""

    name: str
    is_directory: bool
    size_bytes: int
    modified_seconds: float = 0.0
    """When it was last written, in seconds since 1970 by the file server's clock; 0 unknown."""


class ShareAccess(Protocol):
    r"""Files by UNC path, ``\\server\share\folder\file``.

    Every method raises `safepoint.errors.DriverError` kinds that name share and path:
    NotFoundError, PermissionDeniedError, AuthenticationError, UnreachableError, BusyError,
    ConflictError, StorageFullError.
    """

    def open(self, path: str, /) -> ByteSource:
        """Open a file for random reads; others may keep reading and writing it."""

    def create(self, path: str, /) -> ByteSink:
        """Create a file that must not exist, for positioned writes."""

    def read_file(self, path: str, /) -> bytes:
        """Return all bytes of a small file."""

    def write_file(self, path: str, data: bytes, /) -> None:
        """Create a file, which must not exist, with these bytes, durably."""

    def exists(self, path: str, /) -> bool:
        """Tell whether a file or folder is there. An unreachable share raises."""

    def entries(self, path: str, /) -> Sequence[ShareEntry]:
        """List a folder, sorted by name."""

    def make_directory(self, path: str, /) -> None:
        """Create a folder and its parents; one that exists is not an error."""

    def rename(self, source: str, target: str, /) -> None:
        """Rename within a share; a target that exists is a ConflictError."""

    def remove(self, path: str, /) -> None:
        """Remove a file or an empty folder."""

    def free_bytes(self, path: str, /) -> int:
        """Return the room that this account may still use where the path lies."""

    def is_writable(self, path: str, /) -> bool:
        """Tell whether this account may add files to a folder; asked for, nothing is written."""

    def close(self) -> None:
        """Let go of every connection; open files are closed by their owners."""
