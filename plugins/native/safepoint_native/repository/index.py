"""The complete index of one restore point: which record holds which piece of which disk.

File form: a note frame (format, digest of the body), then one zstd frame with the body.
Body: `u32` length of the JSON head, the head, then columns, little-endian, one after another:
records (pack u32, offset u64, stored bytes u32, plain length u32, digest 32 bytes each), then
for every stream of the head its pieces (offset u64, length u32, record u32, skip u32).
A piece is `length` bytes of the disk at `offset`, taken from the record's plain bytes from
`skip` on. What no piece covers is zero.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import zstandard
from blake3 import blake3

from safepoint.errors import DamagedDataError
from safepoint_native.repository.digests import DigestTable
from safepoint_native.repository.frames import DIGEST_BYTES, open_note, seal_note
from safepoint_native.repository.tables import PieceTable, RecordTable

__all__ = ["PackEntry", "PointHead", "PointIndex", "Stream", "StreamKind"]

FORMAT_VERSION = 1
_KIND = b"SPIX"
_HEAD_LENGTH = struct.Struct("<I")
_NOTE = struct.Struct("<IQ32s")  # format, body bytes, BLAKE3 of the compressed body
_MAX_BODY_BYTES = 8 << 30


class StreamKind(StrEnum):
    """What a stream of bytes is to the VM."""

    DISK = "disk"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class PackEntry:
    """A pack that the point needs."""

    pack_id: str
    size_bytes: int
    is_own: bool
    """True when this point's run wrote it, False when an older point's did."""


@dataclass(slots=True)
class Stream:
    """One disk or configuration file of a restore point."""

    name: str
    kind: StreamKind
    size_bytes: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pieces: PieceTable = field(default_factory=PieceTable)


@dataclass(slots=True)
class PointHead:
    """What a restore point is and which packs it needs; cheap to read."""

    point_id: str
    vm: str
    created_at: str
    """ISO 8601 with zone."""
    spare_pack_id: str
    """The pack that holds a copy of this index."""
    metadata: Mapping[str, Any]
    packs: list[PackEntry]

    @property
    def own_packs(self) -> list[str]:
        """The packs that this point's run wrote, the spare copy of the index included."""
        return [*(entry.pack_id for entry in self.packs if entry.is_own), self.spare_pack_id]

    @property
    def all_packs(self) -> list[str]:
        """Every pack that has to stay for this point to stay."""
        return [*(entry.pack_id for entry in self.packs), self.spare_pack_id]

    @classmethod
    def decode_head(cls, data: bytes, where: str) -> PointHead:
        """Read the head of an index file; all bytes are checked, the columns left packed.

        Raises:
            DamagedDataError: a digest does not fit or the head is not one.
        """
        frame, _ = _open_frame(data, where)
        try:
            with zstandard.ZstdDecompressor().stream_reader(frame) as body:
                (length,) = _HEAD_LENGTH.unpack(body.read(_HEAD_LENGTH.size))
                return PointHead(*_head_facts(json.loads(body.read(length))))
        except (ValueError, KeyError, TypeError, struct.error) as error:
            msg = f"{where}: index contradicts itself ({error})"
            raise DamagedDataError(msg) from error


@dataclass(slots=True)
class PointIndex(PointHead):
    """Everything needed to read one restore point."""

    records: RecordTable
    streams: list[Stream]

    def encode(self) -> bytes:
        """Return the file form."""
        head = json.dumps(self._head(), separators=(",", ":")).encode()
        columns = [_HEAD_LENGTH.pack(len(head)), head, *_record_columns(self.records)]
        for stream in self.streams:
            columns += _piece_columns(stream.pieces)
        body = b"".join(columns)
        frame = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(body)
        note = _NOTE.pack(FORMAT_VERSION, len(body), blake3(frame).digest())
        return seal_note(_KIND, note) + frame

    @classmethod
    def decode(cls, data: bytes, where: str) -> PointIndex:
        """Read the file form; `where` names the file in errors.

        Raises:
            DamagedDataError: a digest, length, number or name does not fit.
        """
        frame, body_bytes = _open_frame(data, where)
        body = zstandard.ZstdDecompressor().decompress(frame, max_output_size=body_bytes)
        try:
            return _Parser(body).index()
        except (ValueError, KeyError, TypeError, struct.error) as error:
            msg = f"{where}: index contradicts itself ({error})"
            raise DamagedDataError(msg) from error

    def _head(self) -> dict[str, Any]:
        return {
            "format": FORMAT_VERSION,
            "point": self.point_id,
            "vm": self.vm,
            "created_at": self.created_at,
            "spare_pack": self.spare_pack_id,
            "metadata": dict(self.metadata),
            "packs": [[pack.pack_id, pack.size_bytes, pack.is_own] for pack in self.packs],
            "records": len(self.records),
            "streams": [
                {
                    "name": stream.name,
                    "kind": stream.kind.value,
                    "size_bytes": stream.size_bytes,
                    "metadata": dict(stream.metadata),
                    "pieces": len(stream.pieces),
                }
                for stream in self.streams
            ],
        }


def _little(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


def _record_columns(records: RecordTable) -> list[bytes]:
    columns = (records.packs, records.offsets, records.stored, records.lengths)
    return [*map(_little, columns), bytes(records.known.digests)]


def _piece_columns(pieces: PieceTable) -> list[bytes]:
    return [*map(_little, (pieces.offsets, pieces.lengths, pieces.records, pieces.skips))]


def _head_facts(
    head: Mapping[str, Any],
) -> tuple[str, str, str, str, dict[str, Any], list[PackEntry]]:
    packs = [PackEntry(*entry) for entry in head["packs"]]
    names = (head["point"], head["vm"], head["created_at"], head["spare_pack"])
    return (*names, head["metadata"], packs)


def _open_frame(data: bytes, where: str) -> tuple[bytes, int]:
    """Return the compressed body, checked, and its plain length."""
    note, end = open_note(_KIND, data, where)
    if len(note) != _NOTE.size:
        msg = f"{where}: index header has another length"
        raise DamagedDataError(msg)
    version, body_bytes, digest = _NOTE.unpack(note)
    if version != FORMAT_VERSION:
        msg = f"{where}: index format {version} is unknown to this safepoint"
        raise DamagedDataError(msg, hint="A newer safepoint wrote it; use that one.")
    frame = data[end:]
    if blake3(frame).digest() != digest or body_bytes > _MAX_BODY_BYTES:
        msg = f"{where}: digest does not fit"
        raise DamagedDataError(msg)
    return frame, body_bytes


class _Parser:
    """Walks through the body of an index."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        (length,) = _HEAD_LENGTH.unpack_from(body)
        self._at = _HEAD_LENGTH.size + length
        self._head: dict[str, Any] = json.loads(body[_HEAD_LENGTH.size : self._at])

    def index(self) -> PointIndex:
        """Return the index.

        Raises:
            ValueError: the columns do not fit the head.
        """
        head = self._head
        records = self._records(head["records"])
        streams = [self._stream(stream) for stream in head["streams"]]
        if self._at != len(self._body):
            msg = "bytes left over"
            raise ValueError(msg)
        index = PointIndex(*_head_facts(head), records, streams)
        _check_numbers(index)
        return index

    def _take(self, length: int) -> bytes:
        data = self._body[self._at : self._at + length]
        if len(data) != length:
            msg = "columns are cut off"
            raise ValueError(msg)
        self._at += length
        return data

    def _column(self, code: str, count: int) -> array[int]:
        column = array(code)
        column.frombytes(self._take(count * column.itemsize))
        if sys.byteorder == "big":
            column.byteswap()
        return column

    def _records(self, count: int) -> RecordTable:
        table = RecordTable()
        table.packs = self._column("I", count)
        table.offsets = self._column("Q", count)
        table.stored = self._column("I", count)
        table.lengths = self._column("I", count)
        table.known = DigestTable(bytearray(self._take(count * DIGEST_BYTES)))
        return table

    def _stream(self, head: dict[str, Any]) -> Stream:
        pieces = PieceTable()
        count = head["pieces"]
        pieces.offsets = self._column("Q", count)
        pieces.lengths = self._column("I", count)
        pieces.records = self._column("I", count)
        pieces.skips = self._column("I", count)
        kind = StreamKind(head["kind"])
        return Stream(head["name"], kind, head["size_bytes"], head["metadata"], pieces)


def _check_numbers(index: PointIndex) -> None:
    """Refuse an index that points outside itself, so that readers need not ask again."""
    records = index.records
    if len(records) and max(records.packs) >= len(index.packs):
        msg = "a record lies in a pack that is not listed"
        raise ValueError(msg)
    for stream in index.streams:
        end = 0
        for piece in map(stream.pieces.__getitem__, range(len(stream.pieces))):
            if piece.offset < end or piece.record >= len(records):
                msg = f"pieces of {stream.name} overlap or name no record"
                raise ValueError(msg)
            if piece.skip + piece.length > records.lengths[piece.record]:
                msg = f"a piece of {stream.name} is longer than its record"
                raise ValueError(msg)
            end = piece.offset + piece.length
        if end > stream.size_bytes:
            msg = f"pieces of {stream.name} reach behind its end"
            raise ValueError(msg)
