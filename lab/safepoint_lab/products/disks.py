"""Disks of a restore point, and copying what a checkpoint froze into the cell store."""

from __future__ import annotations

import ntpath
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from safepoint_lab.products.cells import CellStore
from safepoint_lab.world.cells import cell_ranges
from safepoint_lab.world.enums import ImageKind
from safepoint_lab.world.images import open_chain
from safepoint_lab.world.model import CheckpointDisk, Disk, Vm
from safepoint_lab.world.port import WorldPort

__all__ = ["CopyCounts", "PointDisk", "base_of", "copy_disk"]


@dataclass(slots=True)
class PointDisk:
    """One disk of a restore point: where it was, and its content as digests of cells.

    A cell of zeros is an empty string.
    """

    uid: str
    slot: str
    controller: int
    controller_kind: str
    lun: int
    name: str
    path: str
    fixed: bool
    size_bytes: int
    cells: list[str] = field(default_factory=list)


@dataclass(slots=True)
class CopyCounts:
    """Bytes of one task: looked at, read from the source, sent to the repository."""

    processed: int = 0
    read: int = 0
    transferred: int = 0


def copy_disk(
    world: WorldPort,
    cells: CellStore,
    vm: Vm,
    frozen: CheckpointDisk,
    before: PointDisk | None,
    counts: CopyCounts,
    step: Callable[[], None],
) -> PointDisk:
    """Copy one frozen disk.

    The whole disk is looked at; `read` counts the cells that differ from `before`, as resilient
    change tracking would have read them. `step` is called after each cell and may raise.
    """
    with world.lock:
        disk = next(item for item in vm.disks if item.slot == frozen.slot)
        paths, base = _chain(world, disk, frozen.path), base_of(disk, frozen.path)
    copied = PointDisk(
        uid=f"{uuid.uuid4()}:{uuid.uuid4()}:{uuid.uuid4().hex.upper()}",
        slot=frozen.slot,
        controller=frozen.controller,
        controller_kind=frozen.controller_kind.name,
        lun=frozen.lun,
        name=ntpath.basename(base),
        path=ntpath.dirname(base),
        fixed=disk.images[base].kind is ImageKind.FIXED,
        size_bytes=frozen.size_bytes,
    )
    known = before.cells if before is not None and before.size_bytes == frozen.size_bytes else []
    with open_chain(paths) as chain:
        for number, (offset, length) in enumerate(cell_ranges(chain.size_bytes)):
            name, new = cells.put(chain.read_at(offset, length))
            copied.cells.append(name)
            counts.processed += length
            counts.read += 0 if number < len(known) and known[number] == name else length
            counts.transferred += length if new else 0
            step()
    return copied


def base_of(disk: Disk, path: str) -> str:
    """Return the base file below a file of a disk."""
    while (parent := disk.images[path].parent) is not None:
        path = parent
    return path


def _chain(world: WorldPort, disk: Disk, path: str) -> list[Path]:
    files = []
    at: str | None = path
    while at is not None:
        files.append(world.host_path(at))
        at = disk.images[at].parent
    return files
