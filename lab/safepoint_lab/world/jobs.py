"""Asynchronous jobs of the nodes: begin, move, end, fail, get stuck, vanish."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from safepoint_lab.world.enums import JobState, JobType, ReturnValue
from safepoint_lab.world.model import JOB_REMOVAL, AffectedElement, Job, NotHereError, Refused
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.scheduler import Scheduler

__all__ = ["JobDesk", "JobFailedError", "JobOrder", "JobOutcome", "JobTwist"]


class JobFailedError(Exception):
    """The work of a job failed as it would on a host: error code and text [D/B]."""

    def __init__(self, text: str, *, code: int = ReturnValue.FAILED, details: str = "") -> None:
        super().__init__(text)
        self.code = int(code)
        self.text = text
        self.details = details or text


@dataclass(slots=True)
class JobOutcome:
    """What a job leaves behind: rows of affected elements, and warnings."""

    affected: list[AffectedElement] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class JobTwist(StrEnum):
    """What an armed fault makes of a job."""

    NONE = "none"
    WARN = "warn"
    """Ends with warnings."""
    VANISH = "vanish"
    """The work is done, the object is gone at the end."""
    STICK = "stick"
    """Stays at a percentage for ever; the work is not done."""
    KILL = "kill"
    """Is killed by an administrator at the end; the work is not done."""
    DISCARD = "discard"
    """The node dies with it at the end; the work is not done."""


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What to do as a job.

    Attributes:
        node: Where it runs.
        type: What kind it is.
        caption: Localisable text.
        seconds: How long it takes.
        work: What it does, near its end; raises `JobFailedError`. Runs on a worker thread.
        ended: Called once, whatever happened to it.
        vm: The VM it works on.
        operation: ``Class.Method`` that started it, for faults.
        class_name: CIM class of the job object.
        cancellable: Whether it may be terminated.
    """

    node: str
    type: JobType
    caption: str
    seconds: float
    work: Callable[[], JobOutcome]
    ended: Callable[[], None]
    vm: str | None = None
    operation: str = ""
    class_name: str = "Msvm_ConcreteJob"
    cancellable: bool = True


@dataclass(slots=True)
class _Running:
    order: JobOrder
    job: Job
    began: float
    twist: JobTwist = JobTwist.NONE
    stuck_percent: int = 0
    working: bool = False
    ended: bool = False
    after: Callable[[], None] | None = None


class JobDesk:
    """All jobs of all nodes.

    Args:
        registry: Gives lock and clock.
        scheduler: Runs the work.
        twist: Asked at each start for what faults make of the job; may be replaced later.
    """

    def __init__(self, registry: Registry, scheduler: Scheduler) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, _Running] = {}
        self.on_start: Callable[[JobOrder, JobControl], None] = _let_be

    def begin(self, order: JobOrder) -> Job:
        """Start a job and return it; it is running. The caller holds the registry's lock."""
        now = self._registry.now(order.node)
        job = Job(
            guid=self._registry.new_guid(),
            node=order.node,
            type=order.type,
            caption=order.caption,
            started_at=now,
            class_name=order.class_name,
            vm=order.vm,
            state=JobState.RUNNING,
            cancellable=order.cancellable,
        )
        running = _Running(order, job, time.monotonic())
        self._jobs[job.guid] = job
        self._running[job.guid] = running
        self.on_start(order, JobControl(running))
        self._scheduler.after(order.seconds, lambda: self._come_due(running))
        return job

    def jobs(self, node: str, vm: str | None = None) -> list[Job]:
        """Return the jobs a node remembers, oldest first, with fresh percentages."""
        with self._registry.lock:
            found = [
                job
                for job in self._jobs.values()
                if job.node == node and (vm is None or job.vm == vm)
            ]
            for job in found:
                self._refresh(job)
            return found

    def job(self, guid: str, node: str) -> Job:
        """Return a job; NotHereError when the node does not know it (any more)."""
        with self._registry.lock:
            job = self._jobs.get(guid.upper())
            if job is None or job.node != node:
                message = f"no job {guid} on {node}"
                raise NotHereError(message)
            self._refresh(job)
            return job

    def cancel(self, guid: str, requested: int, node: str) -> None:
        """Terminate (4) or kill (5) a job whose work has not begun."""
        with self._registry.lock:
            job = self.job(guid, node)
            running = self._running.get(job.guid)
            if requested not in (4, 5):
                raise Refused(ReturnValue.INVALID_PARAMETER, f"requested state {requested}")
            if running is None or running.twist is JobTwist.STICK:
                raise Refused(ReturnValue.INVALID_TRANSITION, "the job cannot change its state")
            if running.working or not job.cancellable:
                raise Refused(ReturnValue.INVALID_STATE, "the job cannot be cancelled now")
            state = JobState.TERMINATED if requested == 4 else JobState.KILLED
            self._end(running, state)

    def forget_node(self, node: str, *, abort: bool) -> None:
        """Lose all job objects of a node; with `abort` work that has not begun is dropped."""
        with self._registry.lock:
            for job in [job for job in self._jobs.values() if job.node == node]:
                del self._jobs[job.guid]
                running = self._running.get(job.guid)
                if abort and running is not None and not running.working:
                    self._end(running, JobState.KILLED)

    def forget_vm(self, vm: str) -> None:
        """Lose the job objects of a VM (it moved away); their work goes on."""
        with self._registry.lock:
            for job in [job for job in self._jobs.values() if job.vm == vm]:
                del self._jobs[job.guid]

    def release_stuck(self) -> int:
        """End the jobs that are stuck, as failed; return how many there were."""
        with self._registry.lock:
            stuck = [run for run in self._running.values() if run.twist is JobTwist.STICK]
            for running in stuck:
                running.job.error_code = int(ReturnValue.TIMEOUT)
                running.job.error_description = "The operation timed out."
                self._end(running, JobState.EXCEPTION)
            return len(stuck)

    def hold(self, order: JobOrder) -> Job:
        """Start a job that somebody else moves and ends (`settle`); faults do not see it."""
        now = self._registry.now(order.node)
        job = Job(self._registry.new_guid(), order.node, order.type, order.caption, now)
        job.vm, job.state, job.cancellable = order.vm, JobState.RUNNING, order.cancellable
        self._jobs[job.guid] = job
        return job

    def settle(self, job: Job, state: JobState) -> None:
        """End a job begun with `hold`."""
        with self._registry.lock:
            self._finish(job, state)

    def wait(self, job: Job, timeout_seconds: float) -> bool:
        """Wait until a job has finished (also when it vanished); False when time is up."""
        return self.wait_until(lambda: job.finished, timeout_seconds)

    def wait_until(self, holds: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait until something holds; looked at whenever something changes."""
        with self._registry.changed:
            return self._registry.changed.wait_for(holds, timeout_seconds)

    def _refresh(self, job: Job) -> None:
        running = self._running.get(job.guid)
        if running is None or job.finished:
            return
        if running.twist is JobTwist.STICK:
            job.percent = running.stuck_percent
            return
        share = (time.monotonic() - running.began) / max(running.order.seconds, 0.001)
        job.percent = max(job.percent, min(99, int(share * 100)))

    def _come_due(self, running: _Running) -> None:
        with self._registry.lock:
            if running.ended or running.twist is JobTwist.STICK:
                return
            if running.twist in (JobTwist.KILL, JobTwist.DISCARD):
                self._end(running, JobState.KILLED)
                return
            running.working = True
        try:
            outcome = running.order.work()
        except JobFailedError as error:
            self._fail(running, error)
        except Exception as error:
            self._fail(running, JobFailedError(f"The operation failed: {error} (0x80004005)."))
            if not isinstance(error, OSError):
                raise  # a defect of the lab; a full or broken real disk is not
        else:
            self._succeed(running, outcome)

    def _succeed(self, running: _Running, outcome: JobOutcome) -> None:
        with self._registry.lock:
            job = running.job
            job.affected = outcome.affected
            job.messages = list(outcome.warnings)
            state = JobState.COMPLETED
            if running.twist is JobTwist.WARN:
                job.messages.append("The operation completed with warnings.")
            if job.messages:
                state = JobState.COMPLETED_WITH_WARNINGS
            self._end(running, state)
            if running.twist is JobTwist.VANISH:
                self._jobs.pop(job.guid, None)

    def _fail(self, running: _Running, error: JobFailedError) -> None:
        with self._registry.lock:
            job = running.job
            job.error_code = error.code
            job.error_description = error.details
            job.error_summary = error.text
            job.messages = [error.details]
            self._end(running, JobState.EXCEPTION)

    def _end(self, running: _Running, state: JobState) -> None:
        if running.ended:
            return
        running.ended = True
        del self._running[running.job.guid]
        running.order.ended()
        self._finish(running.job, state)
        if running.after is not None:
            self._scheduler.after(0, running.after)

    def _finish(self, job: Job, state: JobState) -> None:
        job.state = state
        job.percent = 100 if state in (7, 32768) else job.percent
        job.finished_at = self._registry.now(job.node)
        job.cancellable = False
        self._scheduler.after(JOB_REMOVAL.total_seconds(), lambda: self._remove(job))
        self._registry.tell()

    def _remove(self, job: Job) -> None:
        with self._registry.lock:
            self._jobs.pop(job.guid, None)


class JobControl:
    """What a fault may do to a job that has just started."""

    def __init__(self, running: _Running) -> None:
        self._running = running

    def twist(self, twist: JobTwist, *, percent: int = 0) -> None:
        """Decide how the job goes; `percent` is where a stuck one stays."""
        self._running.twist = twist
        self._running.stuck_percent = percent

    def then(self, action: Callable[[], None]) -> None:
        """Do something when the job has ended."""
        self._running.after = action


def _let_be(order: JobOrder, control: JobControl) -> None:
    """Start a job as it is."""
