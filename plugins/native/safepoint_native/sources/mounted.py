"""Shares that the operating system reaches: mounted folders, or native UNC paths on Windows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Buffer, override

from safepoint.errors import ConflictError, NotFoundError
from safepoint_native.sources.filesystem import LocalFileSystem
from safepoint_native.sources.os_errors import os_errors
from safepoint_native.sources.port import ByteSink, ShareAccess, ShareEntry
from safepoint_native.sources.unc import UncPath
from safepoint_native.vhdx import ByteSource, FileSource

__all__ = ["MountedShares", "ShareMap"]


@dataclass(frozen=True, slots=True)
class ShareMap:
    r"""Which folder of this machine shows which part of which share.

    The longest prefix wins; case does not matter. A path that nothing maps is opened natively
    on Windows, which knows UNC paths, and is not found elsewhere.
    """

    entries: frozenset[tuple[str, Path]] = frozenset()

    @classmethod
    def of(cls, folders: Mapping[str, Path | str]) -> ShareMap:
        r"""Build one from ``{"\\\\fs01\\vmstore": "/mnt/vmstore"}``.

        Raises:
            InvalidRequestError: a key is no UNC path.
        """
        return cls(frozenset((str(UncPath.parse(k)), Path(v)) for k, v in folders.items()))

    def local(self, text: str) -> Path:
        """Return where this machine sees a UNC path.

        Raises:
            NotFoundError: no entry covers it, and the system cannot open UNC paths.
            InvalidRequestError: it is no UNC path.
        """
        path = UncPath.parse(text)
        for prefix, folder in self._by_length():
            known = prefix.folded()
            if path.folded()[: len(known)] == known:
                return folder.joinpath(*path.parts[len(prefix.parts) :])
        if os.name == "nt":
            return Path(str(path))
        msg = f"no folder of this machine shows {path.root}"
        raise NotFoundError(msg, hint="Map the share to a mounted folder, or reach it by SMB.")

    def _by_length(self) -> list[tuple[UncPath, Path]]:
        parsed = [(UncPath.parse(prefix), folder) for prefix, folder in self.entries]
        return sorted(parsed, key=lambda entry: len(entry[0].parts), reverse=True)


class MountedSource(FileSource):
    """A file of a mounted share. Positioned reads let all threads use the one handle."""

    def __init__(self, path: Path, unc: str) -> None:
        with os_errors("open", unc):
            super().__init__(path)
        self.name = unc


class _MountedSink:
    """A new file of a mounted share."""

    def __init__(self, path: Path, unc: str) -> None:
        self._path = path
        self._unc = unc
        self._file = LocalFileSystem().create(path)
        self._is_open = True

    def write_at(self, offset: int, data: Buffer, /) -> None:
        self._file.write_at(offset, [data])

    def resize(self, size_bytes: int, /) -> None:
        with os_errors("resize", self._unc):
            os.truncate(self._path, size_bytes)

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            try:
                self._file.sync()
            finally:
                self._file.close()


class MountedShares(ShareAccess):
    """Share access through the file system of this machine."""

    def __init__(self, share_map: ShareMap) -> None:
        self._map = share_map

    @override
    def open(self, path: str, /) -> ByteSource:
        return MountedSource(self._map.local(path), path)

    @override
    def create(self, path: str, /) -> ByteSink:
        return _MountedSink(self._map.local(path), path)

    @override
    def read_file(self, path: str, /) -> bytes:
        with os_errors("read", path):
            return self._map.local(path).read_bytes()

    @override
    def write_file(self, path: str, data: bytes, /) -> None:
        sink = self.create(path)
        try:
            sink.write_at(0, data)
        finally:
            sink.close()

    @override
    def exists(self, path: str, /) -> bool:
        with os_errors("look at", path):
            return self._map.local(path).exists()

    @override
    def entries(self, path: str, /) -> Sequence[ShareEntry]:
        with os_errors("list", path), os.scandir(self._map.local(path)) as found:
            return sorted(_entry(one) for one in found)

    @override
    def make_directory(self, path: str, /) -> None:
        with os_errors("create folder", path):
            self._map.local(path).mkdir(parents=True, exist_ok=True)

    @override
    def rename(self, source: str, target: str, /) -> None:
        old, new = self._map.local(source), self._map.local(target)
        with os_errors("rename", source):
            if new.exists():
                msg = f"cannot rename {source} to {target}: that name is taken"
                raise ConflictError(msg)
            old.rename(new)

    @override
    def remove(self, path: str, /) -> None:
        local = self._map.local(path)
        with os_errors("remove", path):
            if local.is_dir() and not local.is_symlink():
                local.rmdir()
            else:
                local.unlink()

    @override
    def free_bytes(self, path: str, /) -> int:
        with os_errors("look at", path):
            return shutil.disk_usage(self._map.local(path)).free

    @override
    def is_writable(self, path: str, /) -> bool:
        with os_errors("look at", path):
            return os.access(self._map.local(path), os.W_OK)

    @override
    def close(self) -> None:
        """Do nothing: the operating system keeps the connections."""


def _entry(found: os.DirEntry[str]) -> ShareEntry:
    if found.is_dir():
        return ShareEntry(found.name, is_directory=True, size_bytes=0)
    facts = found.stat()
    return ShareEntry(found.name, False, facts.st_size, facts.st_mtime)  # noqa: FBT003 - a tuple
