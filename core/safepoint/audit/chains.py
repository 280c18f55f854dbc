"""Which file stands on which, and which checkpoint explains it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from safepoint.audit.picture import ClusterPicture
from safepoint.models.checkpoints import Checkpoint
from safepoint.models.refs import Ref
from safepoint.models.storage import DiskFile, DiskFileKind
from safepoint.models.workloads import Disk, Workload

__all__ = ["Chain", "Chains", "Layer"]

#: Hyper-V allows some fifty checkpoints; a longer chain is a loop.
_LONGEST_CHAIN = 256


def fold(path: str) -> str:
    """Return a path as it is compared: SMB knows no case."""
    return path.casefold()


@dataclass(frozen=True)
class Layer:
    """One differencing file in use."""

    path: str
    parent: str
    """Empty when not known."""
    file: DiskFile | None
    checkpoint: Checkpoint | None
    """The checkpoint that froze the file below; None: nothing explains this layer."""


@dataclass(frozen=True)
class Chain:
    """The differencing files under one disk, the one in use first."""

    workload: Workload
    disk: Disk
    layers: tuple[Layer, ...]

    @property
    def unexplained(self) -> tuple[Layer, ...]:
        """Layers that no checkpoint needs: they should have been merged."""
        return tuple(layer for layer in self.layers if layer.checkpoint is None)


class Chains:
    """The chains of one cluster.

    Args:
        picture: What was seen of it.
    """

    def __init__(self, picture: ClusterPicture) -> None:
        self._picture = picture
        self._files = {fold(one.path): one for one in picture.files}
        self._of_vm: dict[Ref, list[Checkpoint]] = {}
        for one in picture.checkpoints:
            self._of_vm.setdefault(one.workload, []).append(one)
        self.all = tuple(self._chain(w, d) for w in picture.workloads for d in w.disks)
        self.depths: Mapping[Ref, int] = self._depths()

    def of_checkpoint(self, checkpoint: Checkpoint) -> tuple[DiskFile, ...]:
        """Return the differencing files that stand directly on what the checkpoint froze."""
        frozen = {fold(disk.path) for disk in checkpoint.disks}
        return tuple(f for f in self._picture.files if f.parent and fold(f.parent) in frozen)

    def file(self, path: str) -> DiskFile | None:
        """Return what is known of a file."""
        return self._files.get(fold(path))

    def strays(self) -> Iterator[DiskFile]:
        """Yield the differencing and tracking files that no VM and no checkpoint uses."""
        used = {fold(path) for path in self._used()}
        for one in self._picture.files:
            if one.kind is DiskFileKind.TRACKING:
                if fold(one.path.rpartition(".")[0]) not in self._files:
                    yield one
            elif one.kind is DiskFileKind.DIFFERENCING and fold(one.path) not in used:
                yield one

    def _chain(self, workload: Workload, disk: Disk) -> Chain:
        checkpoints = self._of_vm.get(workload.ref, [])
        frozen = {fold(d.path): one for one in checkpoints for d in one.disks}
        layers: list[Layer] = []
        path = disk.path if disk.is_differencing else ""
        while path and len(layers) < _LONGEST_CHAIN:
            file = self.file(path)
            parent = file.parent if file else ""
            explained = frozen.get(fold(parent)) if parent else None
            if not parent and checkpoints:
                explained = checkpoints[-1]  # not readable: the best that can be said
            layers.append(Layer(path, parent, file, explained))
            below = self.file(parent) if parent else None
            is_base = below is None or below.kind is not DiskFileKind.DIFFERENCING
            path = "" if is_base else parent
        return Chain(workload, disk, tuple(layers))

    def _depths(self) -> dict[Ref, int]:
        depths: dict[Ref, int] = {}
        for chain in self.all:
            ref = chain.workload.ref
            depths[ref] = max(depths.get(ref, 0), len(chain.layers))
        return depths

    def _used(self) -> Iterator[str]:
        attached = [d.path for w in self._picture.workloads for d in w.disks]
        frozen = [d.path for c in self._picture.checkpoints for d in c.disks]
        for path in (*attached, *frozen):
            yield from self._down(path)

    def _down(self, path: str) -> Iterable[str]:
        seen: list[str] = []
        while path and len(seen) < _LONGEST_CHAIN:
            seen.append(path)
            file = self.file(path)
            path = file.parent if file else ""
        return seen
