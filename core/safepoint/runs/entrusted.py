"""A run that a product carries out, from the moment it is in the journal: held, followed, ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime

from safepoint.drivers import CanCheckpoint
from safepoint.errors import FencedError, LeaseHeldError, SafepointError
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunState
from safepoint.runs.concluding import Conclusion, conclude
from safepoint.runs.following import Following, Outcome, Tools
from safepoint.runs.recover import lease_key
from safepoint.runs.witness import Suspect, Witness
from safepoint.store import Lease, ProductIntent

__all__ = ["Entrusted"]


class Entrusted:
    """What is done with a run whose intent is journaled.

    Args:
        tools: The product, the journal, whoever watches.
        hypervisor: Reads the hosts; None when nothing can.
        why_not: Why nothing can.
    """

    def __init__(self, tools: Tools, hypervisor: CanCheckpoint | None, why_not: str) -> None:
        self._tools = tools
        self._store = tools.store
        self._hypervisor = hypervisor
        self._why_not = why_not

    @contextmanager
    def held(self, run: str) -> Iterator[Lease]:
        """Hold the lease of the run itself: one process follows it.

        Raises:
            LeaseHeldError: a live process does.
        """
        key = f"run {run}"
        lease = self._store.leases.take(key, self._tools.executor, purpose="following it")
        try:
            yield lease
        finally:
            self._store.leases.give_back(lease)

    @contextmanager
    def vms(self, names: Mapping[Ref, str], purpose: str) -> Iterator[None]:
        """Hold the leases of all VMs, or of none.

        Raises:
            LeaseHeldError: another run of safepoint works on one.
        """
        with ExitStack() as stack:
            for vm, name in sorted(names.items(), key=lambda item: str(item[0])):
                key, executor = lease_key(vm), self._tools.executor
                try:
                    lease = self._store.leases.take(key, executor, purpose=purpose)
                except LeaseHeldError as error:
                    msg = f"VM {name}: {error.message}"
                    raise LeaseHeldError(msg, hint=error.hint) from error
                stack.callback(self._store.leases.give_back, lease)
            yield

    def follow(
        self, run: Run, intent: ProductIntent, ref: Ref, lease: Lease, began: datetime
    ) -> Conclusion:
        """Follow the product's run to its end, look at the hosts, write both down."""
        witness = self.witness(run, intent, began)
        following = Following(self._tools, run, ref, lease, witness, is_ours=not intent.is_adopted)
        try:
            outcome = following.until_ended()
        except FencedError:
            raise
        except SafepointError as error:
            self._give_up(run.id, error.message)
            raise
        if outcome is Outcome.LEFT:
            self._give_up(run.id, "left while the product went on")
            return Conclusion(self._store.runs.get(run.id), is_left=True)
        return conclude(self._tools, following, witness)

    def witness(self, run: Run, intent: ProductIntent, began: datetime) -> Witness:
        """Return what looks at the hosts for this run."""
        clusters = {vm.system for vm in intent.checkpoints_before}
        clusters |= {task.workload.system for task in run.tasks}
        return Witness(
            hypervisor=self._hypervisor,
            clusters=tuple(sorted(clusters)),
            store=self._store,
            suspect=Suspect(run.job, run.id, run.connection, began),
            before=intent.checkpoints_before,
            deadlines=self._tools.deadlines,
            waiter=self._tools.waiter,
            why_not=self._why_not,
        )

    def never_began(self, run: str, why: str) -> None:
        """Write down that nothing became of the intent."""
        self._store.product_runs.say(run, why)
        for task in self._store.runs.get(run).tasks:
            self._store.runs.put_task(task.model_copy(update={"state": RunState.CANCELLED}))
        self._store.runs.finish(run, RunState.FAILED)
        self._store.product_runs.settle(run)

    def _give_up(self, run: str, why: str) -> None:
        """Write down that nobody follows it any more; it stays to be settled."""
        self._store.product_runs.say(run, why)
        self._store.runs.interrupt(run)
