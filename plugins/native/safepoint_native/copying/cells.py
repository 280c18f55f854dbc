"""Cutting a disk into cells on a fixed grid, and each cell into the reads that fill it.

The grid is fixed so that a later full of the same disk meets the same cells and finds them
stored already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from safepoint_native.vhdx import ByteSource, ChainExtent

__all__ = ["CELL_BYTES", "Cell", "CellRead", "DiskExtents", "Part", "cells_of"]

CELL_BYTES = 1 << 20


class DiskExtents(Protocol):
    """What a copy needs to know of a disk; `safepoint_native.vhdx.Chain` is one."""

    @property
    def size_bytes(self) -> int:
        """The virtual size."""

    def extents(self) -> Iterator[ChainExtent]:
        """Walk through the disk, sorted and gapless; a source of None is zeros."""


class Part(NamedTuple):
    """Bytes of a read and where they belong in the cell."""

    at: int
    in_read: int
    length: int


@dataclass(frozen=True, slots=True)
class CellRead:
    """One read of one source, for one or more parts of a cell."""

    source: ByteSource
    file_offset: int
    length: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of the disk that has at least one byte to read."""

    offset: int
    length: int
    reads: tuple[CellRead, ...]

    @property
    def data_bytes(self) -> int:
        """Bytes that come from a source."""
        return sum(part.length for read in self.reads for part in read.parts)


def cells_of(disk: DiskExtents, cell_bytes: int = CELL_BYTES) -> Iterator[Cell]:
    """Yield the cells that are not holes altogether, in the order of the disk."""
    current, extents = 0, list[ChainExtent]()
    for extent in disk.extents():
        if extent.source is None:
            continue
        for piece in _on_grid(extent, cell_bytes):
            number = piece.offset // cell_bytes
            if number != current and extents:
                yield _cell(current, extents, disk.size_bytes, cell_bytes)
                extents = []
            current = number
            extents.append(piece)
    if extents:
        yield _cell(current, extents, disk.size_bytes, cell_bytes)


def _on_grid(extent: ChainExtent, cell_bytes: int) -> Iterator[ChainExtent]:
    at, end = extent.offset, extent.offset + extent.length
    while at < end:
        length = min(end, (at // cell_bytes + 1) * cell_bytes) - at
        file_offset = extent.file_offset + at - extent.offset
        yield ChainExtent(at, length, extent.source, file_offset)
        at += length


def _cell(number: int, extents: list[ChainExtent], disk_bytes: int, cell_bytes: int) -> Cell:
    start = number * cell_bytes
    length = min(cell_bytes, disk_bytes - start)
    return Cell(start, length, tuple(_reads(extents, start)))


def _reads(extents: Iterable[ChainExtent], cell_start: int) -> Iterator[CellRead]:
    """Join extents that lie in the same order in the same file into one covering read.

    A child disk may hold every other sector of a block: two reads for a cell, not two thousand.
    """
    groups: dict[tuple[int, int], list[ChainExtent]] = {}
    for extent in extents:
        key = (id(extent.source), extent.file_offset - extent.offset)
        groups.setdefault(key, []).append(extent)
    for group in groups.values():
        first, last = group[0], group[-1]
        base = first.file_offset
        parts = (
            Part(one.offset - cell_start, one.file_offset - base, one.length) for one in group
        )
        assert first.source is not None
        yield CellRead(first.source, base, last.file_offset + last.length - base, tuple(parts))
