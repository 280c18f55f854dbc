"""The few file operations a repository is made of, as a port.

Every byte and every name of a repository goes through a `FileSystem`, so tests can stop the
world between any two operations, fill the disk or lose power.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from typing_extensions import Buffer, override

from safepoint_native.sources.os_errors import os_errors

__all__ = ["FileSystem", "LocalFileSystem", "ReadableFile", "WritableFile"]

_BINARY = getattr(os, "O_BINARY", 0)
#: What file systems answer that cannot sync a folder, such as CIFS and some in user space.
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})
_HAS_POSITIONED = hasattr(os, "pread") and hasattr(os, "pwritev")


class ReadableFile(Protocol):
    """An open file; any number of threads may read at the same time."""

    @property
    def size_bytes(self) -> int:
        """The size when it was opened."""

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return `length` bytes, or fewer when the file ends before."""

    def close(self) -> None:
        """Close it; twice is harmless."""


class WritableFile(Protocol):
    """A file being written; threads may write to different places at the same time."""

    def write_at(self, offset: int, parts: Sequence[Buffer], /) -> None:
        """Write the parts one behind the other, beginning at `offset`."""

    def sync(self) -> None:
        """Return once everything written is on stable storage."""

    def close(self) -> None:
        """Close it; twice is harmless."""


class FileSystem(Protocol):
    """What a repository needs from a folder. Failures are `safepoint.errors.DriverError`s."""

    def create(self, path: Path, /) -> WritableFile:
        """Create a file that must not exist yet."""

    def open(self, path: Path, /) -> ReadableFile:
        """Open a file for reading."""

    def rename(self, source: Path, target: Path, /) -> None:
        """Give a file another name, atomically; a target that exists is replaced."""

    def remove(self, path: Path, /) -> None:
        """Remove a file; one that is gone already is not an error."""

    def make_directory(self, path: Path, /) -> None:
        """Create a folder and its parents, durably; one that exists is not an error."""

    def sync_directory(self, path: Path, /) -> None:
        """Make the names in a folder durable, where the platform knows such a thing."""

    def names(self, path: Path, /) -> list[str]:
        """Return the sorted names in a folder; a missing folder has none."""

    def exists(self, path: Path, /) -> bool:
        """Tell whether a file or folder is there."""

    def size_bytes(self, path: Path, /) -> int:
        """Return the size of a file."""

    def modified_seconds(self, path: Path, /) -> float:
        """Return the time of the last change, in seconds since 1970."""

    def free_bytes(self, path: Path, /) -> int:
        """Return the room that is left where a path lies."""


class _LocalFile:
    """A file descriptor with positioned reads and writes, emulated where the platform has none."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._seek_lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        with os_errors("look at", self._path):
            return os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, length: int, /) -> bytes:
        with os_errors("read", self._path):
            data = self._read_some(offset, length)
            while len(data) < length:
                more = self._read_some(offset + len(data), length - len(data))
                if not more:
                    break
                data += more
            return data

    def write_at(self, offset: int, parts: Sequence[Buffer], /) -> None:
        with os_errors("write", self._path):
            if not _HAS_POSITIONED:
                self._seek_and_write(offset, parts)
                return
            total = sum(memoryview(part).nbytes for part in parts)
            done = os.pwritev(self._descriptor, parts, offset)
            if done < total:
                # A short write happens at the edge of a full disk; the next one says why.
                self._write_rest(offset, b"".join(bytes(part) for part in parts), done)

    def sync(self) -> None:
        with os_errors("sync", self._path):
            os.fsync(self._descriptor)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with os_errors("close", self._path):
                os.close(descriptor)

    def _read_some(self, offset: int, length: int) -> bytes:
        if _HAS_POSITIONED:
            return os.pread(self._descriptor, length, offset)
        with self._seek_lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def _write_rest(self, offset: int, data: bytes, done: int) -> None:
        while done < len(data):
            done += os.pwritev(self._descriptor, [memoryview(data)[done:]], offset + done)

    def _seek_and_write(self, offset: int, parts: Sequence[Buffer]) -> None:
        with self._seek_lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            for part in parts:
                view = memoryview(part).cast("B")
                while view:
                    view = view[os.write(self._descriptor, view) :]


class LocalFileSystem(FileSystem):
    """A folder of the operating system: a local disk, or a share that it has mounted."""

    @override
    def create(self, path: Path, /) -> WritableFile:
        with os_errors("create", path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
            return _LocalFile(path, os.open(path, flags, 0o640))

    @override
    def open(self, path: Path, /) -> ReadableFile:
        with os_errors("open", path):
            return _LocalFile(path, os.open(path, os.O_RDONLY | _BINARY))

    @override
    def rename(self, source: Path, target: Path, /) -> None:
        with os_errors("rename", source):
            source.replace(target)

    @override
    def remove(self, path: Path, /) -> None:
        with os_errors("remove", path):
            path.unlink(missing_ok=True)

    @override
    def make_directory(self, path: Path, /) -> None:
        with os_errors("create folder", path):
            missing = [folder for folder in (path, *path.parents) if not folder.exists()]
            path.mkdir(parents=True, exist_ok=True)
        for folder in reversed(missing):
            self.sync_directory(folder.parent)

    @override
    def sync_directory(self, path: Path, /) -> None:
        if os.name == "nt":  # Windows cannot open a folder for syncing; NTFS journals names.
            return
        with os_errors("sync folder", path):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except PermissionError:  # may be written to, but not read: then it cannot be synced
                return
            try:
                os.fsync(descriptor)
            except OSError as error:
                if error.errno not in _CANNOT_SYNC:
                    raise
            finally:
                os.close(descriptor)

    @override
    def names(self, path: Path, /) -> list[str]:
        with os_errors("list", path):
            try:
                return sorted(entry.name for entry in path.iterdir())
            except FileNotFoundError:
                return []

    @override
    def exists(self, path: Path, /) -> bool:
        with os_errors("look at", path):
            return path.exists()

    @override
    def size_bytes(self, path: Path, /) -> int:
        with os_errors("look at", path):
            return path.stat().st_size

    @override
    def modified_seconds(self, path: Path, /) -> float:
        with os_errors("look at", path):
            return path.stat().st_mtime

    @override
    def free_bytes(self, path: Path, /) -> int:
        with os_errors("look at", path):
            return shutil.disk_usage(path).free
