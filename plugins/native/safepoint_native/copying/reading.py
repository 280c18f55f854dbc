"""Filling cells from their sources, with as many reads on their way as a source likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

from safepoint_native.copying.cells import CELL_BYTES, Cell, CellRead
from safepoint_native.sources.os_errors import os_errors
from safepoint_native.sources.port import DuplicableSource, PendingRead, PipelinedSource
from safepoint_native.vhdx import ByteSource
from safepoint_native.vhdx.source import name_of

__all__ = ["CellReader", "FilledCell"]


class FilledCell(NamedTuple):
    """A cell and its bytes, which are valid until the next one is asked for."""

    cell: Cell
    data: memoryview


class _Waiting(NamedTuple):
    cell: Cell
    buffer: bytearray
    fills: list[_Fill]


class _Fill:
    """One read into a cell: asked for at once where the source can, else done in `wait`."""

    def __init__(self, source: ByteSource, read: CellRead, target: memoryview) -> None:
        self._source = source
        self._read = read
        self._target = target
        first = read.parts[0]
        is_direct = len(read.parts) == 1
        self._buffer = (
            target[first.at : first.at + first.length]
            if is_direct
            else memoryview(bytearray(read.length))
        )
        self._is_direct = is_direct
        self._pending: PendingRead | None = None
        if isinstance(source, PipelinedSource):
            self._pending = source.begin_read(read.file_offset, self._buffer)

    def wait(self) -> None:
        """Return once the parts of the cell are filled."""
        if self._pending is not None:
            self._pending.wait()
        else:
            with os_errors("read", name_of(self._source)):
                self._source.read_into(self._read.file_offset, self._buffer)
        if not self._is_direct:
            for at, in_read, length in self._read.parts:
                self._target[at : at + length] = self._buffer[in_read : in_read + length]


class CellReader:
    """Reads cells for one worker; use it as a context manager.

    Sources that can be duplicated are, so that workers do not wait for one another.
    """

    def __init__(self) -> None:
        self._own: dict[int, ByteSource] = {}
        self._free: list[bytearray] = []
        self._zeros = bytes(CELL_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for source in self._own.values():
            source.close()

    def filled(self, cells: Iterator[Cell]) -> Iterator[FilledCell]:
        """Yield the cells with their bytes, in order.

        Raises:
            DriverError: a source cannot be read.
            DamagedDataError: a source ends before its time.
        """
        waiting: deque[_Waiting] = deque()
        for cell in cells:
            waiting.append(self._begin(cell))
            if len(waiting) >= self._depth(cell):
                yield from self._end(waiting.popleft())
        while waiting:
            yield from self._end(waiting.popleft())

    def _begin(self, cell: Cell) -> _Waiting:
        buffer = self._free.pop() if self._free else bytearray(CELL_BYTES)
        target = memoryview(buffer)[: cell.length]
        if cell.data_bytes < cell.length:
            target[:] = self._zeros[: cell.length]
        fills = [_Fill(self._handle(read.source), read, target) for read in cell.reads]
        return _Waiting(cell, buffer, fills)

    def _end(self, waiting: _Waiting) -> Iterator[FilledCell]:
        for fill in waiting.fills:
            fill.wait()
        yield FilledCell(waiting.cell, memoryview(waiting.buffer)[: waiting.cell.length])
        self._free.append(waiting.buffer)

    def _handle(self, source: ByteSource) -> ByteSource:
        if not isinstance(source, DuplicableSource):
            return source
        found = self._own.get(id(source))
        if found is None:
            found = self._own[id(source)] = source.duplicate()
        return found

    def _depth(self, cell: Cell) -> int:
        handles = (self._handle(read.source) for read in cell.reads)
        depths = (one.depth for one in handles if isinstance(one, PipelinedSource))
        return max(depths, default=1)
