"""Writing a restore point's disks as files, and registering a VM over them."""

from __future__ import annotations

import ntpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from safepoint_lab.products.cells import CellStore
from safepoint_lab.products.disks import PointDisk
from safepoint_lab.products.fabric import Fabric, FabricError
from safepoint_lab.world.cells import cell_ranges
from safepoint_lab.world.enums import ControllerKind, GuestOs
from safepoint_lab.world.model import Refused, Vm
from safepoint_lab.world.wishes import NewDisk, VmDefinition
from safepoint_native.vhdx import WritableVhdx, create_dynamic, create_fixed

__all__ = ["SavedVm", "Target", "VmWriter"]


class SavedVm(Protocol):
    """What a product keeps of a VM's settings with a restore point."""

    generation: int
    processors: int
    memory_mb: int
    guest_os: str
    disks: list[PointDisk]

    @property
    def size_bytes(self) -> int:
        """Size of its disks."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where a restore goes: name, host, folder of each disk by slot, identity, overwriting."""

    name: str
    node: str
    folders: dict[str, str]
    config_root: str
    guid: str | None
    overwrite_disks: bool


class VmWriter:
    """Makes disk files and VMs in the world."""

    def __init__(self, fabric: Fabric, cells: CellStore) -> None:
        self._fabric = fabric
        self._cells = cells

    def write(self, point: SavedVm, target: Target, step: Callable[[int, int], None]) -> list[str]:
        """Write every disk; return the paths. `step` gets bytes done and in all, may raise.

        Raises:
            FabricError: A folder is on no share, or a file is there that must not be replaced.
        """
        paths = [self._path(target, disk) for disk in point.disks]
        for path in paths:
            if not target.overwrite_disks and self._fabric.world.host_path(path).exists():
                message = f"File {path} exists already (simulated text)"
                raise FabricError(message)
        done = 0
        try:
            for disk, path in zip(point.disks, paths, strict=True):
                done = self._write_disk(disk, path, done, lambda at: step(at, point.size_bytes))
        except BaseException:
            self.discard(paths)
            raise
        return paths

    def write_one(
        self, disk: PointDisk, path: str, step: Callable[[int], None], *, overwrite: bool
    ) -> None:
        """Write one disk to a path; `step` gets the bytes done, may raise.

        Raises:
            FabricError: The path is on no share, or a file is there that must not be replaced.
        """
        host = self._host_path(path)
        if not overwrite and host.exists():
            message = f"File {path} exists already (simulated text)"
            raise FabricError(message)
        try:
            self._write_disk(disk, path, 0, step)
        except BaseException:
            self.discard([path])
            raise

    def register(self, point: SavedVm, target: Target, paths: list[str]) -> Vm:
        """Register a VM over written files, off."""
        disks = tuple(
            NewDisk(path, ControllerKind[disk.controller_kind], disk.controller, disk.lun)
            for disk, path in zip(point.disks, paths, strict=True)
        )
        definition = VmDefinition(
            name=target.name,
            generation=point.generation,
            guid=target.guid,
            processors=point.processors,
            memory_mb=point.memory_mb,
            guest_os=GuestOs(point.guest_os),
            config_root=target.config_root,
            disks=disks,
        )
        return self._fabric.define(definition, target.node)

    def discard(self, paths: list[str]) -> None:
        """Remove written files."""
        for path in paths:
            self._fabric.world.host_path(path).unlink(missing_ok=True)

    def _path(self, target: Target, disk: PointDisk) -> str:
        path = ntpath.join(target.folders.get(disk.slot, disk.path), disk.name)
        self._host_path(path)
        return path

    def _host_path(self, path: str) -> Path:
        try:
            return self._fabric.world.host_path(path)
        except Refused as error:
            message = f"Folder {ntpath.dirname(path)} is not available on the host"
            raise FabricError(message) from error

    def _write_disk(
        self, disk: PointDisk, path: str, done: int, step: Callable[[int], None]
    ) -> int:
        host = self._fabric.world.host_path(path)
        host.parent.mkdir(parents=True, exist_ok=True)
        host.unlink(missing_ok=True)
        create = create_fixed if disk.fixed else create_dynamic
        create(host, disk.size_bytes)
        file = WritableVhdx.open(host, durable=False)
        try:
            for (offset, length), cell in zip(
                cell_ranges(disk.size_bytes), disk.cells, strict=True
            ):
                if cell:
                    file.write(offset, self._cells.get(cell, length))
                done += length
                step(done)
        finally:
            file.close()
        return done
