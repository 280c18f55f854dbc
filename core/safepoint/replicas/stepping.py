"""One step of a deed: journaled before it is asked for, followed, and proved by looking.

A step whose effect is there is not asked for again; one whose request may still be on its way is
waited for first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from safepoint.drivers.outcomes import error_from_status
from safepoint.errors import (
    BusyError,
    ConflictError,
    DriverError,
    OutcomeUnknownError,
    PermanentError,
    RunFailedError,
    RunTimedOutError,
    SafepointError,
    UnsupportedError,
)
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaStep, ReplicaStepRequest
from safepoint.replicas.deeds import DEEDS, Deed, StepPlan
from safepoint.replicas.looking import look
from safepoint.replicas.orders import DeedOrder, DeedSink, ReplicaCrew, StepReport
from safepoint.replicas.pictures import FACTS, Fact, Part, Picture, parts_of
from safepoint.store import Lease, StepRow, StepState

__all__ = ["Stepper"]

#: How often one request may be sent, with the same key, each time after having looked.
_SENDINGS = 3
#: Between two requests of which the first was refused.
_REFUSED_PAUSE_SECONDS = 1.0


class Stepper:
    """Carries out single steps, for a caller that holds the leases."""

    def __init__(self, crew: ReplicaCrew, sink: DeedSink) -> None:
        self._crew = crew
        self._sink = sink
        self._journal = crew.store.replica_deeds

    def look(self, order: DeedOrder, facts: Iterable[Fact]) -> Picture:
        """Look at the relationship as it is now, at what is needed to know these facts."""
        wanted = frozenset(facts)
        sides = [ref for ref in (order.source, order.target) if ref is not None]
        found = look(
            self._crew.driver,
            _systems(order, wanted),
            workload_of=sides,
            family=order.family,
            with_servers=Fact.SOURCE_CAN_RECEIVE in wanted,
        )
        return found.picture(order.pair, order.source, order.target)

    def await_arrival(self, order: DeedOrder, step: StepRow) -> None:
        """Wait until what was asked for has ended, or cannot be on its way any more."""
        if step.operation is not None:
            self._follow(step.operation, self._crew.deadlines.step_seconds)
            return
        age = (self._crew.store.clock() - step.intended_at).total_seconds()
        rest = self._crew.deadlines.settle_seconds - age
        if rest > 0:
            self._sink.remark(order, f"waiting {rest:.0f} s: a request may still be on its way")
            self._crew.waiter.sleep(rest)

    def do(
        self,
        lease: Lease,
        ident: str,
        order: DeedOrder,
        number: int,
        step: StepPlan,
        row: StepRow | None,
    ) -> StepReport | None:
        """Carry out one step of an order, or go on with it; None when nothing was to be done.

        Args:
            lease: Of the relationship.
            ident: The deed.
            order: What is wanted.
            number: Which step of it this is.
            step: The step.
            row: What the journal has of it.

        Raises:
            SafepointError: it failed, or its effect does not show.
        """
        if row is not None and row.state is StepState.DONE:
            return None
        if step.when is not None and step.when not in order.options:
            return None
        began = self._crew.store.clock()
        if row is not None and row.state is StepState.SENT and row.operation is not None:
            outcome = self._end(lease, row.key, step, order, row.operation)
            return StepReport(step.step, row.side, outcome, began, self._crew.store.clock())
        if row is not None and row.state is StepState.FAILED:
            row = None  # an attempt that failed is over; the next one is another request
        if row is not None:
            self.await_arrival(order, row)
        picture = self.look(order, _facts_of(step))
        if self._is_proved(step, picture):
            return self._note_proved(lease, step, row, began)
        if step.only_if is not None and not FACTS[step.only_if](picture) and row is None:
            return None
        side = _side(step.on, order, picture)
        if side is None:
            msg = f"{order.vm}: the {step.on} for step {step.step} is not there any more"
            raise RunFailedError(msg, hint="`safepoint replica status` shows what there is.")
        total = len(DEEDS[order.deed].steps)
        text = f"{step.step} on {side.system}"
        self._sink.begins(order, number + 1, total, text)
        key = row.key if row is not None else self._crew.new_id()
        outcome = self._send(lease, ident, order, number, step, side, key)
        ended = self._crew.store.clock()
        return StepReport(step.step, side.system, outcome, began, ended)

    def _note_proved(
        self, lease: Lease, step: StepPlan, row: StepRow | None, began: datetime
    ) -> StepReport:
        if row is not None:
            self._journal.step(lease, row.key, StepState.DONE, note="seen")
        outcome = "seen" if row is not None else "was so already"
        side = row.side if row is not None else step.on.value
        return StepReport(step.step, side, outcome, began, self._crew.store.clock())

    def _send(
        self,
        lease: Lease,
        ident: str,
        order: DeedOrder,
        number: int,
        step: StepPlan,
        side: Ref,
        key: str,
    ) -> str:
        request = _request(step.step, side, order)
        for sending in range(1, _SENDINGS + 1):
            self._journal.intend(lease, ident, number, step.step, side, key)
            try:
                operation = self._ask(request, key, step, order)
            except OutcomeUnknownError as error:
                self._journal.step(lease, key, StepState.UNKNOWN, note=error.message)
                self._sink.remark(order, f"{step.step}: no answer came; looking what became of it")
                if self._seen(step, order, self._crew.deadlines.settle_seconds):
                    self._journal.step(lease, key, StepState.DONE, note="seen")
                    return "seen (its answer was lost)"
                if sending == _SENDINGS:
                    raise
                continue
            except (PermanentError, UnsupportedError) as error:
                return self._refused(lease, key, step, order, error)
            self._journal.step(lease, key, StepState.SENT, operation=operation)
            return self._end(lease, key, step, order, operation)
        msg = "the loop above returns or raises"
        raise AssertionError(msg)

    def _ask(self, request: ReplicaStepRequest, key: str, step: StepPlan, order: DeedOrder) -> Ref:
        """Ask, waiting a while for whatever else works on the VM. Nothing was sent before.

        A host also refuses, as if the state were wrong, what it allows a moment later: a cycle
        of the relationship is running. What was refused was not begun, and is asked for again.
        """
        waiter, deadlines = self._crew.waiter, self._crew.deadlines
        end = waiter.monotonic() + deadlines.settle_seconds
        while True:
            try:
                operation = waiter.until(
                    lambda: self._crew.driver.start_replica_step(request, key=key),
                    deadline_seconds=deadlines.busy_seconds,
                    bears=BusyError,
                )
            except ConflictError:
                is_there = self._is_proved(step, self.look(order, step.proof))
                if is_there or waiter.monotonic() >= end:
                    raise
                waiter.sleep(_REFUSED_PAUSE_SECONDS)
                continue
            assert operation is not None, "a busy VM is raised at the deadline"
            return operation

    def _refused(
        self, lease: Lease, key: str, step: StepPlan, order: DeedOrder, error: SafepointError
    ) -> str:
        """A second request for what is there already is refused too: look before believing it."""
        if self._is_proved(step, self.look(order, step.proof)):
            self._journal.step(lease, key, StepState.DONE, note="was so already")
            return "was so already"
        self._journal.step(lease, key, StepState.FAILED, note=error.message)
        raise error

    def _end(
        self, lease: Lease, key: str, step: StepPlan, order: DeedOrder, operation: Ref
    ) -> str:
        is_guest = step.step is ReplicaStep.SHUT_DOWN
        deadlines = self._crew.deadlines
        seconds = deadlines.shut_down_seconds if is_guest else deadlines.step_seconds
        failure = self._follow(operation, seconds)
        proof_seconds = seconds if is_guest and failure is None else deadlines.proof_seconds
        if failure is None or self._is_proved(step, self.look(order, step.proof)):
            if self._seen(step, order, proof_seconds):
                self._journal.step(lease, key, StepState.DONE)
                return "done"
            self._journal.step(
                lease, key, StepState.UNKNOWN, note="ended without a visible effect"
            )
            raise _no_effect(step, order, is_guest=is_guest)
        state = StepState.UNKNOWN if isinstance(failure, OutcomeUnknownError) else StepState.FAILED
        if isinstance(failure, OutcomeUnknownError) and self._seen(step, order, proof_seconds):
            self._journal.step(
                lease, key, StepState.DONE, note="seen; the operation was forgotten"
            )
            return "seen (the product forgot the operation)"
        self._journal.step(lease, key, state, note=failure.message)
        raise failure

    def _follow(self, operation: Ref, seconds: float) -> DriverError | None:
        """Follow an operation to its end; returns its failure, if it failed or was forgotten."""

        def ended() -> OperationStatus | None:
            status = self._crew.driver.replica_operation(operation)
            return None if status.state is OperationState.RUNNING else status

        status = self._crew.waiter.until(ended, deadline_seconds=seconds)
        if status is None:
            msg = f"{operation.system}: a step did not end in {seconds:.0f} s"
            raise RunTimedOutError(msg, hint="Give the command again to go on waiting for it.")
        if status.state is OperationState.FAILED:
            return error_from_status(status)
        if status.state is OperationState.UNKNOWN:
            msg = f"{operation.system} forgot what became of {operation.kind}"
            hint = "Give the command again: it looks first."
            return OutcomeUnknownError(msg, hint=hint, system=operation.system)
        return None

    @staticmethod
    def _is_proved(step: StepPlan, picture: Picture) -> bool:
        return all(FACTS[fact](picture) for fact in step.proof)

    def _seen(self, step: StepPlan, order: DeedOrder, seconds: float) -> bool:
        def proved() -> bool | None:
            return self._is_proved(step, self.look(order, step.proof)) or None

        return self._crew.waiter.until(proved, deadline_seconds=seconds) is not None


def _systems(order: DeedOrder, facts: frozenset[Fact]) -> tuple[str, ...]:
    """Return the systems that have to be asked; all of them when a third copy may matter."""
    parts = parts_of(facts)
    if parts is None:
        return order.clusters
    refs = {Part.SOURCE: order.source, Part.TARGET: order.target}
    return tuple(ref.system for part in parts if (ref := refs.get(part)) is not None)


def _facts_of(step: StepPlan) -> tuple[Fact, ...]:
    condition = (step.only_if,) if step.only_if is not None else ()
    return (*step.proof, *condition)


def _side(part: Part, order: DeedOrder, picture: Picture) -> Ref | None:
    if part is Part.TEST:
        return picture.test.ref if picture.test is not None else None
    return order.source if part is Part.SOURCE else order.target


def _request(step: ReplicaStep, side: Ref, order: DeedOrder) -> ReplicaStepRequest:
    has_point = step in {ReplicaStep.FAIL_OVER, ReplicaStep.START_TEST}
    # After PREPARE only the newest state may be taken: another one would lose what was sent.
    return ReplicaStepRequest(
        step=step,
        side=side,
        pair=order.pair,
        point=order.point if has_point and order.deed is not Deed.PLANNED else None,
        folder=order.folder if step is ReplicaStep.IMPORT_INITIAL else "",
    )


def _no_effect(step: StepPlan, order: DeedOrder, *, is_guest: bool) -> RunTimedOutError:
    if is_guest:
        msg = f"{order.vm}: the guest did not shut down in time"
        hint = "Shut it down inside, then give the command again; or add --turn-off."
        return RunTimedOutError(msg, hint=hint)
    fact = next(iter(step.proof))
    msg = f"{order.vm}: {step.step} ended, but it is not so that {fact.value}"
    hint = "Look at both sides with `safepoint replica status`, and give the command again."
    return RunTimedOutError(msg, hint=hint)
