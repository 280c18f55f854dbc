"""The shares of the reference world: which files lie there, derived from its machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from safepoint.models.storage import DiskFile, DiskFileKind
from safepoint_lab.reference.machines import Machine

__all__ = ["ReferenceStorage", "StrayFile"]

_SHARE = r"\\fs01\vmstore1"
_ROOM = 1 << 40


@dataclass(frozen=True)
class StrayFile:
    """A file that no machine uses."""

    path: str
    size_bytes: int = 4096
    modified_at: datetime | None = None
    parent: str = ""
    problem: str = ""


@dataclass
class ReferenceStorage:
    """Room, files that nobody uses, shares that are away. Sizes follow the bytes of machines."""

    free_bytes: dict[str, int] = field(default_factory=lambda: {_SHARE: _ROOM})
    stray: list[StrayFile] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    layer_bytes: dict[str, int] = field(default_factory=dict)
    """Sizes of the differencing files of a layer, where a test wants others than 4 KiB."""
    written_at: dict[str, datetime] = field(default_factory=dict)
    """When a file was last written, by path."""

    def files(self, share: str, machines: Iterable[Machine]) -> list[DiskFile]:
        """Return what lies on a share."""
        used = [file for one in machines if one.share == share for file in self._of(one)]
        strays = [_stray(one) for one in self.stray if one.path.startswith(share)]
        return [*used, *strays]

    def _of(self, machine: Machine) -> Iterator[DiskFile]:
        for disk, content in machine.contents.items():
            base = machine.file_of(disk)
            yield self._file(base, DiskFileKind.BASE, len(content))
            below = base
            for layer in machine.layers:
                path = machine.file_of(disk, layer)
                size = self.layer_bytes.get(layer, 4096)
                yield self._file(path, DiskFileKind.DIFFERENCING, size, below)
                below = path

    def _file(self, path: str, kind: DiskFileKind, size: int, parent: str = "") -> DiskFile:
        written = self.written_at.get(path)
        return DiskFile(path=path, kind=kind, size_bytes=size, modified_at=written, parent=parent)


def _stray(one: StrayFile) -> DiskFile:
    ending = one.path.rpartition(".")[2]
    kinds = {"avhdx": DiskFileKind.DIFFERENCING, "vhdx": DiskFileKind.BASE}
    return DiskFile(
        path=one.path,
        kind=kinds.get(ending, DiskFileKind.TRACKING),
        size_bytes=one.size_bytes,
        modified_at=one.modified_at,
        parent=one.parent,
        problem=one.problem,
    )
