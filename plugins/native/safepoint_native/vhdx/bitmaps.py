"""Sector bitmaps of a differencing disk: which sectors of a block are in this file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

from safepoint_native.vhdx.bat import BlockTable
from safepoint_native.vhdx.layout import MIB
from safepoint_native.vhdx.source import ByteSource

__all__ = ["SectorBitmaps", "is_complete", "runs", "set_bits"]

_BITMAP_BYTES = MIB
_KEPT_BITMAPS = 8
_SLICE_BYTES = 512


class SectorBitmaps:
    """The bitmaps of one image, read when first needed; the last few stay in memory.

    Bit n of a block's bits (lowest bit of the first byte first) is set when its n-th logical
    sector is in this file; otherwise the sector shows the parent. Safe for several readers.
    """

    def __init__(self, source: ByteSource, table: BlockTable) -> None:
        self._source = source
        self._table = table
        self._kept: OrderedDict[int, bytearray] = OrderedDict()
        self._lock = threading.Lock()
        disk = table.disk
        self._block_bits = disk.block_bytes // disk.logical_sector_bytes

    def present(self, block: int, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the runs (first, end) of present sectors within sectors `first` to `end`."""
        return runs(self.bits_of(block), first, end)

    def bits_of(self, block: int) -> bytes:
        """Return the bits of one block."""
        with self._lock:
            bitmap, start = self._locate(block)
            return bytes(bitmap[start : start + self._block_bits // 8])

    def mark(self, block: int, first: int, end: int, *, alone: bool) -> tuple[int, bytes]:
        """Set the bits of sectors `first` to `end`; return (file offset, bytes) to be written.

        With `alone` all other bits of the block are cleared, as a block needs that gets its
        first sectors.
        """
        with self._lock:
            bitmap, start = self._locate(block)
            low, high = start + first // 8, start + -(-end // 8)
            if alone:
                low, high = start, start + self._block_bits // 8
                bitmap[low:high] = bytes(high - low)
            set_bits(bitmap, 8 * start + first, 8 * start + end)
            chunk = block // self._table.disk.chunk_blocks
            return self._table.bitmap_offset(chunk) + low, bytes(bitmap[low:high])

    def _locate(self, block: int) -> tuple[bytearray, int]:
        chunk, within = divmod(block, self._table.disk.chunk_blocks)
        bitmap = self._kept.get(chunk)
        if bitmap is None:
            offset = self._table.bitmap_offset(chunk)
            bitmap = self._kept[chunk] = bytearray(_BITMAP_BYTES)
            self._source.read_into(offset, memoryview(bitmap))
            if len(self._kept) > _KEPT_BITMAPS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(chunk)
        return bitmap, within * self._block_bits // 8


def set_bits(bits: bytearray, first: int, end: int) -> None:
    """Set bits `first` to `end` of a bitmap."""
    low, high = first // 8, -(-end // 8)
    mask = (1 << (end - 8 * low)) - (1 << (first - 8 * low))
    old = int.from_bytes(bits[low:high], "little")
    bits[low:high] = (old | mask).to_bytes(high - low, "little")


def is_complete(bits: bytes | bytearray, count: int) -> bool:
    """Say whether all of the first `count` bits are set."""
    return next(runs(bits, 0, count), None) == (0, count)


def runs(bits: bytes | bytearray, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the runs (first, end) of set bits within bits `first` to `end`, coalesced."""
    start = stop = -1
    for base in range(first // (8 * _SLICE_BYTES) * 8 * _SLICE_BYTES, end, 8 * _SLICE_BYTES):
        piece = int.from_bytes(bits[base // 8 : base // 8 + _SLICE_BYTES], "little")
        low, high = max(first - base, 0), min(end - base, 8 * _SLICE_BYTES)
        for left, right in _runs_of_number(piece, low, high):
            if left + base != stop:
                if start >= 0:
                    yield start, stop
                start = left + base
            stop = right + base
    if start >= 0:
        yield start, stop


def _runs_of_number(bits: int, low: int, high: int) -> Iterator[tuple[int, int]]:
    bits = (bits & ((1 << high) - 1)) >> low
    at = low
    while bits:
        gap = (bits & -bits).bit_length() - 1
        bits >>= gap
        length = (~bits & (bits + 1)).bit_length() - 1
        bits >>= length
        yield at + gap, at + gap + length
        at += gap + length
