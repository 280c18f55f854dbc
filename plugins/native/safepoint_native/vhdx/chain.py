"""A disk as its guest sees it: a leaf image and the parents below it."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from safepoint.errors import DamagedDataError, UsageError
from safepoint_native.vhdx.image import VhdxImage
from safepoint_native.vhdx.ranges import check_range
from safepoint_native.vhdx.source import ByteSource, FileSource

__all__ = ["Chain", "ChainExtent"]


@dataclass(frozen=True, slots=True)
class ChainExtent:
    """A range of the disk (bytes), and source and offset of its bytes; None means zeros."""

    offset: int
    length: int
    source: ByteSource | None
    file_offset: int


class Chain:
    """Images from the leaf to the base, which together are one disk.

    Raises:
        UsageError: No image was given.
        DamagedDataError: An image is not the parent that its child was made on, has other
            sectors, or the base is missing.
    """

    def __init__(self, images: Sequence[VhdxImage]) -> None:
        if not images:
            message = "a chain needs at least one image"
            raise UsageError(message)
        self.images = tuple(images)
        for child, parent in itertools.pairwise(self.images):
            check_parent(child, parent)
        if self.images[-1].parent:
            message = f"{self.images[-1].name}: is a differencing disk without its parent"
            raise DamagedDataError(message, hint="Give all images down to the base.")

    @classmethod
    def open_files(cls, paths: Sequence[str | os.PathLike[str]]) -> Self:
        """Open the files of a chain, leaf first and base last; on failure none stays open."""
        with contextlib.ExitStack() as opened:
            chain = cls([opened.enter_context(VhdxImage.open(FileSource(p))) for p in paths])
            opened.pop_all()
            return chain

    @property
    def leaf(self) -> VhdxImage:
        """The image on top."""
        return self.images[0]

    @property
    def size_bytes(self) -> int:
        """The size of the virtual disk."""
        return self.leaf.size_bytes

    def extents(self, start: int = 0, end: int | None = None) -> Iterator[ChainExtent]:
        """Yield bytes `start` to `end` as sorted extents without gaps, coalesced."""
        end = self.size_bytes if end is None else end
        check_range(self.leaf.name, self.size_bytes, start, end - start)
        return _coalesced(_resolve(self.images, start, end))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes of the disk; UsageError when they are outside of it."""
        check_range(self.leaf.name, self.size_bytes, offset, length)
        buffer = bytearray(length)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with bytes of the disk; UsageError when they are outside of it."""
        for extent in self.extents(offset, offset + len(buffer)):
            target = buffer[extent.offset - offset :][: extent.length]
            if extent.source is None:
                target[:] = bytes(extent.length)
            else:
                extent.source.read_into(extent.file_offset, target)

    def close(self) -> None:
        """Close all images; may be called twice."""
        for image in self.images:
            image.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_parent(child: VhdxImage, parent: VhdxImage) -> None:
    """Raise DamagedDataError unless `child` was made on `parent` as it is now."""
    if child.parent is None:
        message = f"{child.name}: is a {child.kind} disk and has no parent"
        raise DamagedDataError(message)
    if child.parent.parent_linkage != parent.data_write_id:
        message = (
            f"{parent.name}: is not the parent that {child.name} was made on: it has content "
            f"{parent.data_write_id}, the child expects {child.parent.parent_linkage}"
        )
        raise DamagedDataError(message, hint="The parent was changed or is another disk.")
    if child.logical_sector_bytes != parent.logical_sector_bytes:
        message = f"{child.name}: has sectors of another size than its parent {parent.name}"
        raise DamagedDataError(message)


def _resolve(images: Sequence[VhdxImage], start: int, end: int) -> Iterator[ChainExtent]:
    """Yield the range, taking what the first image does not list from those below it."""
    if not images:
        yield ChainExtent(start, end - start, None, 0)
        return
    image, below = images[0], images[1:]
    inside, at = min(end, image.size_bytes), start
    for extent in image.extents(start, inside) if start < inside else ():
        if extent.offset > at:
            yield from _resolve(below, at, extent.offset)
        source = None if extent.file_offset is None else image.source
        yield ChainExtent(extent.offset, extent.length, source, extent.file_offset or 0)
        at = extent.offset + extent.length
    if at < inside:
        yield from _resolve(below, at, inside)
        at = inside
    if at < end:
        yield ChainExtent(at, end - at, None, 0)


def _coalesced(extents: Iterator[ChainExtent]) -> Iterator[ChainExtent]:
    last: ChainExtent | None = None
    for extent in extents:
        if last and last.source is extent.source and _touches(last, extent):
            length = last.length + extent.length
            last = ChainExtent(last.offset, length, last.source, last.file_offset)
            continue
        if last:
            yield last
        last = extent
    if last:
        yield last


def _touches(left: ChainExtent, right: ChainExtent) -> bool:
    return left.source is None or left.file_offset + left.length == right.file_offset
