"""The repository: restore points in self-describing packs that stock tools can read."""

from __future__ import annotations

from safepoint_native.repository.points import StoredFile, StoredPoint
from safepoint_native.repository.reader import DiskExtent, DiskReader, PointReader
from safepoint_native.repository.repository import Repository
from safepoint_native.repository.verifying import Finding, VerifyReport
from safepoint_native.repository.writer import DiskWriter, PointWriter, WriteCounters

__all__ = [
    "DiskExtent",
    "DiskReader",
    "DiskWriter",
    "Finding",
    "PointReader",
    "PointWriter",
    "Repository",
    "StoredFile",
    "StoredPoint",
    "VerifyReport",
    "WriteCounters",
]
