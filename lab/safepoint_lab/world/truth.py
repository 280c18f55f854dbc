"""What a checkpoint really froze: kept for ever, also when checkpoint and VM are gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from safepoint_lab.world.cells import CELL_BYTES, cell_digests, disk_digest

__all__ = ["CheckpointTruth", "DiskTruth", "differing_cells"]


@dataclass(frozen=True, slots=True)
class DiskTruth:
    """Content of one disk: digest (see `cells`) and the digest of every 1 MiB cell, as hex."""

    slot: str
    path: str
    size_bytes: int
    digest: str
    cells: tuple[str, ...]

    @classmethod
    def of(cls, slot: str, path: str, size_bytes: int, cells: list[bytes]) -> DiskTruth:
        """Build from the digests of the cells."""
        digests = tuple(cell.hex() for cell in cells)
        return cls(slot, path, size_bytes, disk_digest(cells), digests)


@dataclass(frozen=True, slots=True)
class CheckpointTruth:
    """One frozen moment of a VM: what every disk held, and what the bank would say of it.

    `state` is application, crash or torn; `transaction` the last committed one in it.
    """

    checkpoint: str
    vm: str
    vm_name: str
    name: str
    created_at: datetime
    state: str
    transaction: int
    disks: tuple[DiskTruth, ...]


def differing_cells(
    truth: DiskTruth, read_at: Callable[[int, int], bytes], size_bytes: int
) -> list[int]:
    """Return the byte offsets of the 1 MiB cells where a disk is not what the truth says.

    A wrong size is reported as the one offset where the shorter of both ends.
    """
    if size_bytes != truth.size_bytes:
        return [min(size_bytes, truth.size_bytes)]
    found = cell_digests(read_at, size_bytes)
    return [
        number * CELL_BYTES
        for number, (digest, wanted) in enumerate(zip(found, truth.cells, strict=True))
        if digest.hex() != wanted
    ]
