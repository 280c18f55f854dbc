"""Giving a differencing disk another parent, as a host does after merging one in the middle."""

from __future__ import annotations

import os

from safepoint.errors import DamagedDataError, UsageError
from safepoint_native.vhdx.create import locator_for
from safepoint_native.vhdx.file import LocalFile
from safepoint_native.vhdx.image import VhdxImage
from safepoint_native.vhdx.metadata import replace_parent
from safepoint_native.vhdx.source import FileSource

__all__ = ["reparent"]

_Path = str | os.PathLike[str]


def reparent(
    path: _Path,
    parent_path: _Path,
    *,
    relative_path: str | None = None,
    absolute_path: str | None = None,
) -> None:
    """Let the differencing disk at `path` stand on the disk in `parent_path` as it is now.

    The caller vouches that the new parent holds the same bytes as the old one; nothing here
    can check that. The change takes effect with one small write: a reader finds the old
    parent or the new one. May be repeated.

    Raises:
        UsageError: The disk has no parent to replace.
        DamagedDataError: A file is damaged or the sizes do not fit.
    """
    with VhdxImage.open(FileSource(parent_path)) as parent:
        locator = locator_for(path, parent_path, parent, relative_path, absolute_path)
        shape = (parent.size_bytes, parent.logical_sector_bytes)
    with LocalFile.open_existing(path) as file:
        child = VhdxImage.open(file)
        if child.parent is None:
            message = f"{child.name}: is a {child.kind} disk and has no parent"
            raise UsageError(message)
        if shape != (child.size_bytes, child.logical_sector_bytes):
            message = f"{child.name}: has another size or other sectors than its new parent"
            raise DamagedDataError(message)
        replace_parent(file, child.regions.metadata, locator)
        file.sync()
