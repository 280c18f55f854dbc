"""Leaning on an older point: which of its packs a running copy may refer to.

A copy that finds content stored already refers to a pack of an older point. Should that point
be deleted meanwhile, its packs must stay. So the copy first writes a pin that names them, then
looks whether the older point is still there; whoever collects packs counts pins as owners.
"""

from __future__ import annotations

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository.index import PointIndex
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.manifest import parse, render
from safepoint_native.repository.sealing import PointFiles, load_index, read_whole, write_durably
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["pin_base", "pinned_packs"]


def pin_base(
    files: FileSystem, layout: Layout, point: PointFiles, base_point_id: str
) -> PointIndex | None:
    """Pin an older point of the same VM and return its index; None when it cannot serve."""
    path = layout.index(point.vm, base_point_id)
    try:
        index = load_index(files, path, layout.relative(path))
    except (NotFoundError, DamagedDataError):
        # Being deleted or damaged: it is simply not leaned on. Verifying it tells the damage.
        return None
    pin = layout.partial(layout.base(point.vm, point.point_id), point.tag)
    write_durably(files, pin, render({"base": base_point_id, "packs": index.all_packs}))
    files.sync_directory(pin.parent)
    return index if files.exists(path) else None


def pinned_packs(files: FileSystem, layout: Layout, name: str, vm_folder: str) -> list[str]:
    """Return the packs that a pin file names; a pin cut off by a crash pins nothing."""
    try:
        data = read_whole(files, layout.points / vm_folder / name)
        return list(parse(data, name)["packs"])
    except (NotFoundError, DamagedDataError):
        # Not durable yet, so its writer has not looked for its base yet and will not find it.
        return []
