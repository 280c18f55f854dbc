"""Listing the restore points of a VM; nothing that looks like one is passed over in silence."""

from __future__ import annotations

from datetime import UTC, datetime

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository.layout import Layout, from_safe_name
from safepoint_native.repository.manifest import parse
from safepoint_native.repository.points import StoredPoint
from safepoint_native.repository.sealing import read_whole, stored_point
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["list_points"]

_UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)


def list_points(files: FileSystem, layout: Layout, vm: str) -> list[StoredPoint]:
    """Return the sealed points of a VM, oldest first.

    A point has an index and a manifest. One without the other is damaged, unless an unsealed
    or half-deleted index says that it is on its way in or out.
    """
    names = files.names(layout.vm(vm))
    indexed = {name.removesuffix(".index") for name in names if name.endswith(".index")}
    described = {name.removesuffix(".json") for name in names if name.endswith(".json")}
    unfinished = {name.partition(".index.")[0] for name in names if ".index." in name}
    found = []
    for name in sorted(indexed | (described - unfinished)):
        point = _point(files, layout, vm, from_safe_name(name))
        if point is not None:
            found.append(point)
    return sorted(found, key=lambda point: (point.created_at, point.point_id))


def _point(files: FileSystem, layout: Layout, vm: str, point_id: str) -> StoredPoint | None:
    manifest, index = layout.manifest(vm, point_id), layout.index(vm, point_id)
    try:
        facts = parse(read_whole(files, manifest), layout.relative(manifest))
    except NotFoundError:
        gone = not files.exists(index)  # deleted since we looked
        return None if gone else _damaged(vm, point_id, f"{layout.relative(manifest)}: missing")
    except DamagedDataError as error:
        return _damaged(vm, point_id, error.message)
    try:
        size_bytes = files.size_bytes(index)
    except NotFoundError:
        gone = not files.exists(manifest)
        return None if gone else _damaged(vm, point_id, f"{layout.relative(index)}: missing")
    if size_bytes != facts["index_bytes"]:
        return _damaged(vm, point_id, f"{layout.relative(index)}: has another size")
    return stored_point(facts)


def _damaged(vm: str, point_id: str, problem: str) -> StoredPoint:
    return StoredPoint(point_id, vm, _UNKNOWN_TIME, problem=problem)
