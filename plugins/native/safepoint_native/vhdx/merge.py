"""Merging a child into its parent, in place, as a host does when a checkpoint is deleted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from uuid import UUID, uuid5

from safepoint.errors import UnsupportedError
from safepoint_native.vhdx.chain import check_parent
from safepoint_native.vhdx.image import Extent, VhdxImage
from safepoint_native.vhdx.layout import MIB
from safepoint_native.vhdx.source import FileSource
from safepoint_native.vhdx.writable import WritableVhdx

__all__ = ["merge"]

_PIECE_BYTES = MIB
_Path = str | os.PathLike[str]


def merge(
    child_path: _Path,
    parent_path: _Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    finish: bool = True,
    durable: bool = True,
) -> bool:
    """Write what the child holds into its parent; the child is only read.

    The parent keeps its identity until everything is in it, so that the chain is whole at any
    moment; then it gets the identity that follows from parent and child. Therefore a merge may
    be interrupted anywhere and repeated, also after it was complete. Afterwards the child is
    useless and may be deleted; images that stood on the child need `reparent`.

    Args:
        child_path: The differencing disk.
        parent_path: The disk it stands on, of any kind.
        progress: Called after each piece with bytes done and bytes in all.
        should_stop: Asked before each piece; true ends the merge early.
        finish: With false only the bytes are copied and the parent keeps its identity: a first
            pass while the child is still written, to be repeated when it is at rest.
        durable: With false nothing waits for the disk.

    Returns:
        Whether everything is in the parent; false when `should_stop` ended it.

    Raises:
        DamagedDataError: A file is damaged, or the parent is not the child's.
        UnsupportedError: The disks have different sizes.
    """
    with (
        VhdxImage.open(FileSource(child_path)) as child,
        WritableVhdx.open(parent_path, durable=durable) as parent,
    ):
        identity = _identity_after(child)
        if parent.image.data_write_id == identity:
            return True
        _check(child, parent.image)
        parent.keep_identity()
        if not _copy(child, parent, progress, should_stop):
            return False
        if finish:
            parent.flush()
            parent.renew_identity(identity)
        return True


def _identity_after(child: VhdxImage) -> UUID | None:
    """Return the identity of the parent once it holds the child; the same at each repetition."""
    if child.parent is None:
        return None
    return uuid5(child.parent.parent_linkage, child.data_write_id.hex)


def _check(child: VhdxImage, parent: VhdxImage) -> None:
    check_parent(child, parent)
    if child.size_bytes != parent.size_bytes:
        message = (
            f"{child.name}: has {child.size_bytes} bytes, its parent {parent.name} "
            f"has {parent.size_bytes}: a resized disk cannot be merged"
        )
        raise UnsupportedError(message, hint="Resize the parent to the same size first.")


def _copy(
    child: VhdxImage,
    parent: WritableVhdx,
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> bool:
    extents = list(child.extents())
    done, total = 0, sum(extent.length for extent in extents)
    buffer = memoryview(bytearray(_PIECE_BYTES))
    for piece in _pieces(extents):
        if should_stop and should_stop():
            return False
        if piece.file_offset is None:
            parent.write_zeros(piece.offset, piece.length)
        else:
            view = buffer[: piece.length]
            child.source.read_into(piece.file_offset, view)
            parent.write(piece.offset, view)
        done += piece.length
        if progress:
            progress(done, total)
    return True


def _pieces(extents: list[Extent]) -> Iterator[Extent]:
    for extent in extents:
        for skip in range(0, extent.length, _PIECE_BYTES):
            length = min(_PIECE_BYTES, extent.length - skip)
            at = None if extent.file_offset is None else extent.file_offset + skip
            yield Extent(extent.offset + skip, length, at)
