"""Copying every allocated byte of a disk into a restore point."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from safepoint.errors import InvalidRequestError
from safepoint_native.copying.cells import Cell, DiskExtents, cells_of
from safepoint_native.copying.reading import CellReader
from safepoint_native.copying.workers import OnProgress, ShouldStop, WorkQueue, run_workers
from safepoint_native.repository import DiskWriter

__all__ = ["CopyStats", "copy_disk", "default_workers"]

#: More than two threads gain nothing: the work is bound by memory and by Python's lock.
_MAX_WORKERS = 2


@dataclass(frozen=True, slots=True)
class CopyStats:
    """What a copy did, in bytes of the disk unless said otherwise."""

    read_bytes: int
    """Read from the source; holes are not read."""
    zero_bytes: int
    """Whole cells of zeros: not allocated, or found to be zeros when read."""
    known_bytes: int
    """Found in the repository already."""
    stored_bytes: int
    """Added to the repository, compressed."""
    seconds: float


def default_workers() -> int:
    """Return how many workers this machine makes good use of."""
    return max(1, min(_MAX_WORKERS, os.cpu_count() or 1))


def copy_disk(
    disk: DiskExtents,
    writer: DiskWriter,
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> CopyStats:
    """Copy a disk, usually a `safepoint_native.vhdx.Chain`, and return what that took.

    Each worker reads 1 MiB into a buffer it reuses, drops zeros, hashes, looks whether the
    content is known, compresses and writes, before it takes the next cell.

    Args:
        disk: Where the bytes come from.
        writer: Where they go; of the same size.
        workers: Threads; two where there are two cores by default.
        on_progress: Called with bytes read so far and bytes to read in all.
        should_stop: Asked every few MiB.

    Raises:
        InvalidRequestError: the sizes differ.
        RunCancelledError: `should_stop` said so.
        DriverError: source or repository failed.
        DamagedDataError: the source is not what its structures say.
    """
    if disk.size_bytes != writer.size_bytes:
        msg = f"{writer.name} was begun with {writer.size_bytes} bytes, not {disk.size_bytes}"
        raise InvalidRequestError(msg)
    began = time.monotonic()
    before = writer.counters
    to_read = sum(extent.length for extent in disk.extents() if extent.source is not None)
    queue = WorkQueue(cells_of(disk), to_read, on_progress=on_progress, should_stop=should_stop)

    def work(cells: Iterator[Cell]) -> None:
        with CellReader() as reader:
            for cell, data in reader.filled(cells):
                writer.put(cell.offset, data)
                queue.done(cell.data_bytes)

    run_workers(queue, work, workers or default_workers())
    after = writer.counters
    holes = disk.size_bytes - (after.put_bytes - before.put_bytes)
    return CopyStats(
        read_bytes=to_read,
        zero_bytes=holes + after.zero_bytes - before.zero_bytes,
        known_bytes=after.known_bytes - before.known_bytes,
        stored_bytes=after.stored_bytes - before.stored_bytes,
        seconds=time.monotonic() - began,
    )
