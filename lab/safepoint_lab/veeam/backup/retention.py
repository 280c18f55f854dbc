"""Which restore points go, as Veeam counts them.

Counting is per VM. Without periodic fulls the chain is forever incremental: the oldest point
goes and the next one takes its place as the full. With periodic fulls a chain (a full and its
increments) goes as a whole, once what is newer satisfies the policy alone [D]. A policy by days
keeps at least three points [X]. Fulls with a GFS flag stay until their period is over [D].
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from safepoint_lab.products.cells import CellStore
from safepoint_lab.veeam.records import Backup, BackupObject, Job, RestorePoint, Task
from safepoint_lab.veeam.shelf import Shelf

__all__ = ["Retention", "flags_for"]

_LEAST_BY_DAYS = 3
_KEEP_DAYS = {
    "Weekly": ("weekly", "keepForNumberOfWeeks", 7),
    "Monthly": ("monthly", "keepForNumberOfMonths", 31),
    "Yearly": ("yearly", "keepForNumberOfYears", 366),
}


class Retention:
    """Removes restore points and the bytes nobody needs any more."""

    def __init__(self, shelf: Shelf, cells: CellStore) -> None:
        self._shelf = shelf
        self._cells = cells

    def points(self, object_id: str) -> list[RestorePoint]:
        """Return the restore points of a backup object, oldest first."""
        found = self._shelf.where(RestorePoint, lambda point: point.object_id == object_id)
        return sorted(found, key=lambda point: point.created_at)

    def apply(self, job: Job, object_id: str, now: datetime) -> list[RestorePoint]:
        """Apply a job's policy to one VM; return what went."""
        storage = job.body["storage"]
        points = self.points(object_id)
        kept = [item for item in points if not _protected(item, storage["gfsPolicy"], now)]
        surplus = _surplus(kept, storage["retentionPolicy"], now)
        advanced = storage["advancedSettings"]
        periodic = any(
            advanced.get(name, {}).get("isEnabled") for name in ("synthenticFulls", "activeFulls")
        )
        doomed = _whole_chains(kept, surplus) if periodic else surplus
        self._remove(doomed)
        self._promote(object_id)
        return doomed

    def remove_object(self, item: BackupObject, *, with_gfs: bool) -> None:
        """Remove a VM from its backup; GFS fulls stay unless they shall go too."""
        self._remove([p for p in self.points(item.id) if with_gfs or not p.flags])
        if not self.points(item.id):
            self._shelf.remove(item)

    def remove_backup(self, backup: Backup, *, with_gfs: bool) -> None:
        """Remove a backup with its VMs; it stays while GFS fulls stay."""
        objects = self._shelf.where(BackupObject, lambda item: item.backup_id == backup.id)
        for item in objects:
            self.remove_object(item, with_gfs=with_gfs)
        if not self._shelf.where(BackupObject, lambda item: item.backup_id == backup.id):
            self._shelf.remove(backup)

    def sweep(self) -> None:
        """Free the bytes of removed points, unless a copy runs."""
        with self._shelf.lock:
            copying = self._shelf.where(
                Task, lambda task: task.kind == "Backup" and task.state != "Stopped"
            )
            if not copying:
                points = self._shelf.all(RestorePoint)
                self._cells.sweep(
                    cell for point in points for disk in point.disks for cell in disk.cells
                )

    def _remove(self, doomed: list[RestorePoint]) -> None:
        self._shelf.remove(*doomed)

    def _promote(self, object_id: str) -> None:
        """The oldest point that is left of a forever-incremental chain becomes the full."""
        left = self.points(object_id)
        if left and not left[0].full:
            left[0].full = True
            self._shelf.save(left[0])


def flags_for(policy: dict[str, Any], points: list[RestorePoint], now: datetime) -> list[str]:
    """Return the GFS periods a new full stands for: each enabled one that has none yet [X]."""
    if not policy["isEnabled"]:
        return []
    same: dict[str, Callable[[datetime], bool]] = {
        "Weekly": lambda then: then.isocalendar()[:2] == now.isocalendar()[:2],
        "Monthly": lambda then: (then.year, then.month) == (now.year, now.month),
        "Yearly": lambda then: then.year == now.year,
    }
    return [
        flag
        for flag, (name, _, _) in _KEEP_DAYS.items()
        if policy.get(name, {}).get("isEnabled")
        and not any(flag in item.flags and same[flag](item.created_at) for item in points)
    ]


def _protected(point: RestorePoint, policy: dict[str, Any], now: datetime) -> bool:
    for flag in point.flags:
        name, field, days = _KEEP_DAYS[flag]
        keep = policy.get(name, {}).get(field, 0)
        if now - point.created_at < timedelta(days=keep * days):
            return True
    return False


def _surplus(
    points: list[RestorePoint], policy: dict[str, Any], now: datetime
) -> list[RestorePoint]:
    """Return the points beyond the policy, oldest first."""
    quantity = policy["quantity"]
    if policy["type"] == "RestorePoints":
        return points[: max(0, len(points) - quantity)]
    limit = now - timedelta(days=quantity)
    young = [point for point in points if point.created_at >= limit]
    keep = max(len(young), min(_LEAST_BY_DAYS, len(points)))
    return points[: len(points) - keep]


def _whole_chains(points: list[RestorePoint], surplus: list[RestorePoint]) -> list[RestorePoint]:
    """Return those surplus points whose whole chain is surplus."""
    chains: list[list[RestorePoint]] = []
    for point in points:
        if point.full or not chains:
            chains.append([])
        chains[-1].append(point)
    idents = {point.id for point in surplus}
    whole = [chain for chain in chains if all(point.id in idents for point in chain)]
    return [point for chain in whole for point in chain]
