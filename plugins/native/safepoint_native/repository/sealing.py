"""From partial files to a restore point, in an order that a crash cannot harm.

1. packs are on stable storage under partial names;
2. the index and its spare copy are, too (`write_unsealed`);
3. packs, spare and manifest get their final names; 4. the index does: now the point exists
(`seal_point`). Whoever finds a partial index knows every pack of the unsealed point from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from blake3 import blake3

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository.index import PointHead, PointIndex, Stream, StreamKind
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.manifest import parse, render
from safepoint_native.repository.packs import write_pack_note
from safepoint_native.repository.points import StoredFile, StoredPoint
from safepoint_native.sources.filesystem import FileSystem

__all__ = [
    "PointFiles",
    "load_head",
    "load_index",
    "read_whole",
    "seal_point",
    "stored_point",
    "write_durably",
    "write_manifest",
    "write_unsealed",
]


@dataclass(frozen=True, slots=True)
class PointFiles:
    """Which restore point of which VM, and the owner's tag while it is unsealed."""

    point_id: str
    vm: str
    tag: str


def read_whole(files: FileSystem, path: Path) -> bytes:
    """Return all bytes of a file."""
    file = files.open(path)
    try:
        return file.read_at(0, file.size_bytes)
    finally:
        file.close()


def write_durably(files: FileSystem, path: Path, data: bytes) -> None:
    """Create a file and put its bytes on stable storage; its name is not durable yet."""
    file = files.create(path)
    try:
        file.write_at(0, [data])
        file.sync()
    finally:
        file.close()


def load_head(files: FileSystem, path: Path, where: str) -> PointHead:
    """Read the head of an index file and check all of its bytes."""
    return PointHead.decode_head(read_whole(files, path), where)


def load_index(files: FileSystem, path: Path, where: str) -> PointIndex:
    """Read and check an index file."""
    return PointIndex.decode(read_whole(files, path), where)


def write_unsealed(
    files: FileSystem,
    layout: Layout,
    point: PointFiles,
    index: PointIndex,
    sums: Mapping[str, int],
) -> StoredPoint:
    """Write index, spare copy and manifest under partial names, durably."""
    data = index.encode()
    spare = layout.partial_pack(index.spare_pack_id, point.tag)
    layout.make_folder(files, spare.parent)
    facts = {"format": 1, "point": point.point_id, "vm": point.vm, "spare_index": True}
    write_durably(files, spare, write_pack_note({**facts, "pack": index.spare_pack_id}) + data)
    manifest = render(manifest_facts(index, data, sums))
    paths = (layout.manifest(point.vm, point.point_id), layout.index(point.vm, point.point_id))
    for path, content in zip(paths, (manifest, data), strict=True):
        write_durably(files, layout.partial(path, point.tag), content)
    for folder in (spare.parent, layout.vm(point.vm)):
        files.sync_directory(folder)
    return stored_point(parse(manifest, "manifest"))


def seal_point(files: FileSystem, layout: Layout, point: PointFiles) -> StoredPoint:
    """Give everything its final name; doing it twice gives the same point.

    Raises:
        NotFoundError: nothing finished of this tag is there (any more).
        DamagedDataError: a pack of it is missing.
    """
    index_path = layout.index(point.vm, point.point_id)
    manifest_path = layout.manifest(point.vm, point.point_id)
    partial_index = layout.partial(index_path, point.tag)
    if not files.exists(partial_index):
        if files.exists(index_path):
            return _read_manifest(files, layout, manifest_path)
        msg = f"no finished copy of restore point {point.point_id} with tag {point.tag} is there"
        raise NotFoundError(msg, hint="It was discarded, or never finished.")
    head = load_head(files, partial_index, layout.relative(partial_index))
    for folder in sorted(_seal_packs(files, layout, head, point.tag)):
        files.sync_directory(folder)
    _rename_if_there(files, layout.partial(manifest_path, point.tag), manifest_path)
    stored = _read_manifest(files, layout, manifest_path)
    files.sync_directory(index_path.parent)
    files.rename(partial_index, index_path)
    files.sync_directory(index_path.parent)
    files.remove(layout.partial(layout.base(point.vm, point.point_id), point.tag))
    return stored


def _seal_packs(files: FileSystem, layout: Layout, head: PointHead, tag: str) -> set[Path]:
    folders = set()
    for pack_id in head.own_packs:
        final = layout.pack(pack_id)
        _rename_if_there(files, layout.partial_pack(pack_id, tag), final)
        folders.add(final.parent)
    return folders


def _rename_if_there(files: FileSystem, partial: Path, final: Path) -> None:
    if files.exists(partial):
        files.rename(partial, final)
    elif not files.exists(final):
        msg = f"cannot seal: {final} is missing"
        raise DamagedDataError(msg, hint="Discard this copy and run it again.")


def _read_manifest(files: FileSystem, layout: Layout, path: Path) -> StoredPoint:
    return stored_point(parse(read_whole(files, path), layout.relative(path)))


def write_manifest(
    files: FileSystem, layout: Layout, index: PointIndex, data: bytes, tag: str
) -> None:
    """Write the manifest of a sealed point anew, atomically; `data` is its index file."""
    path = layout.manifest(index.vm, index.point_id)
    partial = layout.partial(path, tag)
    own = {number for number, entry in enumerate(index.packs) if entry.is_own}
    rows = zip(index.records.packs, index.records.stored, strict=True)
    stored = sum(stored for pack, stored in rows if pack in own)
    put = sum(sum(stream.pieces.lengths) for stream in _disks(index))
    facts = manifest_facts(index, data, {"put_bytes": put, "stored_bytes": stored})
    files.remove(partial)
    write_durably(files, partial, render(facts))
    files.rename(partial, path)
    files.sync_directory(path.parent)


def manifest_facts(index: PointIndex, data: bytes, sums: Mapping[str, int]) -> dict[str, Any]:
    """Return what a manifest says about an index whose file form is `data`."""
    others = [stream for stream in index.streams if stream.kind is StreamKind.FILE]
    return {
        "format": 1,
        "point": index.point_id,
        "vm": index.vm,
        "created_at": index.created_at,
        "metadata": dict(index.metadata),
        "disks": [_stream_facts(stream) for stream in _disks(index)],
        "files": [_stream_facts(stream) for stream in others],
        "index_bytes": len(data),
        "index_digest": blake3(data).hexdigest(),
        "spare_pack": index.spare_pack_id,
        **sums,
    }


def _disks(index: PointIndex) -> list[Stream]:
    return [stream for stream in index.streams if stream.kind is StreamKind.DISK]


def _stream_facts(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "size_bytes": stream.size_bytes,
        "metadata": dict(stream.metadata),
    }


def stored_point(facts: Mapping[str, Any]) -> StoredPoint:
    """Return what a manifest tells."""
    return StoredPoint(
        point_id=facts["point"],
        vm=facts["vm"],
        created_at=datetime.fromisoformat(facts["created_at"]),
        disks=tuple(StoredFile(**one) for one in facts["disks"]),
        files=tuple(StoredFile(**one) for one in facts["files"]),
        put_bytes=facts["put_bytes"],
        stored_bytes=facts["stored_bytes"],
        metadata=facts["metadata"],
    )
