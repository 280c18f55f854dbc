"""One VHDX file, read only: its parameters and where its bytes lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from safepoint_native.vhdx.bat import BlockState, BlockTable
from safepoint_native.vhdx.bitmaps import SectorBitmaps
from safepoint_native.vhdx.disk import Disk, DiskKind
from safepoint_native.vhdx.header import Header, read_header
from safepoint_native.vhdx.log import replayed
from safepoint_native.vhdx.metadata import read_metadata
from safepoint_native.vhdx.parent import ParentLocator
from safepoint_native.vhdx.ranges import check_range
from safepoint_native.vhdx.regions import Regions, read_regions
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["Extent", "VhdxImage"]

_Piece = tuple[int, int, int | None]
_STORED = (BlockState.FULLY_PRESENT, BlockState.PARTIALLY_PRESENT)


@dataclass(frozen=True, slots=True)
class Extent:
    """A range of the virtual disk (bytes) and where the file has it; None means zeros."""

    offset: int
    length: int
    file_offset: int | None


class VhdxImage:
    """One image of a chain, as it was when it was opened; make it with `open`.

    `source` gives the bytes that file offsets mean: it is the file, seen through its log when
    that was dirty. Safe for several threads. Closing the image closes the source.
    """

    def __init__(
        self, source: ByteSource, header: tuple[Header, int], regions: Regions, table: BlockTable
    ) -> None:
        self.source = source
        self.header, self.header_index = header
        self.regions = regions
        self.table = table
        self.bitmaps = SectorBitmaps(source, table)
        self.disk: Disk = table.disk

    @classmethod
    def open(cls, source: ByteSource) -> Self:
        """Read and check the structures; a dirty log is replayed in memory.

        The source now belongs to the image; when opening fails it is closed.

        Raises:
            DamagedDataError: The structures do not fit; the message says what and where.
            UnsupportedError: No VHDX, or one that needs something we do not know.
        """
        try:
            header = read_header(source)
            source = replayed(source, header[0])
            regions = read_regions(source, header[0])
            disk = read_metadata(source, regions.metadata)
            reserved = (regions.bat, regions.metadata, header[0].log)
            table = BlockTable.load(source, regions.bat, disk, reserved)
            return cls(source, header, regions, table)
        except BaseException:
            source.close()
            raise

    @property
    def name(self) -> str:
        """What the source is called."""
        return name_of(self.source)

    @property
    def kind(self) -> DiskKind:
        """Whether the image is fixed, dynamic or differencing."""
        return self.disk.kind

    @property
    def size_bytes(self) -> int:
        """The size of the virtual disk."""
        return self.disk.size_bytes

    @property
    def block_bytes(self) -> int:
        """The size of a payload block."""
        return self.disk.block_bytes

    @property
    def logical_sector_bytes(self) -> int:
        """The sector size that the guest sees: 512 or 4096."""
        return self.disk.logical_sector_bytes

    @property
    def physical_sector_bytes(self) -> int:
        """The sector size that the disk says it has underneath."""
        return self.disk.physical_sector_bytes

    @property
    def disk_id(self) -> UUID:
        """The identity of the virtual disk (its page 83 data)."""
        return self.disk.disk_id

    @property
    def data_write_id(self) -> UUID:
        """The identity of the content; a child's parent linkage must equal it."""
        return self.header.data_write_id

    @property
    def parent(self) -> ParentLocator | None:
        """The parent of a differencing image, else None."""
        return self.disk.parent

    def extents(self, start: int = 0, end: int | None = None) -> Iterator[Extent]:
        """Yield what this image says about bytes `start` to `end`: sorted, coalesced.

        What is not listed shows the parent, or zeros when there is none. Extents without file
        offset are zeros that hide the parent.
        """
        end = self.size_bytes if end is None else end
        check_range(self.name, self.size_bytes, start, end - start)
        return _coalesced(self._pieces(start, end))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes of the disk as this image alone knows them; the rest reads as zeros."""
        check_range(self.name, self.size_bytes, offset, length)
        buffer = bytearray(length)
        view = memoryview(buffer)
        for extent in self.extents(offset, offset + length):
            if extent.file_offset is not None:
                at = extent.offset - offset
                self.source.read_into(extent.file_offset, view[at : at + extent.length])
        return bytes(buffer)

    def close(self) -> None:
        """Close the source; may be called twice."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pieces(self, start: int, end: int) -> Iterator[_Piece]:
        size, full, partial = self.block_bytes, *_STORED
        for block, state, file_offset in self.table.present(start // size, -(-end // size)):
            base = block * size
            low = max(start, base)
            high = min(end, base + size)
            if state == full:
                yield low, high - low, low - base + file_offset
            elif state == partial:
                yield from self._present(block, low, high, file_offset - base)
            else:
                yield low, high - low, None

    def _present(self, block: int, low: int, high: int, shift: int) -> Iterator[_Piece]:
        sector, base = self.logical_sector_bytes, block * self.block_bytes
        first, end = (low - base) // sector, -(-(high - base) // sector)
        for left, right in self.bitmaps.present(block, first, end):
            left_byte = max(low, base + left * sector)
            right_byte = min(high, base + right * sector)
            yield left_byte, right_byte - left_byte, left_byte + shift


def _coalesced(pieces: Iterable[_Piece]) -> Iterator[Extent]:
    """Join pieces that touch on the disk and in the file."""
    offset = length = 0
    file_offset: int | None = None
    for piece in pieces:
        expected = None if file_offset is None else file_offset + length
        if length and piece[0] == offset + length and piece[2] == expected:
            length += piece[1]
            continue
        if length:
            yield Extent(offset, length, file_offset)
        offset, length, file_offset = piece
    if length:
        yield Extent(offset, length, file_offset)
