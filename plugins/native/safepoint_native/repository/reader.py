"""Reading restore points."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from safepoint.errors import DamagedDataError, InvalidRequestError, UnknownNameError
from safepoint_native.repository.index import PointIndex, Stream, StreamKind
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.pack_files import PackFiles
from safepoint_native.repository.tables import Piece
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["DiskExtent", "DiskReader", "PointReader"]

_CACHED_RECORDS = 4


class DiskExtent(NamedTuple):
    """A run of a disk that is either all data or all zeros."""

    offset: int
    length: int
    is_data: bool


class DiskReader:
    """One disk or file of a restore point; threads may share it. Every byte is verified."""

    def __init__(self, stream: Stream, packs: PackFiles) -> None:
        self._stream = stream
        self._packs = packs
        self._lock = threading.Lock()
        self._recent: OrderedDict[int, bytes] = OrderedDict()

    @property
    def name(self) -> str:
        """The name it was stored under."""
        return self._stream.name

    @property
    def size_bytes(self) -> int:
        """The virtual size."""
        return self._stream.size_bytes

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was stored with it."""
        return self._stream.metadata

    @property
    def data_bytes(self) -> int:
        """Bytes that are stored, the rest is zeros."""
        return sum(self._stream.pieces.lengths)

    def extents(self) -> Iterator[DiskExtent]:
        """Walk through the whole disk: sorted, gapless, neighbours of one kind joined."""
        at = start = 0
        for piece in self.pieces():
            if piece.offset > at:
                if at > start:
                    yield DiskExtent(start, at - start, is_data=True)
                yield DiskExtent(at, piece.offset - at, is_data=False)
                start = piece.offset
            at = piece.offset + piece.length
        if at > start:
            yield DiskExtent(start, at - start, is_data=True)
        if at < self.size_bytes:
            yield DiskExtent(at, self.size_bytes - at, is_data=False)

    def pieces(self) -> Iterator[Piece]:
        """Walk through the stored pieces in the order of the disk."""
        table = self._stream.pieces
        return map(table.__getitem__, range(len(table)))

    def read_piece(self, piece: Piece) -> memoryview:
        """Return the bytes of one piece.

        Raises:
            DamagedDataError: naming the file and the place in the disk.
        """
        try:
            plain = self._record(piece.record)
        except DamagedDataError as error:
            msg = f"{error.message}; it holds {self.name} at byte {piece.offset}"
            hint = "Verify the point to see the extent; restore from another point."
            raise DamagedDataError(msg, hint=hint) from error
        return memoryview(plain)[piece.skip : piece.skip + piece.length]

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return exactly `length` bytes of the disk, zeros where nothing is stored.

        Raises:
            InvalidRequestError: outside the disk.
            DamagedDataError: as `read_piece`.
        """
        if offset < 0 or length < 0 or offset + length > self.size_bytes:
            msg = f"cannot read {length} bytes at {offset} of {self.name}: outside the disk"
            raise InvalidRequestError(msg)
        result = bytearray(length)
        table = self._stream.pieces
        number = max(bisect_right(table.offsets, offset) - 1, 0)
        while number < len(table) and table.offsets[number] < offset + length:
            self._overlay(table[number], offset, result)
            number += 1
        return bytes(result)

    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        """Fill the buffer with the bytes at `offset`."""
        buffer[:] = self.read_at(offset, len(buffer))

    def close(self) -> None:
        """Do nothing: the point reader owns the files. Makes a disk a `ByteSource`."""

    def _overlay(self, piece: Piece, offset: int, result: bytearray) -> None:
        start = max(piece.offset, offset)
        end = min(piece.offset + piece.length, offset + len(result))
        if start < end:
            data = self.read_piece(piece)
            result[start - offset : end - offset] = data[start - piece.offset : end - piece.offset]

    def _record(self, record: int) -> bytes:
        with self._lock:
            plain = self._recent.get(record)
        if plain is None:
            plain = self._packs.read_record(record)
            with self._lock:
                self._recent[record] = plain
                while len(self._recent) > _CACHED_RECORDS:
                    self._recent.popitem(last=False)
        return plain


class PointReader:
    """Opens the disks and files of one restore point."""

    def __init__(
        self, files: FileSystem, layout: Layout, index: PointIndex, *, tag: str = ""
    ) -> None:
        self._index = index
        self._packs = PackFiles(files, layout, index, tag)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def point_id(self) -> str:
        """Which point this is."""
        return self._index.point_id

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was stored with the point."""
        return self._index.metadata

    def disk_names(self) -> list[str]:
        """Return the disks in the order they were written."""
        return [one.name for one in self._index.streams if one.kind is StreamKind.DISK]

    def file_names(self) -> list[str]:
        """Return the configuration files in the order they were written."""
        return [one.name for one in self._index.streams if one.kind is StreamKind.FILE]

    def disk(self, name: str) -> DiskReader:
        """Open a disk.

        Raises:
            UnknownNameError: the point has no such disk.
        """
        return self._open(name, StreamKind.DISK)

    def file(self, name: str) -> bytes:
        """Return a configuration file.

        Raises:
            UnknownNameError: the point has no such file.
            DamagedDataError: its bytes are not what was stored.
        """
        reader = self._open(name, StreamKind.FILE)
        return reader.read_at(0, reader.size_bytes)

    def close(self) -> None:
        """Close the packs; the disks cannot be read any more."""
        self._packs.close()

    def _open(self, name: str, kind: StreamKind) -> DiskReader:
        for stream in self._index.streams:
            if stream.name == name and stream.kind is kind:
                return DiskReader(stream, self._packs)
        names = ", ".join(one.name for one in self._index.streams if one.kind is kind)
        msg = f"restore point {self.point_id} has no {kind} {name!r}"
        raise UnknownNameError(msg, hint=f"It has: {names or 'none'}.")
