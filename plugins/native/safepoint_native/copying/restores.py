"""Writing a disk of a restore point into a new file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from typing_extensions import Buffer

from safepoint_native.copying.fulls import default_workers
from safepoint_native.copying.workers import OnProgress, ShouldStop, WorkQueue, run_workers
from safepoint_native.repository import DiskReader
from safepoint_native.repository.tables import Piece
from safepoint_native.sources.filesystem import LocalFileSystem
from safepoint_native.sources.os_errors import os_errors

__all__ = ["DiskSink", "RawSink", "RestoreStats", "restore_disk"]


class DiskSink(Protocol):
    """A new disk; `safepoint_native.vhdx.SequentialVhdxWriter` is one.

    What is never written is zeros. Threads write different places at the same time.
    """

    def write(self, offset: int, data: Buffer, /) -> None:
        """Write data at `offset` of the disk."""


class RawSink:
    """A raw image, sparse where the file system can; removed again when writing fails."""

    def __init__(self, path: Path | str, size_bytes: int) -> None:
        self._path = Path(path)
        self._file = LocalFileSystem().create(self._path)
        with os_errors("resize", self._path):
            os.truncate(self._path, size_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._file.sync()
        self._file.close()
        if kind is not None:
            LocalFileSystem().remove(self._path)

    def write(self, offset: int, data: Buffer, /) -> None:
        """Write data at `offset`."""
        self._file.write_at(offset, [data])


@dataclass(frozen=True, slots=True)
class RestoreStats:
    """What a restore did."""

    written_bytes: int
    seconds: float


def restore_disk(
    reader: DiskReader,
    sink: DiskSink,
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> RestoreStats:
    """Write every stored byte of a disk, each verified by its digest; the caller closes the sink.

    Raises:
        DamagedDataError: a record is damaged; file and place in the disk are named.
        RunCancelledError: `should_stop` said so.
        DriverError: repository or target failed, such as StorageFullError.
    """
    began = time.monotonic()
    total = reader.data_bytes
    queue = WorkQueue(reader.pieces(), total, on_progress=on_progress, should_stop=should_stop)

    def work(pieces: Iterator[Piece]) -> None:
        for piece in pieces:
            data = reader.read_piece(piece)
            with os_errors("write", f"{reader.name} at byte {piece.offset}"):
                sink.write(piece.offset, data)
            queue.done(piece.length)

    run_workers(queue, work, workers or default_workers())
    return RestoreStats(total, time.monotonic() - began)
