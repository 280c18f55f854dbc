"""Writing one restore point."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3
from typing_extensions import Buffer

from safepoint.errors import ConflictError, InvalidRequestError
from safepoint_native.repository.index import PackEntry, PointIndex, Stream, StreamKind
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.packs import PackSet, PackTable, new_pack_id
from safepoint_native.repository.points import StoredPoint
from safepoint_native.repository.records import MAX_RECORD_BYTES, RecordCodec
from safepoint_native.repository.sealing import PointFiles, seal_point, write_unsealed
from safepoint_native.repository.suspects import usable_packs
from safepoint_native.repository.tables import Piece, PieceTable, RecordTable
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["DiskWriter", "PointWriter", "WriteCounters"]

_ZEROS = bytes(1 << 20)
_FILE_CELL_BYTES = 1 << 20


def is_zero(data: memoryview) -> bool:
    """Tell whether all bytes are zero, at memory speed for zeros and at once for data."""
    step = len(_ZEROS)
    # `startswith` compares by memcmp; comparing a memoryview with == goes byte by byte.
    return all(_ZEROS.startswith(data[at : at + step]) for at in range(0, len(data), step))


@dataclass(slots=True)
class WriteCounters:
    """Bytes that went into one disk."""

    put_bytes: int = 0
    """Handed in."""
    zero_bytes: int = 0
    """Handed in, found to be zeros, not stored."""
    known_bytes: int = 0
    """Handed in, found to be stored already."""
    stored_bytes: int = 0
    """Added to packs, headers included."""


class RecordBook:
    """The records of a restore point while it is written; threads share it."""

    def __init__(self, packs: PackTable, base: PointIndex | None, usable: set[str]) -> None:
        self.records = RecordTable()
        self._packs = packs
        self._base = base
        self._usable = usable
        self._lock = threading.Lock()

    def claim(self, digest: bytes, length: int) -> tuple[int, bool]:
        """Return the number for this content and whether the caller has to store it."""
        with self._lock:
            number = self.records.known.find(digest)
            if number is not None:
                return number, False
            number = self.records.add(digest, length)
            return number, not self._take_from_base(number, digest)

    def place(self, record: int, pack: int, offset: int, stored_bytes: int) -> None:
        """Say where the record was stored."""
        with self._lock:
            self.records.place(record, pack, offset, stored_bytes)

    def _take_from_base(self, number: int, digest: bytes) -> bool:
        base = self._base
        old = base.records.known.find(digest) if base else None
        if base is None or old is None:
            return False
        entry = base.packs[base.records.packs[old]]
        if entry.pack_id not in self._usable:
            return False
        pack = self._packs.number(entry.pack_id, entry.size_bytes, is_own=False)
        self.records.place(number, pack, base.records.offsets[old], base.records.stored[old])
        return True


class DiskWriter:
    """Takes the bytes of one disk, in any order and from any number of threads."""

    def __init__(
        self, stream: Stream, number: int, book: RecordBook, packs: PackSet, codec: RecordCodec
    ) -> None:
        self._stream = stream
        self._number = number
        self._book = book
        self._packs = packs
        self._codec = codec
        self._lock = threading.Lock()
        self._counters = WriteCounters()

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._stream.name

    @property
    def size_bytes(self) -> int:
        """The virtual size."""
        return self._stream.size_bytes

    @property
    def counters(self) -> WriteCounters:
        """What went in so far."""
        with self._lock:
            done = self._counters
            return WriteCounters(
                done.put_bytes, done.zero_bytes, done.known_bytes, done.stored_bytes
            )

    def put(self, offset: int, data: Buffer) -> int:
        """Store the bytes at `offset` of the disk and return how many bytes that added.

        Zeros and content that is stored already add nothing. Pieces must not overlap. The
        buffer may be reused at once.

        Raises:
            InvalidRequestError: outside the disk, empty or longer than 16 MiB.
            StorageFullError: no room; the point can only be discarded.
        """
        view = memoryview(data).cast("B")
        length = len(view)
        if not 0 < length <= MAX_RECORD_BYTES or not 0 <= offset <= self.size_bytes - length:
            msg = f"cannot put {length} bytes at {offset} of {self.name} ({self.size_bytes} bytes)"
            raise InvalidRequestError(msg)
        if is_zero(view):
            self._count(length, zero=length)
            return 0
        digest = blake3(view).digest()
        record, is_new = self._book.claim(digest, length)
        stored = self._store(record, offset, view, digest) if is_new else 0
        with self._lock:
            self._stream.pieces.append(Piece(offset, length, record, 0))
        self._count(length, known=0 if is_new else length, stored=stored)
        return stored

    def _store(self, record: int, offset: int, data: memoryview, digest: bytes) -> int:
        parts = self._codec.encode(self._number, offset, data, digest)
        pack, at = self._packs.append(parts)
        stored = sum(map(len, parts))
        self._book.place(record, pack, at, stored)
        return stored

    def _count(self, put: int, *, zero: int = 0, known: int = 0, stored: int = 0) -> None:
        with self._lock:
            self._counters.put_bytes += put
            self._counters.zero_bytes += zero
            self._counters.known_bytes += known
            self._counters.stored_bytes += stored


class PointWriter:
    """A restore point being written. It becomes one by `seal`; until then nobody sees it.

    Every disk has packs of its own; the configuration files share one. `finish` makes
    everything durable without sealing, so that it can be verified before it counts.
    """

    def __init__(
        self,
        files: FileSystem,
        layout: Layout,
        point: PointFiles,
        *,
        created_at: str,
        metadata: Mapping[str, Any],
        base: PointIndex | None,
        level: int,
        pack_bytes: int,
    ) -> None:
        self._files = files
        self._layout = layout
        self._point = point
        self._created_at = created_at
        self._metadata = dict(metadata)
        self._pack_bytes = pack_bytes
        self._table = PackTable()
        packs = [entry.pack_id for entry in base.packs] if base else []
        self._book = RecordBook(self._table, base, usable_packs(files, layout, packs))
        self._codec = RecordCodec(level)
        self._streams: list[Stream] = []
        self._disks: list[DiskWriter] = []
        self._sets: list[PackSet] = []
        self._file_packs: PackSet | None = None
        self._lock = threading.Lock()
        self._is_finished = False

    @property
    def point_id(self) -> str:
        """The id it was begun with."""
        return self._point.point_id

    @property
    def tag(self) -> str:
        """The owner's mark in the names of everything unsealed."""
        return self._point.tag

    def disk(
        self, name: str, size_bytes: int, *, metadata: Mapping[str, Any] | None = None
    ) -> DiskWriter:
        """Begin a disk of this virtual size. `metadata` is kept with it as JSON."""
        with self._lock:
            packs = self._pack_set({"disk": name, "size_bytes": size_bytes})
            writer = self._stream(name, StreamKind.DISK, size_bytes, metadata or {}, packs)
            self._disks.append(writer)
            return writer

    def add_file(
        self, name: str, data: bytes, *, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Store a small file of the VM's configuration."""
        with self._lock:
            if self._file_packs is None:
                self._file_packs = self._pack_set({"files": True})
            packs = self._file_packs
            writer = self._stream(name, StreamKind.FILE, len(data), metadata or {}, packs)
        for at in range(0, len(data), _FILE_CELL_BYTES):
            writer.put(at, data[at : at + _FILE_CELL_BYTES])

    def finish(self, metadata: Mapping[str, Any] | None = None) -> StoredPoint:
        """Make everything durable, still unsealed, and return what would be sealed.

        `metadata` is merged over what `begin` was given. Call it once; no `put` after it.
        """
        self._check_open()
        self._is_finished = True
        for packs in self._sets:
            packs.finish()
        self._metadata.update(metadata or {})
        return write_unsealed(self._files, self._layout, self._point, self._index(), self._sums())

    def seal(self, metadata: Mapping[str, Any] | None = None) -> StoredPoint:
        """Turn it into a restore point, atomically; `finish` first when that was not done."""
        if not self._is_finished:
            self.finish(metadata)
        return seal_point(self._files, self._layout, self._point)

    def close(self) -> None:
        """Close all files without sealing; what is unfinished stays for `discard`."""
        self._is_finished = True
        for packs in self._sets:
            packs.abandon()

    def _check_open(self) -> None:
        if self._is_finished:
            msg = f"restore point {self.point_id} was finished or closed already"
            raise ConflictError(msg)

    def _pack_set(self, about: Mapping[str, Any]) -> PackSet:
        facts = {"format": 1, "point": self.point_id, "vm": self._point.vm, **about}
        facts["created_at"] = self._created_at

        def note(pack_id: str) -> Mapping[str, Any]:
            return {**facts, "pack": pack_id}

        packs = PackSet(
            self._files,
            self._layout,
            self._table,
            tag=self.tag,
            facts=note,
            pack_bytes=self._pack_bytes,
        )
        self._sets.append(packs)
        return packs

    def _stream(
        self,
        name: str,
        kind: StreamKind,
        size_bytes: int,
        metadata: Mapping[str, Any],
        packs: PackSet,
    ) -> DiskWriter:
        self._check_open()
        if any(stream.name == name for stream in self._streams):
            msg = f"restore point {self.point_id} has a disk or file {name!r} already"
            raise ConflictError(msg)
        stream = Stream(name, kind, size_bytes, metadata, PieceTable())
        self._streams.append(stream)
        return DiskWriter(stream, len(self._streams) - 1, self._book, packs, self._codec)

    def _sums(self) -> dict[str, int]:
        counters = [disk.counters for disk in self._disks]
        return {
            "put_bytes": sum(one.put_bytes for one in counters),
            "stored_bytes": sum(one.stored_bytes for one in counters),
        }

    def _index(self) -> PointIndex:
        for stream in self._streams:
            try:
                stream.pieces.sort()
            except ValueError as error:
                msg = f"{stream.name} of restore point {self.point_id}: {error}"
                raise InvalidRequestError(msg) from error
        entries: list[PackEntry] = self._table.entries()
        return PointIndex(
            self.point_id,
            self._point.vm,
            self._created_at,
            new_pack_id(),
            self._metadata,
            entries,
            self._book.records,
            self._streams,
        )
