"""The columns of an index: compact where objects would take ten times the memory."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from safepoint_native.repository.digests import DigestTable

__all__ = ["Piece", "PieceTable", "RecordTable"]


class Piece(NamedTuple):
    """Some bytes of a stream and where they come from."""

    offset: int
    length: int
    record: int
    skip: int


class RecordTable:
    """Where each record lies, as columns. Not thread-safe."""

    def __init__(self) -> None:
        self.known = DigestTable()
        self.packs = array("I")
        self.offsets = array("Q")
        self.stored = array("I")
        self.lengths = array("I")

    def __len__(self) -> int:
        return len(self.packs)

    def add(self, digest: bytes, length: int) -> int:
        """Add a record whose place is not known yet and return its number."""
        for column, value in ((self.packs, 0), (self.offsets, 0), (self.stored, 0)):
            column.append(value)
        self.lengths.append(length)
        return self.known.add(digest)

    def place(self, record: int, pack: int, offset: int, stored_bytes: int) -> None:
        """Say where a record lies."""
        self.packs[record] = pack
        self.offsets[record] = offset
        self.stored[record] = stored_bytes

    def digest(self, record: int) -> bytes:
        """Return the BLAKE3 digest of a record's plain bytes."""
        return self.known.digest(record)


class PieceTable:
    """The pieces of one stream, as columns sorted by offset once `sort` was called."""

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.lengths = array("I")
        self.records = array("I")
        self.skips = array("I")

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, number: int) -> Piece:
        return Piece(
            self.offsets[number], self.lengths[number], self.records[number], self.skips[number]
        )

    def append(self, piece: Piece) -> None:
        """Add a piece behind the others."""
        self.offsets.append(piece.offset)
        self.lengths.append(piece.length)
        self.records.append(piece.record)
        self.skips.append(piece.skip)

    def sort(self) -> None:
        """Bring the pieces into the order of their offsets.

        Raises:
            ValueError: two of them overlap.
        """
        order = sorted(range(len(self)), key=self.offsets.__getitem__)
        self.offsets = array("Q", [self.offsets[number] for number in order])
        self.lengths = array("I", [self.lengths[number] for number in order])
        self.records = array("I", [self.records[number] for number in order])
        self.skips = array("I", [self.skips[number] for number in order])
        end = 0
        for offset, length in zip(self.offsets, self.lengths, strict=True):
            if offset < end:
                msg = f"two pieces overlap at offset {offset}"
                raise ValueError(msg)
            end = offset + length
