"""Carrying out a plan: journal, ask, look; stop at a failure; never ask blindly twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from typing_extensions import override

from safepoint.drivers import CanManage
from safepoint.drivers.outcomes import error_from_status
from safepoint.errors import OutcomeUnknownError, SafepointError
from safepoint.models.checkpoints import OperationState as LongState
from safepoint.models.plans import Action, Change, Plan, PlannedChange
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource
from safepoint.planning.digests import change_digest
from safepoint.planning.following import follow_change
from safepoint.planning.observing import observe
from safepoint.store import Lease, Operations, OperationState, WriteIntent

__all__ = [
    "Apply",
    "ApplyReport",
    "ApplySink",
    "Quiet",
    "Step",
    "has_effect",
    "parts_of",
    "request_of",
]

#: Pauses before each look for the effect of a request without answer.
_LOOKS_AFTER_SECONDS: Final = (0.0, 1.0, 3.0)
#: How often a request may be sent in all, with the same key, each time after having looked.
_SENDINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan and what became of it."""

    change: PlannedChange
    state: OperationState | None = None
    """None: not begun."""
    keys: tuple[str, ...] = ()
    """The operation keys in the journal."""


@dataclass(slots=True)
class ApplyReport:
    """What was done, what was not, and why it stopped."""

    plan: str
    steps: list[Step] = field(default_factory=list)
    error: SafepointError | None = None
    is_stopped: bool = False
    """True when the caller asked to leave the rest undone."""

    @property
    def done(self) -> tuple[Step, ...]:
        """The steps that took effect."""
        good = {OperationState.DONE, OperationState.VERIFIED}
        return tuple(step for step in self.steps if step.state in good)

    @property
    def not_done(self) -> tuple[Step, ...]:
        """The steps that failed, are uncertain or were not begun."""
        done = set(map(id, self.done))
        return tuple(step for step in self.steps if id(step) not in done)


class ApplySink(Protocol):
    """Is told what happens, for people."""

    def begins(self, number: int, total: int, change: PlannedChange, /) -> None:
        """A step begins; numbers count from 1."""

    def ended(self, step: Step, /) -> None:
        """A step ended."""

    def remark(self, text: str, /) -> None:
        """Something worth knowing, such as a lost answer."""


class Quiet(ApplySink):
    """Tells nobody."""

    @override
    def begins(self, number: int, total: int, change: PlannedChange, /) -> None:
        """Do nothing."""

    @override
    def ended(self, step: Step, /) -> None:
        """Do nothing."""

    @override
    def remark(self, text: str, /) -> None:
        """Do nothing."""


def parts_of(change: PlannedChange) -> tuple[PlannedChange, ...]:
    """Return the writes that a line needs: a replacement is a deletion and a creation."""
    if change.action is Action.RETIRE:
        return (change.model_copy(update={"action": Action.UPDATE}),)
    if change.action is not Action.REPLACE:
        return (change,)
    gone = change.model_copy(update={"action": Action.DELETE, "after": None})
    made = change.model_copy(update={"action": Action.CREATE, "before": None})
    return gone, made


def request_of(part: PlannedChange, present: Mapping[str, Resource]) -> Change:
    """Return a write as the driver gets it.

    Args:
        part: One of `parts_of` a line.
        present: What is there on its connection, by address.
    """
    needs = part.after.depends_on if part.after is not None else ()
    return Change(
        action=part.action,
        address=part.address,
        before=part.before,
        after=part.after,
        fields=part.fields,
        dependencies=tuple(present[one] for one in needs if one in present),
    )


def has_effect(intent: WriteIntent, found: tuple[Resource, ...], owner: str) -> bool:
    """Tell whether an observation shows what the write was meant to bring about."""
    ours = [one for one in found if one.address == intent.address and _is_ours(one, owner)]
    if intent.after is None:
        return not ours
    return any(one.attributes.plain() == dict(intent.after) for one in ours)


class Apply:
    """Carries out the lines of one plan, in order, under a lease per connection.

    Args:
        operations: The journal.
        drivers: By connection.
        leases: By connection; checked at every write of the journal.
        new_key: Makes operation keys.
        sleep: Waits that many seconds; injected.
        sink: Is told.
        should_stop: Asked before each step; True leaves this one and the rest undone.
    """

    def __init__(
        self,
        operations: Operations,
        drivers: Mapping[str, CanManage],
        leases: Mapping[str, Lease],
        *,
        new_key: Callable[[], str],
        sleep: Callable[[float], None],
        sink: ApplySink,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._should_stop = should_stop
        self._operations = operations
        self._drivers = drivers
        self._leases = leases
        self._new_key = new_key
        self._sleep = sleep
        self._sink = sink
        self._present: dict[str, dict[str, Resource]] = {}

    def run(self, plan: Plan) -> ApplyReport:
        """Carry out every write; the report says how far it got. Only defects are raised."""
        self._present = {change.connection: {} for change in plan.changes}
        for change in plan.changes:
            if change.before is not None:
                self._present[change.connection][change.address] = change.before
        report = ApplyReport(plan.id, [Step(change) for change in plan.writes])
        for number, step in enumerate(report.steps):
            report.is_stopped = self._should_stop()
            if report.is_stopped:
                break
            self._sink.begins(number + 1, len(report.steps), step.change)
            report.steps[number], report.error = self._line(plan, step.change)
            self._sink.ended(report.steps[number])
            if report.error is not None:
                break
        return report

    def _line(self, plan: Plan, line: PlannedChange) -> tuple[Step, SafepointError | None]:
        keys: list[str] = []
        state: OperationState | None = None
        for part in parts_of(line):
            try:
                state = self._write(plan, part, keys)
            except SafepointError as error:
                rows = {row.key: row for row in self._operations.of_plan(plan.id)}
                known = rows[keys[-1]].state if keys and keys[-1] in rows else None
                return Step(line, known, tuple(keys)), error
        return Step(line, state, tuple(keys)), None

    def _write(self, plan: Plan, part: PlannedChange, keys: list[str]) -> OperationState:
        intent = WriteIntent(
            plan=plan.id,
            connection=part.connection,
            address=part.address,
            action=part.action.value,
            change=change_digest(part),
            after=part.after.attributes.plain() if part.after is not None else None,
        )
        key = self._operations.repeatable(intent) or self._new_key()
        keys.append(key)
        for sending in range(1, _SENDINGS + 1):
            state, lost = self._send(part, key, intent, plan.scope.owner)
            if lost is None:
                return state
            if sending == _SENDINGS:
                raise lost
            self._sink.remark(f"{part.address}: no effect to be seen; asking again, same key")
        msg = "the loop above returns or raises"
        raise AssertionError(msg)

    def _send(
        self, part: PlannedChange, key: str, intent: WriteIntent, owner: str
    ) -> tuple[OperationState, OutcomeUnknownError | None]:
        lease = self._leases[part.connection]
        driver = self._drivers[part.connection]
        self._operations.intend(lease, key, intent)
        try:
            result = driver.apply(request_of(part, self._present[part.connection]), key=key)
            if isinstance(result, Ref):
                result = self._follow(part, intent, owner, result)
        except OutcomeUnknownError as error:
            self._operations.step(lease, key, OperationState.UNKNOWN, error=error.to_dict())
            self._sink.remark(f"{part.address}: no answer came; looking what became of it")
            return self._look(part, key, intent, owner, error)
        except SafepointError as error:
            self._operations.step(lease, key, OperationState.FAILED, error=error.to_dict())
            raise
        self._operations.step(lease, key, OperationState.DONE)
        self._keep(part, result)
        return OperationState.DONE, None

    def _follow(
        self, part: PlannedChange, intent: WriteIntent, owner: str, begun: Ref
    ) -> Resource | None:
        """Follow what takes long to its end; an effect that is not there then is a lost answer."""
        driver = self._drivers[part.connection]
        status = follow_change(
            driver,
            begun,
            address=part.address,
            sleep=self._sleep,
            remark=self._sink.remark,
        )
        for warning in status.warnings:
            self._sink.remark(f"{part.address}: {warning}")
        if status.state is LongState.FAILED:
            raise error_from_status(status)
        found = observe(part.connection, driver, with_preflight=False).resources
        if not has_effect(intent, found, owner):
            msg = f"{part.address}: the product says it has ended, and no effect is to be seen"
            raise OutcomeUnknownError(msg, operation="apply", system=begun.system)
        return _our(found, part.address, owner)

    def _look(
        self,
        part: PlannedChange,
        key: str,
        intent: WriteIntent,
        owner: str,
        error: OutcomeUnknownError,
    ) -> tuple[OperationState, OutcomeUnknownError | None]:
        lease = self._leases[part.connection]
        driver = self._drivers[part.connection]
        for pause in _LOOKS_AFTER_SECONDS:
            self._sleep(pause)
            found = observe(part.connection, driver, with_preflight=False).resources
            if has_effect(intent, found, owner):
                self._operations.step(lease, key, OperationState.VERIFIED, note="seen")
                self._sink.remark(f"{part.address}: it was done all the same")
                self._keep(part, _our(found, part.address, owner))
                return OperationState.VERIFIED, None
        self._operations.step(lease, key, OperationState.ABSENT, note="not seen")
        return OperationState.ABSENT, error

    def _keep(self, part: PlannedChange, result: Resource | None) -> None:
        present = self._present[part.connection]
        if part.after is None:
            present.pop(part.address, None)
        elif result is not None:
            present[part.address] = result


def _our(found: tuple[Resource, ...], address: str, owner: str) -> Resource | None:
    return next((one for one in found if one.address == address and _is_ours(one, owner)), None)


def _is_ours(resource: Resource, owner: str) -> bool:
    """Tell whether it may be what a write of ours made: by its marker, or as nobody's."""
    if resource.is_shared:
        return True
    return resource.marker is not None and resource.marker.owner == owner
