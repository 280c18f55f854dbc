"""One entry of the log: a set of changes that count together or not at all."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from safepoint_native.vhdx.layout import checksum
from safepoint_native.vhdx.overlay import SECTOR

__all__ = ["Change", "LogEntry"]

_SIGNATURE, _DATA, _ZEROS, _SECTOR_SIGNATURE = b"loge", b"desc", b"zero", b"data"
_FIELDS = struct.Struct("<4sIIIQII16sQQ")
_DESCRIPTOR = struct.Struct("<4s4s8sQQ")
_SEQUENCE_HIGH = slice(4, 8)
_BODY = slice(8, SECTOR - 4)
_SEQUENCE_LOW = slice(SECTOR - 4, SECTOR)


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes of the file (offset and length) and their new content; None means zeros."""

    offset: int
    length: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry that lies at `at` of the log and is `length` bytes long (both wrap around).

    `tail` is where the entry lies from which to replay when this one is the last.
    `flushed_bytes` of the file were safely on disk when it was written, `file_bytes` is how
    much file there must be.
    """

    at: int
    length: int
    tail: int
    sequence: int
    flushed_bytes: int
    file_bytes: int
    changes: tuple[Change, ...]

    @staticmethod
    def length_at(log: bytes, at: int, log_id: UUID) -> int:
        """Return the length that an entry of this log claims at `at`, or 0 when none can be."""
        signature, _, length, tail, sequence, *_, owner, _, _ = _FIELDS.unpack_from(log, at)
        aligned = length % SECTOR == 0 and tail % SECTOR == 0
        fits = 0 < length <= len(log) and tail < len(log)
        ours = signature == _SIGNATURE and owner == log_id.bytes_le and sequence > 0
        return length if aligned and fits and ours else 0

    @classmethod
    def parse(cls, log: bytes, at: int, length: int) -> Self | None:
        """Return the entry at `at` of the log, or None when it is not whole."""
        raw = log[at : at + length] + log[: max(at + length - len(log), 0)]
        _, crc, _, tail, sequence, count, _, _, flushed, end = _FIELDS.unpack_from(raw)
        if crc != checksum(raw) or _FIELDS.size + count * _DESCRIPTOR.size > length:
            return None
        changes = _changes(raw, count, sequence)
        return None if changes is None else cls(at, length, tail, sequence, flushed, end, changes)


def _changes(raw: bytes, count: int, sequence: int) -> tuple[Change, ...] | None:
    """Return the changes of an entry, or None when a part is of another sequence."""
    position = -(-(_FIELDS.size + count * _DESCRIPTOR.size) // SECTOR) * SECTOR
    changes = []
    for index in range(count):
        at = _FIELDS.size + index * _DESCRIPTOR.size
        kind, trailing, leading, offset, owner = _DESCRIPTOR.unpack_from(raw, at)
        if owner != sequence or offset % SECTOR or kind not in (_DATA, _ZEROS):
            return None
        if kind == _ZEROS:
            length = int.from_bytes(leading, "little")
            changes.append(Change(offset, length, None))
            continue
        body = _body(raw[position : position + SECTOR], sequence)
        if body is None:
            return None
        changes.append(Change(offset, SECTOR, leading + body + trailing))
        position += SECTOR
    return tuple(changes)


def _body(sector: bytes, sequence: int) -> bytes | None:
    owner = sector[_SEQUENCE_LOW] + sector[_SEQUENCE_HIGH]
    whole = len(sector) == SECTOR and sector.startswith(_SECTOR_SIGNATURE)
    return sector[_BODY] if whole and owner == sequence.to_bytes(8, "little") else None
