"""Writing a whole new VHDX file front to back, as a restore does."""

from __future__ import annotations

import os
import threading
from array import array
from pathlib import Path
from typing import Protocol, Self
from uuid import UUID, uuid4

from typing_extensions import Buffer, override

from safepoint.errors import UsageError
from safepoint_native.vhdx.bat import ENTRY_BYTES, BlockState
from safepoint_native.vhdx.bitmaps import is_complete, set_bits
from safepoint_native.vhdx.create import born_regions, fixed_entries, write_structures
from safepoint_native.vhdx.disk import Disk, DiskKind
from safepoint_native.vhdx.file import LocalFile, Target
from safepoint_native.vhdx.layout import MIB
from safepoint_native.vhdx.parent import ParentLocator

__all__ = ["NewFile", "SequentialVhdxWriter"]


class NewFile(Target, Protocol):
    """A new file, of this machine or of a share."""

    def resize(self, size_bytes: int) -> None:
        """Set the length; what is added reads as zeros."""

    def close(self) -> None:
        """Close it and make its name durable."""

    def discard(self) -> None:
        """Close it and remove it."""


class _NewLocalFile(NewFile):
    """A new file of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = LocalFile.create(path)

    @override
    def write_at(self, offset: int, data: Buffer) -> None:
        self._file.write_at(offset, data)

    @override
    def resize(self, size_bytes: int) -> None:
        self._file.resize(size_bytes)

    @override
    def sync(self) -> None:
        self._file.sync()

    @override
    def close(self) -> None:
        self._file.close()
        _sync_folder(self._path.parent)

    @override
    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class SequentialVhdxWriter:
    """A new VHDX file that is filled once and closed; what is never written reads as zeros.

    Pieces may come in any order and from several threads; a block gets its place in the file
    with its first piece. Structures are written at `close`, the signature last, so a file
    that was not finished is no VHDX and nobody takes it for a disk; a finished one needs no
    log. As a context manager it closes on success and removes the file on failure.

    In a differencing disk, what is never written shows the parent, and pieces must be whole
    logical sectors.

    Args:
        path: Where it goes; with `target` only its name in messages.
        target: A new file elsewhere, such as on a share; `path` is created when left out.

    Raises:
        UsageError: No such disk can exist.
        FileExistsError: The path is taken.
    """

    def __init__(  # noqa: PLR0913  # the properties of a disk
        self,
        path: str | os.PathLike[str],
        *,
        kind: DiskKind,
        size_bytes: int,
        block_bytes: int = 2 * MIB,
        logical_sector_bytes: int = 512,
        physical_sector_bytes: int = 4096,
        disk_id: UUID | None = None,
        parent: ParentLocator | None = None,
        target: NewFile | None = None,
    ) -> None:
        self.path = Path(path)
        self.disk = Disk(
            kind=kind,
            size_bytes=size_bytes,
            block_bytes=block_bytes,
            logical_sector_bytes=logical_sector_bytes,
            physical_sector_bytes=physical_sector_bytes,
            disk_id=disk_id or uuid4(),
            parent=parent,
        )
        if problem := self.disk.problem():
            message = f"{self.path}: {problem}"
            raise UsageError(message)
        self.data_write_id = uuid4()
        self._lock = threading.Lock()
        self._end = born_regions(self.disk).bat.end
        self._entries = self._first_entries()
        self._bits: dict[int, bytearray] = {}
        self._file: NewFile | None = target or _NewLocalFile(self.path)

    def write(self, offset: int, data: Buffer) -> None:
        """Write `data` at `offset` of the disk.

        Raises:
            UsageError: It does not fit the disk or its sectors, or the file is closed.
        """
        view, file = memoryview(data).cast("B"), self._open_file()
        self._check(offset, len(view))
        while view:
            block, within = divmod(offset, self.disk.block_bytes)
            piece = view[: self.disk.block_bytes - within]
            file.write_at(self._place(block) + within, piece)
            if self.disk.kind is DiskKind.DIFFERENCING:
                self._mark(block, within, len(piece))
            offset, view = offset + len(piece), view[len(piece) :]

    def close(self) -> None:
        """Finish the file and wait until it has reached the disk; may be called twice.

        When that fails the file stays unfinished; `abort` removes it.
        """
        file = self._file
        if file is None:
            return
        self._write_bitmaps(file)
        file.resize(self._end)
        write_structures(
            file, self.disk, self._entries, data_write_id=self.data_write_id, durable=True
        )
        file.close()
        self._file = None

    def abort(self) -> None:
        """Remove the unfinished file; does nothing after `close` or a first `abort`."""
        file, self._file = self._file, None
        if file is not None:
            file.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise

    def _first_entries(self) -> array[int]:
        if self.disk.kind is not DiskKind.FIXED:
            return array("Q", bytes(self.disk.bat_entries * ENTRY_BYTES))
        start = self._end
        self._end += self.disk.block_count * self.disk.block_bytes
        return fixed_entries(self.disk, start)

    def _open_file(self) -> NewFile:
        if self._file is None:
            message = f"{self.path}: is already closed"
            raise UsageError(message)
        return self._file

    def _check(self, offset: int, length: int) -> None:
        outside = offset < 0 or offset + length > self.disk.size_bytes
        sector = self.disk.logical_sector_bytes
        torn = self.disk.kind is DiskKind.DIFFERENCING and (offset % sector or length % sector)
        if outside or torn:
            what = "are outside of the disk" if outside else f"are no whole {sector}-byte sectors"
            message = f"{self.path}: bytes {offset}+{length} {what}"
            raise UsageError(message)

    def _place(self, block: int) -> int:
        """Return where a block lies in the file, giving it a place the first time."""
        index = self.disk.payload_entry(block)
        with self._lock:
            if not self._entries[index]:
                self._entries[index] = self._reserve(self.disk.block_bytes)
            return self._entries[index] // MIB * MIB

    def _reserve(self, length: int) -> int:
        offset = self._end
        self._end += length
        return offset | BlockState.FULLY_PRESENT

    def _mark(self, block: int, within: int, length: int) -> None:
        sector = self.disk.logical_sector_bytes
        with self._lock:
            empty = bytearray(self.disk.block_bytes // sector // 8)
            bits = self._bits.setdefault(block, empty)
            set_bits(bits, within // sector, (within + length) // sector)

    def _write_bitmaps(self, file: NewFile) -> None:
        """Store the bitmaps of the blocks that show the parent in some sectors."""
        disk = self.disk
        for block, bits in sorted(self._bits.items()):
            sectors = disk.used_bytes(block) // disk.logical_sector_bytes
            if is_complete(bits, sectors):
                continue
            self._entries[disk.payload_entry(block)] |= BlockState.PARTIALLY_PRESENT
            chunk, within = divmod(block, disk.chunk_blocks)
            index = disk.bitmap_entry(chunk)
            if not self._entries[index]:
                self._entries[index] = self._reserve(MIB)
            file.write_at(self._entries[index] // MIB * MIB + within * len(bits), bits)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable where folders can be synced (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
