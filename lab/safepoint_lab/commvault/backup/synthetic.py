"""Synthetic fulls: made of what is stored, no host is touched."""

from __future__ import annotations

from dataclasses import replace

from safepoint_lab.commvault.backup.workshop import Workshop
from safepoint_lab.commvault.records import ChildJob, Job
from safepoint_lab.commvault.vocabulary import Status

__all__ = ["synthesize"]


def synthesize(shop: Workshop, job: Job, group_id: int, child: ChildJob) -> bool:
    """Make a synthetic full of a VM; False when nothing is stored that it could be made of.

    Its data is of the last backup, and so is its time [D].
    """
    points = shop.points.of_vm(child.vm, group_id)
    if not points:
        return False
    last = points[-1]
    made = replace(
        last,
        id=f"{job.id}-{child.vm}-synthetic".lower(),
        job_id=job.id,
        started_at=job.started_at,
        full=True,
        synthetic=True,
        backup_bytes=0,
    )
    child.started_at = child.started_at or shop.now()
    child.full, child.size_bytes = True, made.size_bytes
    child.status, child.percent, child.ended_at = Status.COMPLETED, 100, shop.now()
    shop.shelf.save(made, job)
    return True
