"""Data aging, as Commvault counts: days and cycles, or days only.

Counting is per VM of a group, by the start of the job. A cycle is a full and what follows it up
to the next full. With days and cycles a cycle goes when all of it is older than the days and
that many newer cycles exist. With days only every restore point goes by its own age [D]; bytes
stay as long as a restore point that is left needs them. Extended rules keep single fulls longer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from safepoint_lab.commvault.activity import ActivityDesk
from safepoint_lab.commvault.backup.extended import held
from safepoint_lab.commvault.backup.points import Points
from safepoint_lab.commvault.records import Hypervisor, Job, Plan, RestorePoint
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.commvault.vocabulary import Activity
from safepoint_lab.products.cells import CellStore

__all__ = ["Aging"]


class Aging:
    """Ages restore points and frees the bytes nobody needs."""

    def __init__(
        self,
        shelf: Shelf,
        points: Points,
        cells: CellStore,
        activities: ActivityDesk,
        now: Callable[[], datetime],
    ) -> None:
        self._shelf = shelf
        self._points = points
        self._cells = cells
        self._activities = activities
        self._now = now

    def run(self, finished: int = 0) -> int:
        """Age what is due; return how many restore points went.

        Args:
            finished: A job that copies no more although it has not ended yet.
        """
        with self._shelf.lock:
            doomed = [point for chain in self._chains() for point in self._due(chain)]
            self._shelf.remove(*doomed)
            left = self._points.where(lambda _: True)
            self._mark({point.job_id for point in doomed} - {point.job_id for point in left})
            if not self._copying(finished):
                self._cells.sweep(
                    cell for point in left for disk in point.disks for cell in disk.cells
                )
        return len(doomed)

    def _chains(self) -> list[list[RestorePoint]]:
        chains: dict[tuple[int, str], list[RestorePoint]] = {}
        for point in self._points.where(lambda _: True):
            chains.setdefault((point.group_id, point.vm), []).append(point)
        return list(chains.values())

    def _due(self, chain: list[RestorePoint]) -> list[RestorePoint]:
        """Return the points of one VM that age now; oldest first in, oldest first out."""
        hypervisor = self._shelf.find(Hypervisor, chain[0].hypervisor_id)
        plan = self._shelf.find(Plan, chain[-1].plan_id)
        owners = [] if hypervisor is None else [hypervisor]
        on = self._activities.is_enabled(Activity.AGING, *owners)
        if plan is None or plan.days < 0 or not on:
            return []
        now = self._now()
        longer = held(chain, plan.extended, now)
        return [point for point in _surplus(chain, plan, now) if point.id not in longer]

    def _mark(self, idents: set[int]) -> None:
        """Say of jobs that nothing of them is left."""
        for ident in idents:
            job = self._shelf.find(Job, ident)
            if job is not None:
                job.aged = True
                self._shelf.save(job)

    def _copying(self, finished: int) -> bool:
        """Tell whether a job may be about to need bytes that no restore point has yet."""
        active = self._shelf.where(Job, lambda job: job.kind == "Backup" and not job.ended)
        return any(job.id != finished for job in active)


def _surplus(chain: list[RestorePoint], plan: Plan, now: datetime) -> list[RestorePoint]:
    """Return the points beyond the plan's days, and cycles when it counts them."""
    limit = now - timedelta(days=plan.days)
    if plan.cycles is None:
        return [point for point in chain if point.started_at < limit]
    cycles = _cycles(chain)
    ageing = cycles[: max(0, len(cycles) - plan.cycles)]
    whole = [cycle for cycle in ageing if all(point.started_at < limit for point in cycle)]
    return [point for cycle in whole for point in cycle]


def _cycles(chain: list[RestorePoint]) -> list[list[RestorePoint]]:
    cycles: list[list[RestorePoint]] = []
    for point in chain:
        if point.full or not cycles:
            cycles.append([])
        cycles[-1].append(point)
    return cycles
