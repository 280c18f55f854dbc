"""Bytes with changes laid over them in memory."""

from __future__ import annotations

from typing import Final

from safepoint.errors import DamagedDataError
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["SECTOR", "OverlaySource"]

SECTOR: Final = 4096
"""The unit of the changes: they start and end at multiples of it."""


class OverlaySource:
    """A byte source with some sectors replaced; the source itself is never changed.

    All changes are made before the first read; of two that meet, the later one counts. Closing
    it closes the source.
    """

    def __init__(self, below: ByteSource) -> None:
        self.name = name_of(below)
        self._below = below
        self._least_bytes = 0
        self._zeros: list[tuple[int, int]] = []
        self._sectors: dict[int, bytes] = {}

    @property
    def size_bytes(self) -> int:
        """The size of the source, or what `extend` asked for if that is more."""
        return max(self._below.size_bytes, self._least_bytes)

    def extend(self, size_bytes: int) -> None:
        """Let there be at least `size_bytes`; what the source does not have reads as zeros."""
        self._least_bytes = max(self._least_bytes, size_bytes)

    def put_sector(self, offset: int, content: bytes) -> None:
        """Replace the sector at `offset`."""
        self._sectors[offset] = content

    def put_zeros(self, offset: int, length: int) -> None:
        """Replace whole sectors by zeros."""
        end = offset + length
        self._sectors = {at: s for at, s in self._sectors.items() if not offset <= at < end}
        self._zeros.append((offset, end))

    def read_at(self, offset: int, length: int, /) -> bytes:
        """Return exactly `length` bytes, else DamagedDataError."""
        if offset < 0 or length < 0 or offset + length > self.size_bytes:
            raise self._short(offset, length)
        buffer = bytearray(length)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        """Fill `buffer`, else DamagedDataError."""
        end = offset + len(buffer)
        if end > self.size_bytes:
            raise self._short(offset, len(buffer))
        there = max(min(end, self._below.size_bytes) - offset, 0)
        self._below.read_into(offset, buffer[:there])
        buffer[there:] = bytes(len(buffer) - there)
        for start, stop in self._zeros:
            low, high = max(start, offset), min(stop, end)
            if low < high:
                buffer[low - offset : high - offset] = bytes(high - low)
        for at in self._touched(offset, end):
            low, high = max(at, offset), min(at + SECTOR, end)
            buffer[low - offset : high - offset] = self._sectors[at][low - at : high - at]

    def close(self) -> None:
        """Close the source below."""
        self._below.close()

    def _touched(self, offset: int, end: int) -> list[int]:
        """Return where replaced sectors lie in a range, looking through the shorter list."""
        wanted = range(offset // SECTOR * SECTOR, end, SECTOR)
        if len(wanted) < len(self._sectors):
            return [at for at in wanted if at in self._sectors]
        return [at for at in self._sectors if at in wanted]

    def _short(self, offset: int, length: int) -> DamagedDataError:
        return DamagedDataError(
            f"{self.name}: {length} bytes at offset {offset} are not there: "
            f"with its log the file has {self.size_bytes} bytes"
        )
