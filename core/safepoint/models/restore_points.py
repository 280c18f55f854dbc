"""Restore points: copies that can become a VM again."""

from __future__ import annotations

from safepoint.models.base import Model, UtcTime
from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref

__all__ = [
    "CopyProgress",
    "CopyReceipt",
    "CopyRequest",
    "RestorePoint",
    "RestorePointQuery",
    "VerifyFinding",
    "VerifyReport",
]


class RestorePoint(Model):
    """A complete, independent copy of a VM at one moment."""

    ref: Ref
    workload: Ref
    workload_name: str
    cluster: str
    created_at: UtcTime
    """When the VM was frozen, by our clock."""
    consistency: Consistency
    size_bytes: int
    """Sum of the virtual disk sizes."""
    read_bytes: int = 0
    """What was read from the source, holes left out."""
    stored_bytes: int = 0
    """What this point added to the repository."""
    job: str = ""
    is_damaged: bool = False
    detail: str = ""
    """Why it is damaged, or the product's own remark."""


class RestorePointQuery(Model):
    """Which restore points to list. Empty means all."""

    workload: Ref | None = None
    workload_name: str | None = None


class CopyRequest(Model):
    """Copy what a held checkpoint froze."""

    workload: Ref
    checkpoint: Ref
    consistency: Consistency
    frozen_at: UtcTime
    job: str = ""
    tag: str
    """Identifies everything this copy leaves behind until it is sealed, for cleaning up."""


class CopyProgress(Model):
    """How far a copy, verification or restore is."""

    done_bytes: int
    total_bytes: int
    detail: str = ""


class CopyReceipt(Model):
    """A finished but unsealed copy; the driver keeps what it needs behind `handle`."""

    handle: str
    point: Ref
    read_bytes: int
    stored_bytes: int
    size_bytes: int


class VerifyFinding(Model):
    """One place where stored bytes are not what was copied."""

    file: str
    disk: str = ""
    offset: int = 0
    """Byte offset in the virtual disk."""
    problem: str


class VerifyReport(Model):
    """What reading everything back showed."""

    point: Ref
    checked_bytes: int
    findings: tuple[VerifyFinding, ...] = ()

    @property
    def is_good(self) -> bool:
        """True when every byte is what was copied."""
        return not self.findings
