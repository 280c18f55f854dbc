"""Random writes into one VHDX file in place, as a hypervisor does them."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Self
from uuid import UUID, uuid4

from typing_extensions import Buffer

from safepoint.errors import UnsupportedError, UsageError
from safepoint_native.vhdx.bat import ENTRY_BYTES, BlockState, pack_entries
from safepoint_native.vhdx.bitmaps import is_complete
from safepoint_native.vhdx.chain import Chain
from safepoint_native.vhdx.disk import DiskKind
from safepoint_native.vhdx.file import LocalFile
from safepoint_native.vhdx.header import replace_headers
from safepoint_native.vhdx.image import VhdxImage
from safepoint_native.vhdx.layout import MIB, NO_ID, round_up
from safepoint_native.vhdx.ranges import check_range

__all__ = ["WritableVhdx"]

_ZEROS = bytes(MIB)
_UNSTORED = (BlockState.NOT_PRESENT, BlockState.UNDEFINED, BlockState.ZERO, BlockState.UNMAPPED)


class WritableVhdx:
    """One image, open for writing by one writer; make it with `open`.

    Bytes are written first, then the sector bitmap, then the table entry: whoever opens the
    file for reading at any time finds a disk that has each write wholly or not at all per
    sector. New blocks go to the end of the file. The content gets a new identity
    (data write id) with the first write; a parent with children must therefore not be written,
    except by `merge`. Safe for several threads; a second writer of the same file is not.
    """

    def __init__(
        self, image: VhdxImage, file: LocalFile, parents: tuple[VhdxImage, ...], *, durable: bool
    ) -> None:
        self._image = image
        self._file = file
        self._durable = durable
        self._chain = Chain([image, *parents]) if parents or not image.parent else None
        self._renewed = False
        self._closed = False
        self._end = round_up(file.size_bytes, MIB)
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        parent: VhdxImage | Chain | None = None,
        durable: bool = True,
    ) -> Self:
        """Open a file.

        A differencing disk needs its `parent` for reading and for writes that do not fall on
        whole sectors; the parent stays open, whoever gave it closes it. With `durable` false nothing waits for the disk, for simulations that may be lost.

        Raises:
            DamagedDataError: The file is damaged, or `parent` is not its parent.
            UnsupportedError: No VHDX, or one whose log must be replayed first.
        """
        file = LocalFile.open_existing(path)
        try:
            image = VhdxImage.open(file)
            _check_clean(image)
            parents = parent.images if isinstance(parent, Chain) else (parent,) if parent else ()
            return cls(image, file, parents, durable=durable)
        except BaseException:
            file.close()
            raise

    @property
    def image(self) -> VhdxImage:
        """The image as it is now; its extents follow the writes."""
        return self._image

    @property
    def size_bytes(self) -> int:
        """The size of the virtual disk."""
        return self._image.size_bytes

    def write(self, offset: int, data: Buffer) -> None:
        """Write `data` at `offset` of the disk; UsageError when it does not fit."""
        view = memoryview(data).cast("B")
        self._check_range(offset, len(view))
        with self._lock:
            if view:
                self._renew_once()
                self._write_sectors(*self._whole_sectors(offset, view))

    def write_zeros(self, offset: int, length: int) -> None:
        """Make a range read as zeros, without storing blocks where it already does.

        A block that is stored is overwritten with zeros; a differencing disk stores them too,
        because other readers mistake a hidden parent (state ZERO) for a visible one.
        """
        self._check_range(offset, length)
        end, size = offset + length, self._image.block_bytes
        with self._lock:
            while offset < end:
                until = min(end, (offset // size + 1) * size, offset + len(_ZEROS))
                if not self._reads_as_zeros(offset // size):
                    self.write(offset, memoryview(_ZEROS)[: until - offset])
                offset = until

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the disk, through the parent where this image has none."""
        self._check_range(offset, length)
        with self._lock:
            return self._readable().read_at(offset, length)

    def renew_identity(self, data_write_id: UUID | None = None) -> None:
        """Give the content a new identity now, or the given one; children lose their parent."""
        with self._lock:
            header = replace(
                self._image.header,
                file_write_id=uuid4(),
                data_write_id=data_write_id or uuid4(),
            )
            index = self._image.header_index
            self._image.header = replace_headers(self._file, header, index, durable=self._durable)
            self._renewed = True

    def keep_identity(self) -> None:
        """Let later writes leave the content's identity alone: `merge` alone may want that."""
        self._renewed = True

    def flush(self) -> None:
        """Wait until all writes have reached the disk (at once when not `durable`)."""
        if self._durable:
            self._file.sync()

    def close(self) -> None:
        """Flush and close the file; may be called twice. The parent stays open."""
        with self._lock:
            if not self._closed:
                self._closed = True
                try:
                    self.flush()
                finally:
                    self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_range(self, offset: int, length: int) -> None:
        check_range(self._file.name, self.size_bytes, offset, length)

    def _readable(self) -> Chain:
        if self._chain is None:
            message = f"{self._file.name}: reading needs its parent, which was not given"
            raise UsageError(message)
        return self._chain

    def _renew_once(self) -> None:
        if not self._renewed:
            self.renew_identity()

    def _reads_as_zeros(self, block: int) -> bool:
        state = self._image.table.payload(block)[0]
        if state == BlockState.NOT_PRESENT:
            return self._image.kind is not DiskKind.DIFFERENCING
        return state in _UNSTORED

    def _whole_sectors(self, offset: int, view: memoryview) -> tuple[int, memoryview]:
        """Widen a write into a differencing disk to whole sectors, as bitmaps need it."""
        sector = self._image.logical_sector_bytes
        head, tail = offset % sector, -(offset + len(view)) % sector
        if self._image.kind is not DiskKind.DIFFERENCING or not (head or tail):
            return offset, view
        before = self._readable().read_at(offset - head, head)
        after = self._readable().read_at(offset + len(view), tail)
        return offset - head, memoryview(b"".join((before, view, after)))

    def _write_sectors(self, offset: int, view: memoryview) -> None:
        size = self._image.block_bytes
        while view:
            block, within = divmod(offset, size)
            piece = view[: size - within]
            self._write_block(block, within, piece)
            offset, view = offset + len(piece), view[len(piece) :]

    def _write_block(self, block: int, within: int, piece: memoryview) -> None:
        state, file_offset = self._image.table.payload(block)
        if state in _UNSTORED:
            self._write_new_block(block, within, piece, state)
            return
        self._file.write_at(file_offset + within, piece)
        if state == BlockState.PARTIALLY_PRESENT:
            self._mark(block, within, len(piece), alone=False)
            if self._is_complete(block):
                self._set_payload(block, file_offset, BlockState.FULLY_PRESENT)

    def _write_new_block(self, block: int, within: int, piece: memoryview, state: int) -> None:
        disk = self._image.disk
        whole = len(piece) == disk.used_bytes(block)
        shows_parent = disk.kind is DiskKind.DIFFERENCING and state == BlockState.NOT_PRESENT
        file_offset = self._allocate(disk.block_bytes)
        self._file.write_at(file_offset + within, piece)
        if whole or not shows_parent:
            self._set_payload(block, file_offset, BlockState.FULLY_PRESENT)
            return
        self._ensure_bitmap(block // disk.chunk_blocks)
        self._mark(block, within, len(piece), alone=True)
        self._set_payload(block, file_offset, BlockState.PARTIALLY_PRESENT)

    def _allocate(self, length: int) -> int:
        """Return the offset of a new run of zeros at the end of the file."""
        offset = self._end
        self._file.resize(offset + length)
        self._end = offset + round_up(length, MIB)
        return offset

    def _ensure_bitmap(self, chunk: int) -> None:
        if not self._image.table.bitmap_offset(chunk):
            entry = self._allocate(MIB) | BlockState.FULLY_PRESENT
            self._set_entry(self._image.disk.bitmap_entry(chunk), entry)

    def _mark(self, block: int, within: int, length: int, *, alone: bool) -> None:
        sector = self._image.logical_sector_bytes
        first, end = within // sector, (within + length) // sector
        self._file.write_at(*self._image.bitmaps.mark(block, first, end, alone=alone))

    def _is_complete(self, block: int) -> bool:
        sectors = self._image.disk.used_bytes(block) // self._image.logical_sector_bytes
        return is_complete(self._image.bitmaps.bits_of(block), sectors)

    def _set_payload(self, block: int, file_offset: int, state: BlockState) -> None:
        self._set_entry(self._image.disk.payload_entry(block), file_offset | state)

    def _set_entry(self, index: int, entry: int) -> None:
        at = self._image.regions.bat.offset + index * ENTRY_BYTES
        self._file.write_at(at, pack_entries([entry]))
        self._image.table.entries[index] = entry


def _check_clean(image: VhdxImage) -> None:
    if image.header.log_id != NO_ID:
        message = f"{image.name}: was not closed properly: its log must be replayed first"
        raise UnsupportedError(message, hint="Start and stop its VM, or repair the file.")
