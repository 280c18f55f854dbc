"""Shares reached by our own SMB 3 client, without anything mounted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from smbprotocol.exceptions import NoMoreFiles
from typing_extensions import override

from safepoint.errors import InvalidRequestError, NotFoundError, PermissionDeniedError
from safepoint.models.systems import ShareServer
from safepoint_native.sources import smb_library as library
from safepoint_native.sources.port import ByteSink, ShareAccess, ShareEntry
from safepoint_native.sources.smb_errors import smb_errors
from safepoint_native.sources.smb_file import SmbSink, SmbSource, open_handle, set_info
from safepoint_native.sources.smb_link import Link
from safepoint_native.sources.unc import UncPath

__all__ = ["SmbShares"]

_ATTRIBUTES = library.FileAccess.FILE_READ_ATTRIBUTES
_DEPTH = 4
_TIMEOUT_SECONDS = 60.0
_FROM_1601_TO_1970 = 11644473600.0


class SmbShares(ShareAccess):
    """One share by SMB 3, signed, encrypted where asked for.

    One connection serves names and small files; a worker that reads in bulk gets one of its
    own through `duplicate`. A connection found broken is replaced at the next call.
    """

    def __init__(
        self,
        root: str,
        server: ShareServer,
        *,
        depth: int = _DEPTH,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        r"""Prepare; nothing is connected before the first call.

        Args:
            root: The share as UNC path, ``\\\\server\\share``.
            server: Where it is and as whom to log in; without a user name as the account that
                runs this process (Kerberos).
            depth: Reads of 1 MiB on their way: 4 in a LAN, 8 at 1 ms round trip, 16 from 5 ms.
            timeout_seconds: How long to wait for one answer.
        """
        self._root = UncPath.parse(root)
        self._server = server
        self._depth = depth
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._shared: Link | None = None

    @override
    def open(self, path: str, /) -> SmbSource:
        unc = self._parse(path)
        return SmbSource(unc, self._connect, self._link(), depth=self._depth, owns=False)

    @override
    def create(self, path: str, /) -> ByteSink:
        return SmbSink(self._parse(path), self._link())

    @override
    def read_file(self, path: str, /) -> bytes:
        source = self.open(path)
        try:
            return source.read_at(0, source.size_bytes)
        finally:
            source.close()

    @override
    def write_file(self, path: str, data: bytes, /) -> None:
        sink = self.create(path)
        try:
            sink.write_at(0, data)
        finally:
            sink.close()

    @override
    def exists(self, path: str, /) -> bool:
        try:
            with self._opened(path, "look at", _ATTRIBUTES):
                return True
        except NotFoundError as error:
            if error.native_code == "0xC00000CC":  # the share itself is not there
                raise
            return False

    @override
    def entries(self, path: str, /) -> Sequence[ShareEntry]:
        access = library.DirectoryAccess.FILE_LIST_DIRECTORY
        options = library.CreateOptions.FILE_DIRECTORY_FILE
        with self._opened(path, "list", access, options=options) as (_, handle):
            return sorted(_entries(handle))

    @override
    def make_directory(self, path: str, /) -> None:
        unc = self._parse(path)
        for folder in [*unc.parents(), unc]:
            with self._opened(
                str(folder),
                "create folder",
                library.DirectoryAccess.FILE_LIST_DIRECTORY,
                disposition=library.CreateDisposition.FILE_OPEN_IF,
                options=library.CreateOptions.FILE_DIRECTORY_FILE,
            ):
                continue

    @override
    def rename(self, source: str, target: str, /) -> None:
        info = library.FileRenameInformation()
        info["replace_if_exists"] = False
        info["file_name"] = self._parse(target).inner
        access = library.FileAccess.DELETE
        with self._opened(source, "rename", access) as (link, handle):
            set_info(link, handle, info)

    @override
    def remove(self, path: str, /) -> None:
        access = library.FileAccess.DELETE
        # FILE_DELETE_ON_CLOSE would leave a folder that is not empty without a word.
        info = library.FileDispositionInformation()
        info["delete_pending"] = True
        with self._opened(path, "remove", access) as (link, handle):
            set_info(link, handle, info)

    @override
    def free_bytes(self, path: str, /) -> int:
        with self._opened(path, "look at", _ATTRIBUTES) as (link, handle):
            info = _query(link, handle, library.FileFsFullSizeInformation())
            unit = info["sectors_per_unit"].get_value() * info["bytes_per_sector"].get_value()
            return int(info["caller_available_units"].get_value() * unit)

    @override
    def is_writable(self, path: str, /) -> bool:
        # Opening with the right to add is refused by the server without it; nothing is added.
        access = library.DirectoryAccess.FILE_ADD_FILE
        options = library.CreateOptions.FILE_DIRECTORY_FILE
        try:
            with self._opened(path, "look at", access, options=options):
                return True
        except PermissionDeniedError:
            return False

    @override
    def close(self) -> None:
        with self._lock:
            link, self._shared = self._shared, None
        if link is not None:
            link.close()

    def _connect(self) -> Link:
        return Link(self._server, self._root, timeout_seconds=self._timeout_seconds)

    def _link(self) -> Link:
        with self._lock:
            if self._shared is None or not self._shared.is_up:
                self._shared = self._connect()
            return self._shared

    def _parse(self, path: str) -> UncPath:
        unc = UncPath.parse(path)
        if unc.folded()[:2] != self._root.folded()[:2]:
            msg = f"{path} does not lie on {self._root.root}"
            raise InvalidRequestError(msg)
        return unc

    @contextmanager
    def _opened(
        self, path: str, operation: str, access: int, **how: int
    ) -> Iterator[tuple[Link, Any]]:
        unc, link = self._parse(path), self._link()
        with smb_errors(operation, unc):
            handle = open_handle(link, unc, access, **how)
            try:
                yield link, handle
            finally:
                handle.close()


def _entries(handle: Any) -> Iterator[ShareEntry]:
    while True:
        try:
            found = handle.query_directory(
                "*", library.FileInformationClass.FILE_DIRECTORY_INFORMATION
            )
        except NoMoreFiles:
            return
        for one in found:
            name = one["file_name"].get_value().decode("utf-16-le")
            if name not in (".", ".."):
                attributes = one["file_attributes"]
                is_folder = attributes.has_flag(library.FileAttributes.FILE_ATTRIBUTE_DIRECTORY)
                size, written = int(one["end_of_file"].get_value()), _seconds(one)
                yield ShareEntry(name, is_folder, size, written)


def _seconds(found: Any) -> float:
    """Return when a file was last written: FILETIME counts 100 ns since 1601."""
    ticks = int.from_bytes(found["last_write_time"].pack(), "little")
    return max(0.0, ticks / 1e7 - _FROM_1601_TO_1970) if ticks else 0.0


def _query(link: Link, handle: Any, info: Any) -> Any:
    request = library.QueryInfoRequest()
    request["info_type"] = info.INFO_TYPE
    request["file_info_class"] = info.INFO_CLASS
    request["output_buffer_length"] = len(info)
    request["file_id"] = handle.file_id
    response = library.QueryInfoResponse()
    response.unpack(link.receive(link.send(request)))
    info.unpack(response["buffer"].get_value())
    return info
