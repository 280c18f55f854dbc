"""What a repository says about the restore points in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["StoredFile", "StoredPoint"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A disk or a configuration file of a restore point."""

    name: str
    size_bytes: int
    """For a disk the virtual size."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """One restore point, as its small manifest tells it.

    When `problem` is set the point is damaged; fields that could not be read are empty.
    """

    point_id: str
    vm: str
    created_at: datetime
    disks: tuple[StoredFile, ...] = ()
    files: tuple[StoredFile, ...] = ()
    put_bytes: int = 0
    """Disk bytes handed to the repository, zeros included."""
    stored_bytes: int = 0
    """What this point added to the packs."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def size_bytes(self) -> int:
        """Sum of the virtual disk sizes."""
        return sum(disk.size_bytes for disk in self.disks)
