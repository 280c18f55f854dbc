"""Having a product carry out a run: leases, intent, start, lost answers, following, proof.

::

    settle what died ─► leases of all VMs ─► nobody else works on them? ─► look at the hosts
         ─► intent journaled ─► start ─► follow to the end ─► look at the hosts ─► end journaled

Whatever dies in between, the next process finds the intent, looks in the product which run it
became, and goes on. Nothing is ever started twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from safepoint.drivers import CanCheckpoint
from safepoint.errors import (
    BusyError,
    LeaseHeldError,
    OutcomeUnknownError,
    RunCancelledError,
    SafepointError,
)
from safepoint.models.checkpoints import CheckpointQuery
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel, RunQuery, RunRequest, RunState, Task
from safepoint.models.workloads import Workload
from safepoint.runs.concluding import Conclusion
from safepoint.runs.coordinate import new_run_id
from safepoint.runs.entrusted import Entrusted
from safepoint.runs.following import Tools
from safepoint.runs.lost_runs import find_lost, runs_before
from safepoint.runs.occupants import Occupants
from safepoint.runs.resuming import Resuming
from safepoint.store import ProductIntent

__all__ = ["Entrust", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """What shall be run."""

    job: str
    cluster: str
    workloads: tuple[Workload, ...]
    """The VMs that the job means, or those of them that were asked for."""
    only_these: bool = False
    """True when single VMs were asked for, not the whole job."""
    level: RunLevel = RunLevel.AUTO
    wait_seconds: float = 0.0
    """How long to wait for somebody else's work on the VMs or the job."""
    joins: bool = False
    """Whether to follow a run of the job that somebody else began."""

    @property
    def names(self) -> dict[Ref, str]:
        """The VMs by reference."""
        return {workload.ref: workload.name for workload in self.workloads}


class Entrust:
    """Has one product carry out runs on one cluster's VMs.

    Args:
        tools: The product, the journal, whoever watches.
        hypervisor: Reads the cluster's hosts; None when nothing can.
        occupants: Who else works on the VMs.
        why_not: Why nothing reads the hosts.
    """

    def __init__(
        self,
        tools: Tools,
        hypervisor: CanCheckpoint | None,
        occupants: Occupants,
        *,
        why_not: str = "the cluster has no connection that reads its hosts",
    ) -> None:
        self._tools = tools
        self._store = tools.store
        self._hypervisor = hypervisor
        self._why_not = why_not
        self._occupants = occupants
        self._entrusted = Entrusted(tools, hypervisor, why_not)
        self._resuming = Resuming(tools, self._entrusted)

    def resume(self, run: str) -> Conclusion:
        """Follow a run that a product carries out and whose process died or left.

        Raises:
            LeaseHeldError: a live process follows it.
            OutcomeUnknownError: it never began, as far as looking can tell.
        """
        return self._resuming.resume(run)

    def run(self, wanted: Wanted) -> Conclusion:
        """Have the job run and return how it ended.

        A run of the job that another, dead process began and that still goes on is followed
        instead of starting a second one.

        Raises:
            LeaseHeldError: another run of safepoint works on one of the VMs.
            BusyError: the product, or another one, works on them by itself.
            OutcomeUnknownError: asked, no answer, and no run of it was found.
            RunTimedOutError: its state was not understood for too long.
            RunCancelledError: cancelled before it began.
        """
        for row in self._store.product_runs.unsettled(self._tools.connection, wanted.job):
            resumed = self._resuming.go_on_if_active(row)
            if resumed is not None:
                return resumed
        with ExitStack() as stack:
            joined = self._enter(stack, wanted)
            return self._carry_out(wanted, joined)

    def _enter(self, stack: ExitStack, wanted: Wanted) -> Run | None:
        """Take the VMs once nobody else has them; returns the product's run to join, if any."""
        last: list[SafepointError] = []

        def taken() -> tuple[Run | None] | None:
            self._check_cancel()
            try:
                with ExitStack() as inner:
                    inner.enter_context(
                        self._entrusted.vms(wanted.names, f"run of job {wanted.job}")
                    )
                    joined = self._refuse_others(wanted)
                    stack.push(inner.pop_all())
            except (LeaseHeldError, BusyError) as error:
                if wanted.wait_seconds and (not last or last[0].message != error.message):
                    self._tools.say(f"waiting: {error.message}")
                last[:] = [error]
                return None
            return (joined,)

        found = self._tools.waiter.until(taken, deadline_seconds=wanted.wait_seconds)
        if found is None:
            raise last[0]
        return found[0]

    def _refuse_others(self, wanted: Wanted) -> Run | None:
        """Refuse while anybody else works on the VMs; return a run of the job to join."""
        query = RunQuery(job=wanted.job, only_active=True)
        active = [run for run in self._tools.product.runs(query) if run.ref is not None]
        if active and not wanted.joins:
            run = active[0]
            word = run.native_state or run.state
            msg = (
                f"job {wanted.job!r} runs already on {self._tools.connection!r}: {run.id} ({word})"
            )
            hint = "--follow joins that run, --wait waits for its end."
            raise BusyError(msg, hint=hint, operation="run", system=self._tools.connection)
        joining = frozenset(run.ref for run in active if run.ref is not None)
        for workload in wanted.workloads:
            other = self._occupants.of(workload, but=joining)
            if other is not None:
                msg = f"VM {workload.name} is being worked on by {other.text}"
                hint = "Wait until it has ended, or give --wait."
                raise BusyError(msg, hint=hint, operation="run", system=other.connection)
        return active[0] if active else None

    def _carry_out(self, wanted: Wanted, joined: Run | None) -> Conclusion:
        now = self._store.clock()
        run = Run(
            id=new_run_id(now),
            job=wanted.job,
            connection=self._tools.connection,
            state=RunState.QUEUED,
            requested_at=now,
            started_at=now,
        )
        # A run that was joined may have its checkpoints already: only times can tell them.
        before = {} if joined else self._look_before(wanted)
        intent = ProductIntent(
            run=run.id,
            level=joined.level if joined else wanted.level,
            vms=tuple(wanted.names) if wanted.only_these else (),
            runs_before=() if joined else runs_before(self._tools, wanted.job),
            checkpoints_before=before,
            is_adopted=joined is not None,
        )
        if joined is None:
            run = run.model_copy(update={"tasks": tuple(_tasks(run.id, wanted.workloads))})
        with self._entrusted.held(run.id) as lease:
            self._store.runs.create(run, self._tools.executor)
            self._store.product_runs.intend(intent)
            ref = joined.ref if joined and joined.ref else self._start(wanted, intent)
            self._store.product_runs.found(run.id, ref)
            began = joined.started_at or joined.requested_at if joined else now
            return self._entrusted.follow(run, intent, ref, lease, began)

    def _start(self, wanted: Wanted, intent: ProductIntent) -> Ref:
        """Ask the product; a lost answer is settled by looking, never by asking again."""
        workloads = wanted.workloads if wanted.only_these else ()
        request = RunRequest(job=wanted.job, workloads=workloads, level=wanted.level)
        try:
            return self._tools.product.start_run(request, key=intent.run)
        except OutcomeUnknownError as error:
            self._tools.say(f"{error.message}; looking whether it began")
            ref = find_lost(self._tools, wanted.job, intent.runs_before)
            if ref is None:
                text = f"no run of job {wanted.job!r} began on {self._tools.connection!r}"
                self._entrusted.never_began(intent.run, text)
                hint = "Nothing was asked twice. Run the job again."
                where = {"operation": "start_run", "system": self._tools.connection}
                msg = f"{error.message}; {text}"
                raise OutcomeUnknownError(msg, hint=hint, **where) from error
            return ref
        except SafepointError as error:
            self._entrusted.never_began(intent.run, error.message)
            raise

    def _look_before(self, wanted: Wanted) -> Mapping[Ref, tuple[str, ...]]:
        """List the VMs' checkpoints as they are now; nothing when that cannot be done."""
        if self._hypervisor is None:
            self._tools.say(f"checkpoints will not be proved gone: {self._why_not}")
            return {}
        before: dict[Ref, list[str]] = {ref: [] for ref in wanted.names}
        try:
            for one in self._hypervisor.checkpoints(CheckpointQuery(cluster=wanted.cluster)):
                before.setdefault(one.workload, []).append(one.ref.id)
        except SafepointError as error:
            self._tools.say(f"cannot look at the hosts before the run: {error.message}")
            return {}
        return {ref: tuple(ids) for ref, ids in before.items()}

    def _check_cancel(self) -> None:
        if self._tools.wishes.cancel.is_set():
            msg = "cancelled before it began"
            raise RunCancelledError(msg)


def _tasks(run: str, workloads: tuple[Workload, ...]) -> Iterator[Task]:
    for number, workload in enumerate(workloads):
        yield Task(
            id=f"{run}/{number:05d}",
            run=run,
            workload=workload.ref,
            workload_name=workload.name,
            node=workload.node,
            state=RunState.QUEUED,
        )
