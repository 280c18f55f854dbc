"""Going on with a product's run that nobody follows any more."""

from __future__ import annotations

from contextlib import ExitStack

from safepoint.errors import LeaseHeldError, OutcomeUnknownError
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunState
from safepoint.runs.concluding import Conclusion, conclude
from safepoint.runs.entrusted import Entrusted
from safepoint.runs.following import Following, Tools
from safepoint.runs.lost_runs import find_lost
from safepoint.store import Lease, ProductRunRow

__all__ = ["Resuming"]


class Resuming:
    """Takes up runs whose process died, was left or gave up.

    Args:
        tools: The product, the journal, whoever watches.
        entrusted: What is done with a run of the journal.
    """

    def __init__(self, tools: Tools, entrusted: Entrusted) -> None:
        self._tools = tools
        self._store = tools.store
        self._entrusted = entrusted

    def resume(self, run: str) -> Conclusion:
        """Follow a run that a product carries out and whose process died or left.

        Raises:
            LeaseHeldError: a live process follows it.
            OutcomeUnknownError: it never began, as far as looking can tell.
        """
        row = self._store.product_runs.get(run)
        assert row is not None, "only a product's run can be resumed"
        with self._entrusted.held(run) as lease:
            ref = self._handle(row)
            if ref is None:
                msg = f"run {run} never began: the product has no run that is new since"
                raise OutcomeUnknownError(msg, hint="Run the job again.", operation="start_run")
            return self._go_on(row, ref, lease)

    def go_on_if_active(self, row: ProductRunRow) -> Conclusion | None:
        """Follow a run that still goes on; write down the end of one that does not."""
        try:
            with self._entrusted.held(row.intent.run) as lease:
                ref = self._handle(row)
                if ref is None:
                    return None
                (seen,) = self._tools.product.follow_runs((ref,))
                if not seen.is_over and seen.native_state:
                    self._tools.say(f"run {row.intent.run} still goes on; following it")
                    return self._go_on(row, ref, lease)
                self._tools.say(
                    f"run {row.intent.run} has ended meanwhile: {seen.native_state or 'forgotten'}"
                )
                self._write_end(row, ref, lease, seen)
                return None
        except LeaseHeldError:
            return None  # another process follows it, and holds the VMs

    def _handle(self, row: ProductRunRow) -> Ref | None:
        """Return the product's handle of a run, found by looking when its answer was lost."""
        if row.native is not None:
            return row.native
        run = self._store.runs.get(row.intent.run)
        ref = find_lost(self._tools, run.job, row.intent.runs_before)
        if ref is None:
            self._store.runs.take_over(run.id, self._tools.executor)
            self._entrusted.never_began(run.id, "the process died, and no run of it began")
            return None
        self._store.product_runs.found(run.id, ref)
        return ref

    def _go_on(self, row: ProductRunRow, ref: Ref, lease: Lease) -> Conclusion:
        self._store.runs.take_over(row.intent.run, self._tools.executor)
        run = self._store.runs.get(row.intent.run)
        names = {task.workload: task.workload_name for task in run.tasks}
        with ExitStack() as stack:
            try:
                stack.enter_context(self._entrusted.vms(names, f"run {run.id}"))
            except LeaseHeldError as error:
                self._tools.say(f"{error.message}; the product's run is followed all the same")
            return self._entrusted.follow(
                run, row.intent, ref, lease, run.started_at or run.requested_at
            )

    def _write_end(self, row: ProductRunRow, ref: Ref, lease: Lease, seen: Run) -> None:
        """Write down how a run ended that nobody followed to its end."""
        self._store.runs.take_over(row.intent.run, self._tools.executor)
        run = self._store.runs.get(row.intent.run)
        witness = self._entrusted.witness(run, row.intent, run.started_at or run.requested_at)
        following = Following(self._tools, run, ref, lease, witness)
        following.note(seen)
        if seen.is_over:
            conclude(self._tools, following, witness, patient=False)
        else:
            self._store.product_runs.say(run.id, "the product does not know it any more")
            self._store.runs.finish(run.id, RunState.INTERRUPTED)
            self._store.product_runs.settle(run.id)
