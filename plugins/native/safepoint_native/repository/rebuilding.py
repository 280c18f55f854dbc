"""Getting a lost or damaged index back from the packs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository.frames import open_note
from safepoint_native.repository.index import PointIndex
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.packs import PACK_NOTE
from safepoint_native.repository.sealing import (
    PointFiles,
    read_whole,
    write_durably,
    write_manifest,
)
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["rebuild_index"]

_NOTE_PROBE_BYTES = 4096


def rebuild_index(files: FileSystem, layout: Layout, point: PointFiles) -> PointIndex:
    """Write index and manifest of a point anew, from the index or else from its spare copy.

    Raises:
        NotFoundError: no pack holds a spare copy of this index.
        DamagedDataError: the spare copy is damaged, too.
    """
    path = layout.index(point.vm, point.point_id)
    try:
        data = read_whole(files, path)
        index = PointIndex.decode(data, layout.relative(path))
    except (NotFoundError, DamagedDataError):
        data = _find_spare(files, layout, point)
        index = PointIndex.decode(data, f"spare index of {point.point_id}")
        # Not named like an unsealed index: discarding it must not touch the point's packs.
        partial = layout.partial(path.with_suffix(".rebuilt"), point.tag)
        layout.make_folder(files, path.parent)
        files.remove(partial)
        write_durably(files, partial, data)
        write_manifest(files, layout, index, data, point.tag)
        files.rename(partial, path)
        files.sync_directory(path.parent)
        return index
    write_manifest(files, layout, index, data, point.tag)
    return index


def _find_spare(files: FileSystem, layout: Layout, point: PointFiles) -> bytes:
    damaged = 0
    for path in _sealed_packs(files, layout):
        try:
            facts = _note(files, path)
        except DamagedDataError:
            damaged += 1
            continue
        if facts.get("spare_index") and (facts["vm"], facts["point"]) == (
            point.vm,
            point.point_id,
        ):
            data = read_whole(files, path)
            return data[open_note(PACK_NOTE, data, layout.relative(path))[1] :]
    msg = f"no pack holds a spare index of {point.point_id} of {point.vm}"
    hint = f"{damaged} packs could not be identified." if damaged else ""
    raise NotFoundError(msg, hint=hint)


def _sealed_packs(files: FileSystem, layout: Layout) -> Iterator[Path]:
    for folder in files.names(layout.packs):
        for name in files.names(layout.packs / folder):
            if name.endswith(".pack"):
                yield layout.packs / folder / name


def _note(files: FileSystem, path: Path) -> dict[str, object]:
    file = files.open(path)
    try:
        body, _ = open_note(PACK_NOTE, file.read_at(0, _NOTE_PROBE_BYTES), path.name)
    finally:
        file.close()
    return dict(json.loads(body))
