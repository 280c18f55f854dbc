"""Jobs of calls that the world does at once: the wire still answers 4096 and a job.

Such a job is complete when it is first looked at, and vanishes like any other. In memory only:
the jobs of a real host do not outlive its management service either.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from datetime import datetime

from safepoint_lab.world.enums import JobState, JobType
from safepoint_lab.world.model import JOB_REMOVAL, AffectedElement, Job

__all__ = [
    "JobDesk",
]


class JobDesk:
    """Finished jobs of all nodes of a lab. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[Job] = []

    def file(
        self,
        node: str,
        kind: JobType,
        now: datetime,
        affected: Sequence[AffectedElement] = (),
        *,
        vm: str | None = None,
        error_code: int = 0,
        error: str | None = None,
        class_name: str = "Msvm_ConcreteJob",
    ) -> Job:
        """File a job that ended at `now` (lab clock): failed when there is an error code."""
        job = Job(
            guid=str(uuid.uuid4()).upper(),
            node=node,
            type=kind,
            caption=kind.name.capitalize(),
            started_at=now,
            class_name=class_name,
            vm=vm,
            state=JobState.EXCEPTION if error_code else JobState.COMPLETED,
            percent=100,
            finished_at=now,
            cancellable=False,
            error_code=error_code,
            error_description=error,
            affected=list(affected),
        )
        with self._lock:
            self._jobs.append(job)
        return job

    def jobs(self, node: str, now: datetime) -> list[Job]:
        """Return the jobs a node still remembers at `now`, oldest first."""
        with self._lock:
            self._jobs = [
                job for job in self._jobs if now - (job.finished_at or now) < JOB_REMOVAL
            ]
            return [job for job in self._jobs if job.node == node]
