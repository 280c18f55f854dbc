"""Protecting one VM: lease, checkpoint, copy, verify, release, proof, record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from safepoint.drivers import CanCopy
from safepoint.errors import (
    DamagedDataError,
    FencedError,
    LeaseHeldError,
    QuiesceError,
    RunCancelledError,
    RunTimedOutError,
    SafepointError,
)
from safepoint.lifecycle import CheckpointEvent
from safepoint.models.checkpoints import CheckpointKind, Consistency
from safepoint.models.restore_points import CopyProgress, CopyReceipt, CopyRequest, RestorePoint
from safepoint.models.runs import Phase, RunState, Task
from safepoint.models.workloads import PowerState, Workload
from safepoint.runs.admission import Admission, refuse_foreign
from safepoint.runs.crew import Crew
from safepoint.runs.hold import Held, Hold, Wish
from safepoint.runs.progress import ProgressSink
from safepoint.runs.recover import lease_key, settle_workload
from safepoint.runs.release import Release
from safepoint.runs.slots import Limit, slots
from safepoint.store import CheckpointRow, Lease

__all__ = ["Order", "Protect"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What the job asks for, the same for every VM in it."""

    job: str
    run: str
    connection: str
    """Where the restore points are recorded."""
    consistency: Consistency
    may_fall_back: bool
    """True accepts crash consistency, with a warning, when the guest cannot be quiesced."""
    verify: bool = True
    limits: Callable[[Workload], tuple[Limit, ...]] = lambda _: ()
    occupied: Callable[[Workload], str] = lambda _: ""
    """Says which product works on the VM now, by its own word; empty when none does."""
    wait_seconds: float = 0.0
    """How long to wait for whoever else works on the VM, instead of refusing it."""


class Protect:
    """Carries one VM through the whole workflow. One instance serves many threads."""

    def __init__(
        self,
        crew: Crew,
        copier: CanCopy,
        order: Order,
        sink: ProgressSink,
        cancel: threading.Event,
    ) -> None:
        self._crew = crew
        self._copier = copier
        self._order = order
        self._sink = sink
        self._cancel = cancel
        self._admission = Admission(
            crew, sink, order.occupied, wait_seconds=order.wait_seconds, check=self._check_cancel
        )

    def __call__(self, task: Task) -> Task:
        """Protect the VM of `task` and return the task as it ended; raises only FencedError.

        However it ends, the checkpoint is released and merged, or the task says that it is not.
        """
        work = _Work(self._crew, self._sink, task)
        work.update(state=RunState.RUNNING, started_at=self._crew.store.clock())
        try:
            self._check_cancel()
            lease = self._take(task)
            try:
                self._under_lease(work, lease)
            finally:
                self._crew.store.leases.give_back(lease)
        except FencedError:
            raise
        except RunCancelledError as error:
            work.fail(error, state=RunState.CANCELLED)
        except SafepointError as error:
            work.fail(error)
        if work.task.state is RunState.RUNNING:
            state = RunState.WARNING if work.task.warnings else RunState.SUCCEEDED
            work.update(state=state, phase=Phase.DONE)
        return work.update(ended_at=self._crew.store.clock())

    def _under_lease(self, work: _Work, lease: Lease) -> None:
        leftovers = settle_workload(
            self._crew, lease, work.task.workload, discard=self._copier.discard
        )
        for row in leftovers:
            self._sink.remark(work.task, f"settled a leftover of an earlier run: {row.state}")
        workload = self._admission.look(work.task)
        work.update(node=workload.node, workload_name=workload.name)
        skipped = [d.name for d in workload.disks if not d.is_protectable]
        if skipped:
            work.warn(
                f"not protected, because a checkpoint cannot freeze it: {', '.join(skipped)}"
            )
        workload = self._admission.await_turn(work.task, workload)
        limits = self._order.limits(workload)
        purpose = f"run {work.task.run}"
        with slots(self._crew, limits, purpose=purpose, check=self._check_cancel):
            self._check_cancel()
            # A place may have taken long to get.
            workload = self._admission.await_turn(work.task, workload)
            refuse_foreign(self._crew, workload)
            held = self._hold_or_clean_up(work, lease, workload)
            self._copy_and_release(work, lease, workload, held)

    def _take(self, task: Task) -> Lease:
        """Take the VM's lease, waiting for another run of ours if so wished."""
        last: list[LeaseHeldError] = []

        def taken() -> Lease | None:
            self._check_cancel()
            purpose = f"run {task.run}"
            try:
                return self._crew.store.leases.take(
                    lease_key(task.workload), self._crew.executor, purpose=purpose
                )
            except LeaseHeldError as error:
                last[:] = [error]
                return None

        lease = self._crew.waiter.until(taken, deadline_seconds=self._order.wait_seconds)
        if lease is None:
            raise last[0]
        return lease

    def _hold_or_clean_up(self, work: _Work, lease: Lease, workload: Workload) -> Held:
        try:
            return self._hold(work, lease, workload)
        except (FencedError, RunTimedOutError):
            raise  # not ours any more, or nothing can be said yet: the next sweep settles it
        except Exception:
            try:
                self._release_leftover(lease, workload)
            except FencedError:
                raise
            except SafepointError as second:
                work.warn(second.message)
            raise

    def _hold(self, work: _Work, lease: Lease, workload: Workload) -> Held:
        work.update(phase=Phase.CHECKPOINTING)
        wanted = self._order.consistency
        try:
            held = self._make(lease, workload, wanted)
            reached = _reached(workload, held, wanted)
        except QuiesceError as error:
            if not self._order.may_fall_back or wanted is Consistency.CRASH:
                raise
            self._release_leftover(lease, workload)
            work.warn(f"crash-consistent only: {error.message}")
            held = self._make(lease, workload, Consistency.CRASH)
            reached = Consistency.CRASH
        for warning in held.warnings:
            work.warn(warning)
        if not _is_enough(workload, reached, wanted):
            self._too_weak(work, lease, workload, held, reached)
        work.update(consistency=reached.value)
        return held

    def _release_leftover(self, lease: Lease, workload: Workload) -> None:
        """Finish a checkpoint that a failed creation left after all."""
        settle_workload(self._crew, lease, workload.ref, discard=self._copier.discard)

    def _too_weak(
        self, work: _Work, lease: Lease, workload: Workload, held: Held, reached: Consistency
    ) -> None:
        """The hypervisor fell back without being asked: accept with a warning, or release."""
        text = f"asked for {self._order.consistency} consistency, got {reached}"
        if self._order.may_fall_back:
            work.warn(text)
            return
        self._release(work, lease, held.row)
        msg = f"VM {workload.name}: {text}, and the policy does not allow to fall back"
        raise QuiesceError(msg, hint="Repair the guest's integration services, or set fallback.")

    def _make(self, lease: Lease, workload: Workload, consistency: Consistency) -> Held:
        wish = Wish(
            kind=CheckpointKind.BACKUP,
            consistency=consistency,
            label=self._order.job,
            run=self._order.run,
        )
        return Hold(self._crew).make(lease, workload, wish)

    def _copy_and_release(self, work: _Work, lease: Lease, workload: Workload, held: Held) -> None:
        row = held.row
        try:
            row = self._crew.store.checkpoints.note(lease, row, CheckpointEvent.COPY)
            point = self._copy(work, lease, workload, held)
            # Before the release: the point is good, whatever becomes of the checkpoint.
            work.update(phase=Phase.RECORDING)
            is_verified = work.task.is_verified
            self._crew.store.points.record(self._order.connection, point, is_verified=is_verified)
        except FencedError:
            # Whoever took over has discarded this tag before, so what we stored since is nobody's.
            self._copier.discard(row.tag)
            raise
        except Exception as error:
            self._after_failure(work, lease, row, error)
            raise
        self._release(work, lease, row)

    def _after_failure(
        self, work: _Work, lease: Lease, row: CheckpointRow, error: Exception
    ) -> None:
        """Release in any case; the first error stays the one that is reported."""
        log.info("%s: %s; releasing its checkpoint", work.task.workload_name, error)
        try:
            self._release(work, lease, row, discard=True)
        except FencedError:
            raise
        except SafepointError as second:
            work.warn(second.message)

    def _copy(self, work: _Work, lease: Lease, workload: Workload, held: Held) -> RestorePoint:
        clock = self._crew.waiter.monotonic
        request = CopyRequest(
            workload=workload.ref,
            checkpoint=held.checkpoint.ref,
            consistency=Consistency(work.task.consistency),
            frozen_at=held.row.held_at or self._crew.store.clock(),
            job=self._order.job,
            tag=held.row.tag,
        )
        work.update(phase=Phase.COPYING)
        started = clock()
        receipt = self._copier.copy(
            request, on_progress=work.bytes_done, should_stop=self._cancel.is_set
        )
        work.update(
            size_bytes=receipt.size_bytes,
            read_bytes=receipt.read_bytes,
            stored_bytes=receipt.stored_bytes,
            copy_seconds=clock() - started,
        )
        if self._order.verify:
            self._verify(work, receipt)
        work.update(phase=Phase.SEALING)
        self._crew.store.leases.check(lease)  # a point of a run that was taken over is not kept
        point = self._copier.seal(receipt)
        work.update(point=point.ref)
        return point

    def _verify(self, work: _Work, receipt: CopyReceipt) -> None:
        work.update(phase=Phase.VERIFYING)
        report = self._copier.verify_copy(
            receipt, on_progress=work.bytes_done, should_stop=self._cancel.is_set
        )
        if not report.is_good:
            first = report.findings[0]
            msg = f"what was stored is not what was read: {first.file}: {first.problem}"
            raise DamagedDataError(msg, hint="Check the repository's storage.")
        work.update(is_verified=True)

    def _release(
        self, work: _Work, lease: Lease, row: CheckpointRow, *, discard: bool = False
    ) -> None:
        """Delete, discard what was copied if so wanted, and wait for the merge.

        In this order, because a repository that is away must not keep the checkpoint alive; the
        row stays open then, so that the next sweep discards.
        """
        clock = self._crew.waiter.monotonic
        work.update(phase=Phase.RELEASING)
        release = Release(self._crew)
        work.update(is_released=False)
        row = release.delete(lease, row)
        if discard:
            self._copier.discard(row.tag)
        held_for = timedelta(0)
        if row.held_at is not None:
            held_for = self._crew.store.clock() - row.held_at
        work.update(phase=Phase.MERGING, held_seconds=held_for.total_seconds())
        started = clock()
        release.await_merge(lease, row)
        work.update(is_released=True, merged_seconds=clock() - started)

    def _check_cancel(self) -> None:
        if self._cancel.is_set():
            msg = "cancelled before it began"
            raise RunCancelledError(msg)


def _reached(workload: Workload, held: Held, asked: Consistency) -> Consistency:
    """Return the consistency really had: the hypervisor's word, else what was asked and granted.

    A Linux guest freezes file systems; there is no application level to reach.
    """
    told = held.checkpoint.consistency
    if told is Consistency.UNKNOWN:
        told = asked
    if told is Consistency.APPLICATION and workload.guest_os == "linux":
        return Consistency.FILESYSTEM
    if workload.power in {PowerState.OFF, PowerState.SAVED} and told is Consistency.CRASH:
        return asked  # nothing was running that could have been torn
    return told


def _is_enough(workload: Workload, reached: Consistency, wanted: Consistency) -> bool:
    best = Consistency.FILESYSTEM if workload.guest_os == "linux" else Consistency.APPLICATION
    goal = wanted if best.satisfies(wanted) else best
    return reached.satisfies(goal)


class _Work:
    """The task in hand: every change goes to the journal and to whoever watches."""

    def __init__(self, crew: Crew, sink: ProgressSink, task: Task) -> None:
        self._crew = crew
        self._sink = sink
        self.task = task

    def update(self, **changes: Any) -> Task:
        self.task = self.task.model_copy(update=changes)
        self._crew.store.runs.save_task(self.task)
        self._sink.task_changed(self.task)
        return self.task

    def warn(self, text: str) -> None:
        self.update(warnings=(*self.task.warnings, text))

    def fail(self, error: SafepointError, *, state: RunState = RunState.FAILED) -> None:
        self.update(state=state, error=error.to_dict())

    def bytes_done(self, progress: CopyProgress) -> None:
        self._sink.bytes_done(self.task, progress)
