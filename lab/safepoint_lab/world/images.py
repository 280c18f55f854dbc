"""Disk files: new VHDX from a template, differencing files, chains, facts of a file.

All paths here are host paths (`pathlib.Path`); what the files say inside are UNC paths, as a
Windows host would write them.
"""

from __future__ import annotations

import ntpath
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from safepoint_lab.world.content import name_guest
from safepoint_lab.world.enums import ImageKind
from safepoint_lab.world.template import Template
from safepoint_native.vhdx import (
    Chain,
    DiskKind,
    FileSource,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
    create_fixed,
)

__all__ = [
    "DiskFile",
    "make_base",
    "make_child",
    "make_empty",
    "open_chain",
    "open_disk",
    "read_content_id",
]

KINDS = {
    DiskKind.FIXED: ImageKind.FIXED,
    DiskKind.DYNAMIC: ImageKind.DYNAMIC,
    DiskKind.DIFFERENCING: ImageKind.DIFFERENCING,
}


class DiskFile:
    """A VHDX file (with its chain below) open for a guest: a `BlockDevice`.

    Nothing waits for the real disk: the lab survives the death of its process, not of the
    machine.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        parents = [VhdxImage.open(FileSource(path)) for path in paths[1:]]
        self._parents = Chain(parents) if parents else None
        try:
            self._leaf = WritableVhdx.open(paths[0], parent=self._parents, durable=False)
        except BaseException:
            if self._parents is not None:
                self._parents.close()
            raise

    @property
    def size_bytes(self) -> int:
        """Size of the virtual disk."""
        return self._leaf.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes of the virtual disk."""
        return self._leaf.read(offset, length)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write into the leaf file."""
        self._leaf.write(offset, data)

    def close(self) -> None:
        """Close leaf and parents."""
        self._leaf.close()
        if self._parents is not None:
            self._parents.close()


def make_base(
    path: Path, template: Template, *, kind: ImageKind, disk_id: UUID, guest_name: str | None
) -> None:
    """Create a dynamic or fixed disk with a template's content; named when `guest_name` is."""
    create = create_fixed if kind is ImageKind.FIXED else create_dynamic
    create(path, template.size_bytes, disk_id=disk_id)
    disk = DiskFile([path])
    try:
        for offset, data in template.pieces():
            disk.write_at(offset, data)
        if guest_name is not None:
            name_guest(disk, guest_name)
    finally:
        disk.close()


def make_empty(path: Path, size_bytes: int) -> None:
    """Create a dynamic disk that reads as zeros."""
    create_dynamic(path, size_bytes)


def make_child(path: Path, parent: Path, parent_unc: str) -> None:
    """Create the differencing file that takes the writes from now on."""
    relative = ntpath.join(".", parent.name)
    create_differencing(path, parent, relative_path=relative, absolute_path=parent_unc)


def open_disk(paths: Sequence[Path]) -> DiskFile:
    """Open a chain (leaf first) for a guest that writes into the leaf."""
    return DiskFile(paths)


def open_chain(paths: Sequence[Path]) -> Chain:
    """Open a chain (leaf first) for reading."""
    return Chain([VhdxImage.open(FileSource(path)) for path in paths])


def read_content_id(path: Path) -> str:
    """Return the identity of a file's content: it changes when somebody else wrote to it."""
    with VhdxImage.open(FileSource(path)) as image:
        return f"{image.disk_id}/{image.data_write_id}"
