"""What the product's own jobs do to the machines: a checkpoint each, a copy, a restore point.

Driven by the fake clock, like everything in the world: whatever came due is done when somebody
looks, in the order it came due.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from safepoint.models.checkpoints import CheckpointKind, Consistency
from safepoint.models.refs import Ref
from safepoint.models.restore_points import RestorePoint
from safepoint.models.runs import RunLevel
from safepoint_lab.reference.operations import Failure
from safepoint_lab.reference.repository import Copy

if TYPE_CHECKING:
    from safepoint_lab.reference.machines import Frozen
    from safepoint_lab.reference.world import World

__all__ = ["Backups", "JobRun", "VmWork", "Word"]


class Word(StrEnum):
    """The product's words for where something stands."""

    QUEUED = "in line"
    WORKING = "working"
    SUSPENDED = "on hold"
    DONE = "done"
    PARTLY = "done with errors"
    FAILED = "broken off"
    STOPPED = "stopped by operator"


@dataclass
class VmWork:
    """One machine in a run of the product's."""

    machine: str
    due_seconds: float
    """When its next step comes; infinite while on hold or after the end."""
    word: Word = Word.QUEUED
    frozen: Frozen | None = None
    began_seconds: float = 0.0
    ended_seconds: float | None = None
    failure: Failure | None = None
    point: str = ""
    left_seconds: float = 0.0
    """What remained when it was put on hold."""

    @property
    def is_open(self) -> bool:
        """True until it has ended."""
        return self.ended_seconds is None

    def percent(self, now_seconds: float) -> int:
        """Return how far it is."""
        if not self.is_open:
            return 100
        span = self.due_seconds - self.began_seconds
        is_moving = self.word is Word.WORKING and 0 < span < math.inf
        return min(99, int(100 * (now_seconds - self.began_seconds) / span)) if is_moving else 0


@dataclass
class JobRun:
    """One run of one of the product's jobs."""

    id: str
    job: str
    level: RunLevel
    asked_seconds: float
    work: list[VmWork]
    fixed_word: str = ""
    """A word at which it stands whatever happens."""
    last_word: str = ""
    """A word for its end, in place of the one that fits."""
    is_forgotten: bool = False
    is_on_hold: bool = False
    is_stopped: bool = False

    @property
    def is_active(self) -> bool:
        """True until every machine has ended."""
        return bool(self.fixed_word) or any(one.is_open for one in self.work)

    @property
    def word(self) -> str:
        """The product's word for the whole."""
        if self.fixed_word:
            return self.fixed_word
        words = {one.word for one in self.work}
        if any(one.is_open for one in self.work):
            if self.is_on_hold:
                return Word.SUSPENDED
            return Word.QUEUED if words == {Word.QUEUED} else Word.WORKING
        if self.last_word:
            return self.last_word
        if self.is_stopped:
            return Word.STOPPED
        if words == {Word.DONE}:
            return Word.DONE
        return Word.PARTLY if Word.DONE in words else Word.FAILED


@dataclass
class Backups:
    """The runs of the product's jobs, with the truth for tests."""

    runs: dict[str, JobRun] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Request key to the run it started."""
    checkpoint_name: str = ""
    """What the product calls its checkpoints; empty leaves the hypervisor's own name."""

    def active(self, job: str) -> JobRun | None:
        """Return the run of a job that has not ended."""
        return next((r for r in self.runs.values() if r.job == job and r.is_active), None)

    def start(self, world: World, job: str, machines: list[str], level: RunLevel) -> JobRun:
        """Put the machines of a job in line; as the product's own schedule does it, too."""
        now = world.clock.monotonic()
        run = JobRun(
            id=world.next_id("R"),
            job=job,
            level=level,
            asked_seconds=now,
            work=[VmWork(one, now + world.pace.create_seconds) for one in machines],
            fixed_word=world.faults.words.take("start_run") or "",
            last_word=world.faults.words.take("end_run") or "",
            is_forgotten=world.faults.vanishings.take("start_run") is not None,
        )
        self.runs[run.id] = run
        return run

    def stop(self, world: World, run: JobRun) -> None:
        """End what has not ended; checkpoints are let go."""
        run.fixed_word = ""
        for one in run.work:
            if one.is_open:
                run.is_stopped = True
                self._end(world, one, world.clock.monotonic(), Word.STOPPED)

    def hold(self, world: World, run: JobRun) -> None:
        """Let everything rest where it is; checkpoints stay."""
        now = world.clock.monotonic()
        if not run.is_on_hold:
            run.is_on_hold = True
            for one in run.work:
                one.left_seconds, one.due_seconds = max(0.0, one.due_seconds - now), math.inf

    def go_on(self, world: World, run: JobRun) -> None:
        """Let it go on after a hold."""
        if run.is_on_hold:
            run.is_on_hold = False
            for one in run.work:
                if one.is_open:
                    one.due_seconds = world.clock.monotonic() + one.left_seconds

    def lose(self, machine: str, now_seconds: float) -> None:
        """Let the work on a machine fail, because the machine is no more."""
        for run in self.runs.values():
            for one in run.work:
                if one.machine == machine and one.is_open:
                    one.word, one.due_seconds = Word.FAILED, math.inf
                    one.ended_seconds = now_seconds
                    one.failure = Failure("not-found", "the machine was removed")

    # --- time -------------------------------------------------------------------------------

    def dues(self) -> Iterator[float]:
        """Yield when something comes due."""
        for run in self.runs.values():
            yield from (one.due_seconds for one in run.work)

    def advance(self, world: World) -> bool:
        """Take the one step that came due first; False when none did."""
        steps = [(one.due_seconds, run, one) for run in self.runs.values() for one in run.work]
        due = [step for step in steps if step[0] <= world.clock.monotonic()]
        if not due:
            return False
        at_seconds, run, one = min(due, key=lambda step: step[0])
        if one.frozen is None:
            self._freeze(world, one, at_seconds)
        else:
            self._finish(world, run, one, at_seconds)
        return True

    def _freeze(self, world: World, one: VmWork, at_seconds: float) -> None:
        machine = world.machines[one.machine]
        kind, best = CheckpointKind.BACKUP, Consistency.APPLICATION
        one.frozen = world.freeze(machine, kind, best, at_seconds=at_seconds)
        one.frozen.given_name = self.checkpoint_name or None
        one.word, one.began_seconds = Word.WORKING, at_seconds
        seconds = world.faults.durations.take("backup")
        wait = world.pace.backup_seconds if seconds is None else seconds
        one.due_seconds = at_seconds + wait
        one.failure = world.faults.failures.take("backup")

    def _finish(self, world: World, run: JobRun, one: VmWork, at_seconds: float) -> None:
        if one.failure is not None:
            self._end(world, one, at_seconds, Word.FAILED)
            return
        one.point = _store(world, run, one)
        self._end(world, one, at_seconds, Word.DONE)

    @staticmethod
    def _end(world: World, one: VmWork, at_seconds: float, word: Word) -> None:
        one.word, one.ended_seconds, one.due_seconds = word, at_seconds, math.inf
        machine = world.machines[one.machine]
        is_left = word is Word.DONE and world.faults.leavings.take("backup") is not None
        if one.frozen in machine.frozen and not is_left:
            world.thaw(machine, one.frozen, at_seconds=at_seconds)


def _store(world: World, run: JobRun, one: VmWork) -> str:
    machine = world.machines[one.machine]
    frozen = one.frozen
    assert frozen is not None, "a machine is copied under a checkpoint only"
    size = sum(len(data) for data in frozen.contents.values())
    point = RestorePoint(
        ref=Ref(kind="point", system="repository", id=world.next_id("P")),
        workload=Ref(kind="workload", system=machine.cluster, id=machine.id),
        workload_name=machine.name,
        cluster=machine.cluster,
        created_at=frozen.created_at,
        consistency=frozen.consistency,
        size_bytes=size,
        read_bytes=size,
        stored_bytes=size,
        job=run.job,
    )
    copy = Copy(tag=f"{run.id}/{machine.id}", point=point, guest_os=machine.guest_os)
    for disk, data in frozen.contents.items():
        copy.store(disk, data)
        copy.complete(disk, data)
    world.repository.points[point.ref.id] = copy
    return point.ref.id
