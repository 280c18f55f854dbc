"""Restore points: which there are of a VM, and which one a restore means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from safepoint_lab.commvault.problems import Problem
from safepoint_lab.commvault.records import ReferencePoint, RestorePoint
from safepoint_lab.commvault.shelf import Shelf

__all__ = ["Points"]


class Points:
    """Finds restore points and reference points."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def where(self, holds: Callable[[RestorePoint], bool]) -> list[RestorePoint]:
        """Return the restore points for which something holds, oldest first."""
        found = self._shelf.where(RestorePoint, holds)
        return sorted(found, key=lambda point: (point.created_at, point.started_at, point.id))

    def of_vm(self, vm: str, group: int = 0) -> list[RestorePoint]:
        """Return the restore points of a VM, of one group or of all, oldest first."""
        return self.where(lambda point: point.vm == vm and group in (0, point.group_id))

    def choose(
        self,
        vm: str,
        *,
        group: int = 0,
        job: int = 0,
        until: datetime | None = None,
    ) -> RestorePoint:
        """Return the newest restore point of a VM that fits; `Problem` when none does."""
        found = [
            point
            for point in self.of_vm(vm, group)
            if job in (0, point.job_id) and (until is None or point.created_at <= until)
        ]
        if not found:
            message = f"No backup data was found for [{vm}] (simulated text)"
            raise Problem(message, status=404)
        return found[-1]

    def reference(self, vm: str, group: int) -> RestorePoint | None:
        """Return the restore point that the reference point on the host refers to."""
        reference = self._shelf.find(ReferencePoint, vm)
        if reference is None:
            return None
        point = self._shelf.find(RestorePoint, reference.point)
        return point if point is not None and point.group_id == group else None
