"""Files opened over SMB: sources with several reads on their way, and sinks."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Any

from smbprotocol.exceptions import EndOfFile
from typing_extensions import Buffer, override

from safepoint.errors import ConflictError, DamagedDataError, UnreachableError
from safepoint_native.sources import smb_library as library
from safepoint_native.sources.port import (
    ByteSink,
    DuplicableSource,
    PendingRead,
    PipelinedSource,
)
from safepoint_native.sources.smb_errors import smb_errors
from safepoint_native.sources.smb_link import Link
from safepoint_native.sources.unc import UncPath
from safepoint_native.vhdx import ByteSource

__all__ = ["SmbSink", "SmbSource", "open_handle", "set_info"]

_SHARE_ALL = (
    library.ShareMode.FILE_SHARE_READ
    | library.ShareMode.FILE_SHARE_WRITE
    | library.ShareMode.FILE_SHARE_DELETE
)
_HEADER_BYTES = 64
#: structure size, data offset from the SMB 2 header, reserved, data length ([MS-SMB2] 2.2.20).
_READ_REPLY = struct.Struct("<HBBI")


def open_handle(
    link: Link,
    path: UncPath,
    access: int,
    *,
    disposition: int = library.CreateDisposition.FILE_OPEN,
    options: int = 0,
    share: int = _SHARE_ALL,
) -> Any:
    """Open a file or folder. By default whoever else has it open may go on as before."""
    handle = library.Open(link.tree, path.inner)
    attributes = library.FileAttributes.FILE_ATTRIBUTE_NORMAL
    if options & library.CreateOptions.FILE_DIRECTORY_FILE:
        attributes = library.FileAttributes.FILE_ATTRIBUTE_DIRECTORY
    level = library.ImpersonationLevel.Impersonation
    handle.create(level, access, attributes, share, disposition, options)
    return handle


def set_info(link: Link, handle: Any, info: Any) -> None:
    """Change a property of an open file."""
    request = library.SetInfoRequest()
    request["info_type"] = info.INFO_TYPE
    request["file_info_class"] = info.INFO_CLASS
    request["file_id"] = handle.file_id
    request["buffer"] = info.pack()
    link.receive(link.send(request))


class _PendingRead:
    """The requests that together fill one buffer."""

    def __init__(self, source: SmbSource, generation: int) -> None:
        self._source = source
        self._generation = generation
        self._chunks: list[tuple[Any, int, memoryview]] = []

    def add(self, request: Any, offset: int, target: memoryview) -> None:
        self._chunks.append((request, offset, target))

    def wait(self) -> None:
        for request, offset, target in self._chunks:
            self._source.collect(request, self._generation, offset, target)
        self._chunks.clear()


class SmbSource(ByteSource, DuplicableSource, PipelinedSource):
    """A file on a share, opened for reading while others may write it.

    Meant for files that no longer change, as a checkpoint leaves them: when the connection
    breaks it is opened again, once for every read, provided size and time of last change are
    still the same.
    """

    def __init__(
        self, path: UncPath, connect: Callable[[], Link], link: Link, *, depth: int, owns: bool
    ) -> None:
        self._path = path
        self._connect = connect
        self._link = link
        self._owns = owns
        self._depth = depth
        self._lock = threading.Lock()
        self._generation = 0
        self._is_open = True
        with smb_errors("open", path):
            self._handle = self._open(link)
        self._size_bytes = int(self._handle.end_of_file)
        self._changed_at = self._handle.last_write_time

    @property
    def name(self) -> str:
        """The UNC path, for messages."""
        return str(self._path)

    @property
    @override
    def size_bytes(self) -> int:
        return self._size_bytes

    @property
    @override
    def depth(self) -> int:
        return self._depth

    @override
    def read_at(self, offset: int, length: int, /) -> bytes:
        buffer = bytearray(length)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    @override
    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        self.begin_read(offset, buffer).wait()

    @override
    def begin_read(self, offset: int, buffer: memoryview, /) -> PendingRead:
        if offset < 0 or offset + len(buffer) > self._size_bytes:
            msg = f"{self._path}: {len(buffer)} bytes at {offset} are not there"
            hint = f"The file has {self._size_bytes} bytes; it is cut off."
            raise DamagedDataError(msg, hint=hint)
        pending = _PendingRead(self, self._generation)
        step = self._link.chunk_bytes
        for at in range(0, len(buffer), step):
            target = buffer[at : at + step]
            try:
                request = self._send(offset + at, len(target))
            except UnreachableError:
                request = None  # `collect` opens the file again and asks once more
            pending.add(request, offset + at, target)
        return pending

    def collect(self, request: Any, generation: int, offset: int, target: memoryview) -> None:
        """Wait for one answer and put it into place; a broken connection is repaired once."""
        if request is not None and generation == self._generation:
            try:
                self._receive(request, offset, target)
            except UnreachableError:
                self._repair(generation)
            else:
                return
        elif generation == self._generation:
            self._repair(generation)
        self._receive(self._send(offset, len(target)), offset, target)

    @override
    def duplicate(self) -> SmbSource:
        link = self._connect()
        try:
            return SmbSource(self._path, self._connect, link, depth=self._depth, owns=True)
        except BaseException:
            link.close()
            raise

    @override
    def close(self) -> None:
        with self._lock:
            is_open, self._is_open = self._is_open, False
        if is_open:
            _close_quietly(self._handle, self._link)
            if self._owns:
                self._link.close()

    def _send(self, offset: int, length: int) -> Any:
        with smb_errors("read", self._path):
            message, _ = self._handle.read(offset, length, send=False)
            return self._link.send(message, length)

    def _receive(self, request: Any, offset: int, target: memoryview) -> None:
        with smb_errors("read", self._path):
            body = _body(self._link, request)
        if len(body) < len(target):
            msg = f"{self._path}: ends at {offset + len(body)} while it is read"
            raise DamagedDataError(msg, hint="Something shortens it; it should be frozen.")
        target[:] = body

    def _open(self, link: Link) -> Any:
        access = library.FileAccess
        return open_handle(link, self._path, access.FILE_READ_DATA | access.FILE_READ_ATTRIBUTES)

    def _repair(self, generation: int) -> None:
        """Open the file on a new connection, unless another thread did so already."""
        with self._lock:
            if generation != self._generation:
                return
            link = self._connect()
            try:
                handle = self._reopen(link)
            except BaseException:
                link.close()
                raise
            old, owned = self._link, self._owns
            self._link, self._handle, self._owns = link, handle, True
            self._generation += 1
        if owned:
            old.close()

    def _reopen(self, link: Link) -> Any:
        with smb_errors("open", self._path):
            handle = self._open(link)
        if (handle.end_of_file, handle.last_write_time) != (self._size_bytes, self._changed_at):
            msg = f"{self._path} was changed while the connection to it was lost"
            raise ConflictError(msg, hint="Run the copy again.")
        return handle


def _body(link: Link, request: Any) -> memoryview:
    """Return what a read brought, empty at the end of the file."""
    try:
        reply = link.receive(request)
    except EndOfFile:
        return memoryview(b"")
    _, start, _, length = _READ_REPLY.unpack_from(reply)
    return memoryview(reply)[start - _HEADER_BYTES : start - _HEADER_BYTES + length]


def _close_quietly(handle: Any, link: Link) -> None:
    if link.is_up:
        try:
            with smb_errors("close", handle.file_name):
                handle.close()
        except UnreachableError:
            return  # the server closes what a lost connection leaves open


class SmbSink(ByteSink):
    """A new file on a share. Threads that write at the same time keep the line busy."""

    def __init__(self, path: UncPath, link: Link) -> None:
        self._path = path
        self._link = link
        self._is_open = True
        access = library.FileAccess
        with smb_errors("create", path):
            self._handle = open_handle(
                link,
                path,
                access.GENERIC_WRITE | access.FILE_READ_ATTRIBUTES,
                disposition=library.CreateDisposition.FILE_CREATE,
                options=library.CreateOptions.FILE_NON_DIRECTORY_FILE,
                share=library.ShareMode.FILE_SHARE_READ,
            )

    @override
    def write_at(self, offset: int, data: Buffer, /) -> None:
        view, step = memoryview(data).cast("B"), self._link.chunk_bytes
        with smb_errors("write", self._path):
            for at in range(0, len(view), step):
                self._write(offset + at, bytes(view[at : at + step]))

    @override
    def resize(self, size_bytes: int, /) -> None:
        info = library.FileEndOfFileInformation()
        info["end_of_file"] = size_bytes
        with smb_errors("resize", self._path):
            set_info(self._link, self._handle, info)

    @override
    def sync(self) -> None:
        with smb_errors("flush", self._path):
            self._handle.flush()

    @override
    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            with smb_errors("flush", self._path):
                self._handle.flush()
                self._handle.close()

    def _write(self, offset: int, data: bytes) -> None:
        while data:
            message, unpack = self._handle.write(data, offset, send=False)
            written = unpack(self._link.send(message, len(data)))
            offset, data = offset + written, data[written:]
