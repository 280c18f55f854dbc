"""Carrying out a deed: refuse first, then step by step, and claim only what is seen.

A process may die anywhere. Whoever gives the same command again goes on from what the journal and
the systems show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from safepoint.errors import (
    PermanentError,
    ReplicaRefusedError,
    RunFailedError,
    UnsupportedError,
)
from safepoint.replicas.deeds import DEEDS, TAKES_BACK, Deed, DeedPlan, Option
from safepoint.replicas.guarding import check_guards, lease_keys, refused
from safepoint.replicas.orders import DeedOrder, DeedReport, DeedSink, Quiet, ReplicaCrew
from safepoint.replicas.pictures import FACTS, Fact
from safepoint.replicas.stepping import Stepper
from safepoint.store import DeedRow, DeedState, Lease, StepState

__all__ = ["Conduct"]

_GO_ON = "Give the same command again, or `safepoint replica cancel`."
_NOTHING = "replica-nothing-to-cancel"
_NOTHING_YET = "what was begun had changed nothing yet; it is put away"


class Conduct:
    """Carries out deeds on the relationships of one connection."""

    def __init__(self, crew: ReplicaCrew, sink: DeedSink | None = None) -> None:
        self._crew = crew
        self._sink = sink or Quiet()
        self._stepper = Stepper(crew, self._sink)
        self._journal = crew.store.replica_deeds

    def do(self, order: DeedOrder) -> DeedReport:
        """Carry out a deed, or go on with the same one that was left half-done.

        Raises:
            ReplicaRefusedError: it would hurt; nothing was done.
            LeaseHeldError: another process works on one of the VMs.
            SafepointError: a step failed. What was done stays done, the journal says how far it
                got, and the same command goes on from there unless the step was refused for good.
        """
        with self._leases(order) as lease:
            row, put_away = self._open_deed(lease, order)
            if row is not None:
                order = _resumed(DeedOrder.model_validate(row.order), order)
                return self._carry_out(lease, row.id, order, was_resumed=True)
            plan = DEEDS[order.deed]
            guards = (guard.fact for guard in plan.guards)
            picture = self._stepper.look(order, (*guards, *plan.claims))
            try:
                check_guards(order, picture)
            except ReplicaRefusedError as error:
                is_so = all(FACTS[fact](picture) for fact in plan.claims)
                if not put_away or error.refusal != _NOTHING or not is_so:
                    raise
                now = self._crew.store.clock()
                return DeedReport(put_away, order, now, now, said=_NOTHING_YET)
            ident = self._crew.new_id()
            begun = {"id": ident, "deed": order.deed.value, "connection": order.connection}
            begun |= {"pair": order.pair, "vm": order.vm}
            self._journal.begin(lease, {**begun, "order": order.model_dump(mode="json")})
            return self._carry_out(lease, ident, order, was_resumed=False)

    # -- before ---------------------------------------------------------------------------------

    @contextmanager
    def _leases(self, order: DeedOrder) -> Iterator[Lease]:
        """Hold both VMs, so that no backup, checkpoint or restore works on them meanwhile."""
        first, *others = lease_keys(order)
        leases = self._crew.store.leases
        with ExitStack() as stack:
            held = leases.take(first, self._crew.executor, purpose=order.deed)
            stack.callback(leases.give_back, held)
            for key in others:
                one = leases.take(key, self._crew.executor, purpose=order.deed)
                stack.callback(leases.give_back, one)
            yield held

    def _open_deed(self, lease: Lease, order: DeedOrder) -> tuple[DeedRow | None, str]:
        """Return the same deed to go on with; put away one that this deed takes back.

        The second is the id of what was put away.
        """
        put_away = ""
        for row in self._journal.open(order.connection, order.pair):
            if row.deed == order.deed:
                return row, ""
            if Deed(row.deed) not in TAKES_BACK.get(order.deed, frozenset()):
                raise refused(order.vm, "replica-deed-open", detail=row.deed)
            self._put_away(lease, row, order.deed)
            put_away = row.id
        return None, put_away

    def _put_away(self, lease: Lease, row: DeedRow, by: Deed) -> None:
        old = DeedOrder.model_validate(row.order)
        for step in self._journal.steps(row.id):
            if step.state not in {StepState.DONE, StepState.FAILED}:
                # What is still on its way must arrive before it is taken back.
                self._stepper.await_arrival(old, step)
                self._journal.step(lease, step.key, StepState.FAILED, note=f"left for {by}")
        self._journal.end(lease, row.id, DeedState.ABANDONED, note=f"taken back by {by}")

    # -- doing ----------------------------------------------------------------------------------

    def _carry_out(
        self, lease: Lease, ident: str, order: DeedOrder, *, was_resumed: bool
    ) -> DeedReport:
        plan = DEEDS[order.deed]
        now = self._crew.store.clock()
        report = DeedReport(ident, order, now, now, was_resumed=was_resumed)
        report.said = plan.end(order.options)
        known = {row.number: row for row in self._journal.steps(ident)}
        try:
            for number, step in enumerate(plan.steps):
                done = self._stepper.do(lease, ident, order, number, step, known.get(number))
                if done is not None:
                    report.steps.append(done)
            self._check_claims(plan, order)
        except (PermanentError, UnsupportedError, ReplicaRefusedError) as error:
            self._journal.end(lease, ident, DeedState.FAILED, note=error.message)
            if report.steps:
                steps = ", ".join(one.step for one in report.steps)
                self._sink.remark(order, f"stopped; done is: {steps}. {_GO_ON}")
            raise
        self._journal.end(lease, ident, DeedState.DONE)
        report.ended_at = self._crew.store.clock()
        return report

    def _check_claims(self, plan: DeedPlan, order: DeedOrder) -> None:
        missing: list[Fact] = []

        def are_there() -> bool | None:
            picture = self._stepper.look(order, plan.claims)
            missing[:] = [fact for fact in plan.claims if not FACTS[fact](picture)]
            return None if missing else True

        seconds = self._crew.deadlines.proof_seconds
        if not self._crew.waiter.until(are_there, deadline_seconds=seconds):
            msg = f"{order.vm}: every step of {order.deed} was done, but it is not so that "
            msg += missing[0].value
            hint = (
                "Look at both sides with `safepoint replica status`, and give the command again."
            )
            raise RunFailedError(msg, hint=hint)


def _resumed(old: DeedOrder, new: DeedOrder) -> DeedOrder:
    """Go on as it was begun; only a guest that does not shut down may be turned off after all."""
    if Option.TURN_OFF not in new.options:
        return old
    options = old.options - {Option.SHUT_DOWN} | {Option.TURN_OFF}
    return old.model_copy(update={"options": options})
