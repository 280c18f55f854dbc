"""Making and removing differencing files so that none is left behind, whenever the lab dies."""

from __future__ import annotations

import ntpath
from dataclasses import dataclass

from safepoint_lab.world.enums import ImageKind
from safepoint_lab.world.images import make_child
from safepoint_lab.world.model import Disk, DiskImage
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.storage import Storage

__all__ = ["ChildFiles", "PendingFile"]


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A differencing file that is being made or removed; litter if the lab dies meanwhile."""

    path: str


class ChildFiles:
    """Makes files in two steps: `make` on disk, `adopt` into the model (or `abandon`).

    Removing goes the other way: `condemn` in the model, then `abandon` on disk.
    """

    def __init__(self, registry: Registry, storage: Storage) -> None:
        self._registry = registry
        self._storage = storage

    def make(self, wanted: list[tuple[Disk, str]], suffix: str = "") -> list[DiskImage]:
        """Create one file a pair (disk, parent path) beside the disk's base.

        Raises:
            OSError: A file could not be made; none is left.
        """
        made: list[DiskImage] = []
        try:
            for disk, parent in wanted:
                made.append(self._plan(disk, parent, suffix))
                host = self._storage.host_path(made[-1].path)
                make_child(host, self._storage.host_path(parent), parent)
        except OSError:
            self.abandon(made)
            raise
        return made

    def adopt(self, disk: Disk, image: DiskImage) -> None:
        """Let a disk write to a new file; inside the caller's transaction."""
        disk.images[image.path] = image
        disk.path = image.path
        self._registry.state.delete(PendingFile, image.path)

    def condemn(self, disk: Disk, path: str) -> DiskImage:
        """Take a file out of a disk; inside the caller's transaction, `abandon` follows it."""
        self._registry.state.put(path, PendingFile(path))
        return disk.images.pop(path)

    def abandon(self, images: list[DiskImage]) -> None:
        """Remove files that nothing uses (any more)."""
        for image in images:
            self._storage.host_path(image.path).unlink(missing_ok=True)
            self._registry.state.delete(PendingFile, image.path)

    def remove_litter(self) -> None:
        """Remove the files that were being made or removed when the lab died."""
        for path in self._registry.state.load(PendingFile):
            self.abandon([DiskImage(path, None, ImageKind.DIFFERENCING)])

    def _plan(self, disk: Disk, parent: str, suffix: str) -> DiskImage:
        base = next(image.path for image in disk.images.values() if image.parent is None)
        folder, name = ntpath.split(base)
        stem = ntpath.splitext(name)[0]
        path = ntpath.join(folder, f"{stem}_{self._registry.new_guid()}{suffix}.avhdx")
        self._registry.state.put(path, PendingFile(path))
        return DiskImage(path, parent, ImageKind.DIFFERENCING)
