"""Taking things out: unsealed leftovers, whole restore points, packs that nobody needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository.layout import Layout, tag_of
from safepoint_native.repository.pins import pinned_packs
from safepoint_native.repository.sealing import PointFiles, load_head
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["collect_packs", "delete_point", "remove_partials"]

_INDEX_MARK = ".index."
_DELETED = ".index.deleted"


def remove_partials(
    files: FileSystem,
    layout: Layout,
    *,
    owner: str | None,
    older_than: timedelta,
    now_seconds: float,
) -> list[str]:
    """Remove unsealed files of one owner (None: of all) that are old enough; return their names.

    A half-sealed point loses its index first, so that nobody can seal it any more, and its
    packs before the trace that names them: the removal can be repeated after any crash.
    """
    # With no age asked for, clocks do not matter: the server's may run ahead of ours.
    newest = now_seconds - older_than.total_seconds() if older_than else math.inf
    work = _Removal(files, layout, newest)
    for folder in _subfolders(files, layout.points):
        for name in files.names(folder):
            if _concerns(name, owner) and _INDEX_MARK in name:
                work.index(folder / name)
    for parent in (layout.points, layout.packs):
        for folder in _subfolders(files, parent):
            for name in files.names(folder):
                if _concerns(name, owner):
                    work.file(folder / name)
    for name in files.names(layout.root):
        if _concerns(name, owner):
            work.file(layout.root / name)
    return work.removed


def _concerns(name: str, owner: str | None) -> bool:
    tag = tag_of(name)
    return tag is not None and owner in (None, tag)


def _subfolders(files: FileSystem, parent: Path) -> Iterator[Path]:
    return (parent / name for name in files.names(parent))


class _Removal:
    """Removes what is older than a moment."""

    def __init__(self, files: FileSystem, layout: Layout, newest_seconds: float) -> None:
        self._files = files
        self._layout = layout
        self._newest_seconds = newest_seconds
        self.removed: list[str] = []

    def file(self, path: Path) -> None:
        """Remove one file."""
        if self._is_old(path):
            self._files.remove(path)
            self.removed.append(self._layout.relative(path))

    def index(self, path: Path) -> None:
        """Remove an unsealed index with everything that was given its final name already."""
        if not self._is_old(path):
            return
        doomed = path.with_name(path.name.removesuffix(".partial") + ".discarded")
        if path.name.endswith(".partial"):
            try:
                self._files.rename(path, doomed)
            except NotFoundError:  # sealed or discarded by someone else at this moment
                return
            self._files.sync_directory(path.parent)
        self._sealed_parts(doomed if path.name.endswith(".partial") else path)

    def _sealed_parts(self, doomed: Path) -> None:
        try:
            head = load_head(self._files, doomed, self._layout.relative(doomed))
        except DamagedDataError:
            # Cut off while it was written: then no pack had its final name yet.
            self.file(doomed)
            return
        if not self._files.exists(self._layout.index(head.vm, head.point_id)):
            self.file_if_there(self._layout.manifest(head.vm, head.point_id))
            for pack_id in head.own_packs:
                self.file_if_there(self._layout.pack(pack_id))
        self.file(doomed)

    def file_if_there(self, path: Path) -> None:
        """Remove a file that may not be there, however old."""
        if self._files.exists(path):
            self._files.remove(path)
            self.removed.append(self._layout.relative(path))

    def _is_old(self, path: Path) -> bool:
        try:
            return self._files.modified_seconds(path) <= self._newest_seconds
        except NotFoundError:
            return False


def delete_point(files: FileSystem, layout: Layout, point: PointFiles) -> None:
    """Delete a restore point; its packs go when `collect_packs` finds that nobody needs them.

    Raises:
        NotFoundError: there is no such point.
    """
    index = layout.index(point.vm, point.point_id)
    deleted = layout.deleted(point.vm, point.point_id)
    manifest = layout.manifest(point.vm, point.point_id)
    if not any(files.exists(path) for path in (index, deleted, manifest)):
        msg = f"there is no restore point {point.point_id} of {point.vm}"
        raise NotFoundError(msg)
    if files.exists(index):
        files.rename(index, deleted)
        files.sync_directory(index.parent)
    files.remove(manifest)
    files.sync_directory(index.parent)
    files.remove(deleted)


def collect_packs(files: FileSystem, layout: Layout) -> list[str]:
    """Remove every sealed pack that no restore point, unsealed copy or pin needs.

    Raises:
        DamagedDataError: an index cannot be read, so nobody can tell what it needs; nothing
            was removed.
    """
    candidates = [
        folder / name
        for folder in _subfolders(files, layout.packs)
        for name in files.names(folder)
        if name.endswith(".pack")
    ]
    needed = _needed_packs(files, layout)
    removed = []
    for path in candidates:
        if path.name.removesuffix(".pack") not in needed:
            files.remove(path)
            files.remove(layout.suspect(path.stem))
            removed.append(layout.relative(path))
    return removed


def _needed_packs(files: FileSystem, layout: Layout) -> set[str]:
    """Read all owners until two looks in a row agree: a point may be sealed between them."""
    needed: set[str] = set()
    seen: set[str] | None = None
    while True:
        owners = {
            f"{folder.name}/{name}"
            for folder in _subfolders(files, layout.points)
            for name in files.names(folder)
            if _owns_packs(name)
        }
        if owners == seen:
            return needed
        for owner in owners - (seen or set()):
            needed.update(_packs_of(files, layout, *owner.split("/")))
        seen = owners


def _owns_packs(name: str) -> bool:
    is_index = name.endswith(".index") or (_INDEX_MARK in name and not name.endswith(_DELETED))
    return is_index or (".base." in name and tag_of(name) is not None)


def _packs_of(files: FileSystem, layout: Layout, vm_folder: str, name: str) -> list[str]:
    if ".base." in name:
        return pinned_packs(files, layout, name, vm_folder)
    path = layout.points / vm_folder / name
    try:
        return load_head(files, path, layout.relative(path)).all_packs
    except NotFoundError:  # sealed or removed since we looked; the next look sees what became
        return []
    except DamagedDataError as error:
        if tag_of(name) is not None:  # still being written: none of its packs is sealed yet
            return []
        msg = f"cannot tell which packs are needed: {error.message}"
        hint = "Rebuild the index from its spare copy, or delete that point, then collect again."
        raise DamagedDataError(msg, hint=hint) from error
