"""Opening, changing and ending jobs, their events, and waiting for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from safepoint_lab.commvault.jobs.wishes import Wishes
from safepoint_lab.commvault.problems import Problem
from safepoint_lab.commvault.records import Event, Job
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.commvault.vocabulary import Status
from safepoint_lab.products.work import Crew
from safepoint_lab.world.faults import FaultBook

__all__ = ["JobDesk"]

_POLL_SECONDS = 0.02
_RESTARTED = "The services of the CommServe were restarted (simulated text)"


class JobDesk:
    """Every change of a job is kept at once."""

    def __init__(
        self, shelf: Shelf, crew: Crew, faults: FaultBook, now: Callable[[], datetime]
    ) -> None:
        self._shelf = shelf
        self._crew = crew
        self._faults = faults
        self._now = now
        self.wishes = Wishes()
        self.resumers: dict[str, Callable[[Job], None]] = {}

    def open(self, kind: str, user: str, spec: dict[str, Any], **fields: Any) -> Job:
        """Open a running job; `fields` are those of the record."""
        now = self._now()
        job = Job(
            id=self._shelf.next_id("job"),
            task_id=self._shelf.next_id("task"),
            kind=kind,
            user=user,
            started_at=now,
            updated_at=now,
            spec=spec,
            **fields,
        )
        self._shelf.save(job)
        return job

    def step(self, job: Job, phase: str, percent: int) -> None:
        """Say what a job does now and how far it is; one that shall stop keeps its status."""
        job.phase, job.percent, job.updated_at = phase, percent, self._now()
        if job.status is Status.PENDING:
            job.status, job.reason = Status.RUNNING, ""
        self._shelf.save(job)

    def pend(self, job: Job, reason: str) -> None:
        """Let a job wait for something."""
        if job.status not in (Status.KILLING, Status.SUSPENDING):
            job.status = Status.PENDING
        job.reason, job.updated_at = reason, self._now()
        self._shelf.save(job)

    def log(self, job: Job, text: str, *, severity: int = 3) -> None:
        """Write an event of a job; texts are simulated [?]."""
        event = Event(self._shelf.next_id("event"), job.id, self._now(), text, severity)
        self._shelf.save(event)

    def close(self, job: Job, status: Status, reason: str = "", code: str = "") -> None:
        """End a job."""
        word = self._faults.take("commvault-unknown-status", operation=job.kind)
        if word is not None:
            job.word = word["status"]
        job.status, job.phase, job.reason, job.reason_code = status, "", reason, code
        job.ended_at = job.updated_at = self._now()
        if status in (Status.COMPLETED, Status.WARNINGS, Status.ERRORS):
            job.percent = 100
        self._shelf.save(job)

    def hold(self, job: Job) -> None:
        """Keep a job pending while the fault that says so is armed."""
        while self._faults.take("commvault-job-pending", operation=job.kind) is not None:
            self.pend(job, "Waiting for resources (simulated text)")
            self.wishes.check(job.id)
            self._crew.pause(_POLL_SECONDS)

    # -- actions -------------------------------------------------------------------------
    def kill(self, job: Job) -> None:
        """Want a job killed; `Problem` when it has ended."""
        with self._shelf.lock:
            self._require_active(job)
            self.wishes.kill(job.id)
            if job.status is Status.SUSPENDED:
                self.close(job, Status.KILLED)
                return
            job.status = Status.KILLING
            self._shelf.save(job)

    def suspend(self, job: Job) -> None:
        """Want a job suspended; `Problem` when it cannot be."""
        with self._shelf.lock:
            self._require_active(job)
            if job.kind not in self.resumers:
                message = f"Job {job.id} cannot be suspended (simulated text)"
                raise Problem(message)
            if job.status in (Status.SUSPENDED, Status.SUSPENDING):
                return
            self.wishes.suspend(job.id)
            job.status = Status.SUSPENDING
            self._shelf.save(job)

    def suspended(self, job: Job) -> None:
        """Note that a job stands still."""
        job.status, job.updated_at = Status.SUSPENDED, self._now()
        self._shelf.save(job)

    def resume(self, job: Job) -> None:
        """Let a suspended job go on, or withdraw the wish [?]; `Problem` when there is none."""
        with self._shelf.lock:
            self._require_active(job)
            if job.status is Status.SUSPENDING:
                self.wishes.resume(job.id)
                job.status = Status.RUNNING
                self._shelf.save(job)
                return
            if job.status is not Status.SUSPENDED:
                message = f"Job {job.id} is not suspended (simulated text)"
                raise Problem(message)
            self.wishes.resume(job.id)
            job.status = Status.RUNNING
            self._shelf.save(job)
        self.resumers[job.kind](job)

    def end_interrupted(self) -> None:
        """End what a stop of the server cut off; nothing else is cleaned up."""
        for job in self._shelf.all(Job):
            if job.ended or job.status is Status.SUSPENDED:
                continue
            for child in job.vms:
                if not child.status.ended:
                    child.status, child.reason, child.ended_at = (
                        Status.FAILED,
                        _RESTARTED,
                        self._now(),
                    )
            self.close(job, Status.FAILED, _RESTARTED)

    def wait(self, ident: int, timeout_seconds: float = 30.0) -> Job:
        """Wait until a job has ended; TimeoutError when time is up."""
        return self.wait_for(ident, lambda job: job.ended, timeout_seconds)

    def wait_for(
        self, ident: int, holds: Callable[[Job], bool], timeout_seconds: float = 30.0
    ) -> Job:
        """Wait until something holds of a job; TimeoutError when time is up."""
        job = self._shelf.get(Job, ident)
        with self._shelf.changed:
            if not self._shelf.changed.wait_for(lambda: holds(job), timeout_seconds):
                message = f"job {ident} is still {job.text}: {job.reason}"
                raise TimeoutError(message)
        return job

    def _require_active(self, job: Job) -> None:
        if job.ended:
            message = f"Job {job.id} is not active (simulated text)"
            raise Problem(message)
