"""Writing packs: many threads append records at offsets they reserved, without waiting.

A pack is a note frame that says whose it is, then records without gaps. It is written as a
partial file and becomes a pack by a rename when its restore point is sealed.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import Buffer

from safepoint_native.repository.frames import seal_note
from safepoint_native.repository.index import PackEntry
from safepoint_native.repository.layout import Layout
from safepoint_native.sources.filesystem import FileSystem, WritableFile

__all__ = ["PACK_NOTE", "PackSet", "PackTable", "new_pack_id", "write_pack_note"]

PACK_NOTE = b"SPPH"
DEFAULT_PACK_BYTES = 1 << 30


def new_pack_id() -> str:
    """Return a name that no other pack bears."""
    return uuid.uuid4().hex


def write_pack_note(facts: Mapping[str, Any]) -> bytes:
    """Return the first frame of a pack."""
    return seal_note(PACK_NOTE, json.dumps(dict(facts), separators=(",", ":")).encode())


class PackTable:
    """The packs of one restore point, numbered; shared by everything that writes to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[PackEntry] = []
        self._numbers: dict[str, int] = {}

    def number(self, pack_id: str, size_bytes: int, *, is_own: bool) -> int:
        """Return the number of a pack, listing it when it is new."""
        with self._lock:
            found = self._numbers.get(pack_id)
            if found is None:
                found = self._numbers[pack_id] = len(self._entries)
                self._entries.append(PackEntry(pack_id, size_bytes, is_own))
            return found

    def resize(self, number: int, size_bytes: int) -> None:
        """Set the final size of one of our packs."""
        with self._lock:
            entry = self._entries[number]
            self._entries[number] = PackEntry(entry.pack_id, size_bytes, entry.is_own)

    def entries(self) -> list[PackEntry]:
        """Return all packs in the order of their numbers."""
        with self._lock:
            return list(self._entries)


class _OpenPack:
    """One partial pack: where it ends and how many writes are still on their way."""

    def __init__(self, number: int, path: Path, file: WritableFile) -> None:
        self.number = number
        self.path = path
        self.file = file
        self.end = 0
        self.pending = 0
        self.is_full = False


class PackSet:
    """The packs of one stream or group of streams; threads may append at the same time."""

    def __init__(
        self,
        files: FileSystem,
        layout: Layout,
        table: PackTable,
        *,
        tag: str,
        facts: Callable[[str], Mapping[str, Any]],
        pack_bytes: int = DEFAULT_PACK_BYTES,
    ) -> None:
        self._files = files
        self._layout = layout
        self._table = table
        self._tag = tag
        self._facts = facts
        self._pack_bytes = pack_bytes
        self._lock = threading.Lock()
        self._current: _OpenPack | None = None
        self._retired: list[_OpenPack] = []
        self._folders: set[Path] = set()

    def append(self, parts: Sequence[Buffer]) -> tuple[int, int]:
        """Write one record; return the number of its pack and its offset there.

        Raises:
            StorageFullError: no room; the point can only be discarded.
        """
        length = sum(memoryview(part).nbytes for part in parts)
        pack, offset = self._reserve(length)
        try:
            pack.file.write_at(offset, parts)
        finally:
            self._done(pack)
        return pack.number, offset

    def finish(self) -> None:
        """Put every pack on stable storage and close it. Nobody may append any more."""
        with self._lock:
            rest = [*self._retired, *([self._current] if self._current else [])]
            self._retired, self._current = [], None
        for pack in rest:
            self._close(pack)
        for folder in sorted(self._folders):
            self._files.sync_directory(folder)

    def abandon(self) -> None:
        """Close every file as it is; the partial files stay for the one who cleans up."""
        with self._lock:
            rest = [*self._retired, *([self._current] if self._current else [])]
            self._retired, self._current = [], None
        for pack in rest:
            pack.file.close()

    def _reserve(self, length: int) -> tuple[_OpenPack, int]:
        with self._lock:
            pack = self._current
            if pack is not None and pack.end + length > self._pack_bytes:
                pack.is_full = True
                self._retired.append(pack)
                pack = None
            if pack is None:
                pack = self._current = self._open()
            offset, pack.end = pack.end, pack.end + length
            pack.pending += 1
            return pack, offset

    def _done(self, pack: _OpenPack) -> None:
        with self._lock:
            pack.pending -= 1
            closable = pack.is_full and not pack.pending and pack in self._retired
            if closable:
                self._retired.remove(pack)
        if closable:
            self._close(pack)

    def _open(self) -> _OpenPack:
        pack_id = new_pack_id()
        path = self._layout.partial_pack(pack_id, self._tag)
        folder = path.parent
        if not self._files.exists(folder):
            self._layout.make_folder(self._files, folder)
        self._folders.add(folder)
        file = self._files.create(path)
        pack = _OpenPack(self._table.number(pack_id, 0, is_own=True), path, file)
        note = write_pack_note(self._facts(pack_id))
        try:
            file.write_at(0, [note])
        except BaseException:
            file.close()
            raise
        pack.end = len(note)
        return pack

    def _close(self, pack: _OpenPack) -> None:
        try:
            pack.file.sync()
        finally:
            pack.file.close()
        self._table.resize(pack.number, pack.end)
