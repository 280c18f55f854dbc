"""Replication between clusters in memory: relationships, their rules, and the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from safepoint.errors import ConflictError, NotFoundError, UnsupportedError
from safepoint.models.checkpoints import Consistency
from safepoint.models.replicas import ReplicaMode, ReplicaState, ReplicaStep
from safepoint.models.workloads import PowerState

if TYPE_CHECKING:
    from safepoint_lab.reference.machines import Machine
    from safepoint_lab.reference.world import World

__all__ = ["Copy", "Point", "Relation", "Replication"]

_S, _M, _R = ReplicaState, ReplicaMode, ReplicaStep
_USABLE: Final = frozenset(
    {_S.REPLICATING, _S.PREPARED, _S.PAUSED, _S.CRITICAL, _S.RESYNC_REQUIRED}
)
_STANDING: Final = frozenset({_S.FAILED_OVER, _S.COMMITTED})


@dataclass
class Point:
    """A state to fail over to."""

    id: str
    created_at: datetime
    consistency: Consistency = Consistency.CRASH
    written: int = 0
    """How much of the primary's writing it holds."""


@dataclass
class Copy:
    """One VM of a relationship."""

    system: str
    mode: ReplicaMode
    state: ReplicaState
    power: PowerState = PowerState.OFF
    points: list[Point] = field(default_factory=list)
    failed_over_to: str = ""
    written: int = 0
    """A count of everything that was ever written to it: what a lost change is measured by."""


@dataclass
class Relation:
    """Two copies of one machine, and perhaps a test VM of the second."""

    pair: str
    machine: str
    name: str
    copies: dict[str, Copy]
    """By system; a side that was removed is not in here."""
    frequency_seconds: int = 300
    recovery_points: int = 1
    last_replicated_at: datetime | None = None
    test: Copy | None = None
    test_id: str = ""
    tests: list[str] = field(default_factory=list)
    """Every test VM that exists; a rule of the world allows one."""

    def by_mode(self, *modes: ReplicaMode) -> Copy | None:
        """Return the copy that plays that part."""
        return next((c for c in self.copies.values() if c.mode in modes), None)

    def other(self, copy: Copy) -> Copy | None:
        """Return the other copy."""
        return next((c for c in self.copies.values() if c is not copy), None)


class Replication:
    """All relationships of a world, with the rules of a hypervisor that never waits for anybody."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.relations: dict[str, Relation] = {}
        self.receivers: dict[str, bool] = {}
        self.keys: dict[str, str] = {}
        """Request key to the operation it began."""
        self.two_ran: list[str] = []
        """When two copies of one machine ran at once, and which: there must be none."""
        self.down: set[str] = set()
        """Systems that do not answer."""

    # --- furnishing -------------------------------------------------------------------------

    def relate(
        self, machine: str, target: str, *, state: ReplicaState = _S.REPLICATING, source: str = ""
    ) -> Relation:
        """Let a machine be replicated to another cluster; with `source` from a replica there."""
        found = self._world.machines[machine]
        here = source or found.cluster
        mode = _M.EXTENDED if source else _M.REPLICA
        sender = Copy(here, _M.PRIMARY, state, PowerState.OFF if source else found.power)
        receiver = Copy(target, mode, state)
        now = self._world.clock.now()
        receiver.points.append(Point(self._world.next_id("RP"), now))
        pair = f"{machine}/{len([r for r in self.relations.values() if r.machine == machine])}"
        relation = Relation(pair, machine, found.name, {here: sender, target: receiver})
        relation.last_replicated_at = now
        self.relations[pair] = relation
        self.receivers.setdefault(target, True)
        self.receivers.setdefault(here, True)
        return relation

    def part_of(self, machine: Machine) -> str:
        """Return which part a machine plays on its own cluster; empty when it plays none."""
        for relation in self.relations.values():
            if relation.machine == machine.id and machine.cluster in relation.copies:
                return relation.copies[machine.cluster].mode.value
        return ""

    def write(self, relation: Relation, count: int = 1) -> None:
        """Let the application of whatever copy runs write something."""
        for copy in relation.copies.values():
            if copy.power is PowerState.RUNNING:
                copy.written += count

    def send(self, relation: Relation) -> None:
        """Send what was written since the last cycle."""
        primary = relation.by_mode(_M.PRIMARY)
        replica = relation.by_mode(_M.REPLICA, _M.EXTENDED)
        if primary is None or replica is None:
            return
        now = self._world.clock.now()
        replica.written = primary.written
        replica.points.append(
            Point(self._world.next_id("RP"), now, Consistency.CRASH, replica.written)
        )
        relation.last_replicated_at = now

    # --- what is asked for --------------------------------------------------------------------

    def find(self, system: str, ident: str, pair: str) -> tuple[Relation, Copy]:
        """Return the copy that a request is about.

        Raises:
            NotFoundError: there is none.
        """
        relation = self.relations.get(pair)
        if relation is not None:
            copy = relation.copies.get(system)
            if relation.test is not None and ident == relation.test_id:
                return relation, relation.test
            if copy is not None and ident == relation.machine:
                return relation, copy
        msg = f"{system} has no VM {ident} in the relationship {pair}"
        raise NotFoundError(msg, operation="start_replica_step", system=system)

    def accept(
        self, step: ReplicaStep, relation: Relation, copy: Copy, point: str
    ) -> Callable[[], str]:
        """Check that the state allows a step and return what does it.

        Raises:
            ConflictError: it does not.
            NotFoundError: there is no such point.
            UnsupportedError: there is no such step.
        """
        rule = _RULES.get(step)
        if rule is None:
            msg = f"the reference cannot {step}"
            raise UnsupportedError(msg)
        problem = rule(self, relation, copy)
        if problem:
            msg = f"{copy.system} refuses {step} of {relation.name}: {problem}"
            raise ConflictError(msg, operation=step.value, system=copy.system)
        if point and all(one.id != point for one in copy.points):
            msg = f"{relation.name} has no recovery point {point}"
            raise NotFoundError(msg, operation=step.value, system=copy.system)
        # What was accepted comes to pass, even when the state has moved since.
        return lambda: self._act(step, relation, copy, point)

    def _act(self, step: ReplicaStep, relation: Relation, copy: Copy, point: str) -> str:
        made = _EFFECTS[step](self, relation, copy, point) or ""
        running = [c.system for c in self._family(relation) if c.power is PowerState.RUNNING]
        if len(running) > 1:
            self.two_ran.append(f"{relation.name} on {' and '.join(running)} after {step}")
        machine = self._world.machines.get(relation.machine)
        if machine is not None and machine.cluster in relation.copies:
            machine.power = relation.copies[machine.cluster].power
        return made

    def _family(self, relation: Relation) -> list[Copy]:
        found: dict[str, Copy] = {}
        for one in self.relations.values():
            if one.machine == relation.machine:
                for system, copy in one.copies.items():
                    known = found.get(system)
                    if known is None or copy.power is PowerState.RUNNING:
                        found[system] = copy
        return list(found.values())

    # --- effects ------------------------------------------------------------------------------

    def set_states(self, relation: Relation, state: ReplicaState) -> None:
        """Let both sides be in that state."""
        for copy in relation.copies.values():
            copy.state = state

    def prepare(self, relation: Relation) -> None:
        """Send the last change."""
        self.send(relation)
        self.set_states(relation, _S.PREPARED)

    def fail_over(self, copy: Copy, point: str) -> None:
        """Make a VM of the state."""
        chosen = next((p for p in copy.points if p.id == point), copy.points[-1])
        was_prepared = copy.state is _S.PREPARED
        copy.failed_over_to = "planned" if was_prepared else "latest"
        copy.written = chosen.written
        copy.state = _S.FAILED_OVER

    def take_back(self, relation: Relation, copy: Copy) -> None:
        """Let the replica receive again."""
        source = relation.other(copy)
        copy.power = PowerState.OFF
        is_prepared = source is not None and source.state is _S.PREPARED
        copy.state = _S.PREPARED if is_prepared else _S.REPLICATING
        copy.failed_over_to = ""
        copy.written = copy.points[-1].written

    def reverse(self, relation: Relation, copy: Copy) -> None:
        """Swap the roles."""
        source = relation.other(copy)
        assert source is not None, "the rule asked for it"
        was_planned = copy.failed_over_to == "planned"
        copy.mode, source.mode = _M.PRIMARY, _M.REPLICA
        copy.failed_over_to = ""
        copy.points = []
        self.set_states(relation, _S.REPLICATING if was_planned else _S.RESYNC_REQUIRED)
        source.points = [Point(self._world.next_id("RP"), self._world.clock.now())]
        if was_planned:
            source.written = copy.written

    def resync(self, relation: Relation) -> None:
        """Make both sides alike."""
        self.set_states(relation, _S.REPLICATING)
        self.send(relation)

    def tests_made(self, relation: Relation) -> int:
        """Return how many test VMs of a replica exist: ground truth for tests."""
        return len(relation.tests)

    def start_test(self, relation: Relation, copy: Copy) -> str:
        """Make the test VM."""
        relation.test_id = self._world.next_id("M")
        relation.test = Copy(copy.system, _M.TEST, _S.UNKNOWN)
        relation.tests.append(relation.test_id)
        return relation.test_id

    def stop_test(self, relation: Relation) -> None:
        """Delete the test VM."""
        relation.tests.remove(relation.test_id)
        relation.test, relation.test_id = None, ""

    def remove(self, relation: Relation, copy: Copy) -> None:
        """End the relationship on one side."""
        del relation.copies[copy.system]
        if not relation.copies:
            del self.relations[relation.pair]

    def can_receive(self, relation: Relation, copy: Copy) -> bool:
        """Tell whether the other side may receive."""
        other = relation.other(copy)
        return other is not None and self.receivers.get(other.system, False)


_Rule = Callable[[Replication, Relation, Copy], str]
_Effect = Callable[[Replication, Relation, Copy, str], "str | None"]


def _unless(holds: bool, problem: str) -> str:  # noqa: FBT001  # a condition, read as one
    return "" if holds else problem


def _is_sender(copy: Copy, *states: ReplicaState) -> bool:
    return copy.mode is _M.PRIMARY and copy.state in states


def _is_off(copy: Copy | None) -> bool:
    return copy is not None and copy.power is PowerState.OFF


_RECEIVING: Final = (_M.REPLICA, _M.EXTENDED)
#: Step to what is in the way, or nothing.
_RULES: Final[Mapping[ReplicaStep, _Rule]] = {
    _R.START_INITIAL: lambda _w, _r, c: _unless(_is_sender(c, _S.READY), f"it is {c.state}"),
    _R.IMPORT_INITIAL: lambda _w, _r, c: _unless(
        c.mode in _RECEIVING and c.state in {_S.READY, _S.INITIAL}, f"it is {c.state}"
    ),
    _R.PAUSE: lambda _w, _r, c: _unless(_is_sender(c, _S.REPLICATING), f"it is {c.state}"),
    _R.RESUME: lambda _w, _r, c: _unless(
        _is_sender(c, _S.PAUSED, _S.CRITICAL), f"it is {c.state}"
    ),
    _R.RESYNC: lambda _w, _r, c: _unless(
        _is_sender(c, _S.RESYNC_REQUIRED, _S.CRITICAL), f"it is {c.state}"
    ),
    _R.PREPARE: lambda _w, _r, c: _unless(
        _is_sender(c, _S.REPLICATING) and _is_off(c), f"it is {c.state} and {c.power}"
    ),
    _R.CANCEL_PREPARE: lambda _w, _r, c: _unless(_is_sender(c, _S.PREPARED), f"it is {c.state}"),
    _R.FAIL_OVER: lambda _w, r, c: _unless(
        c.mode in _RECEIVING and c.state in _USABLE and r.test is None, f"it is {c.state}"
    ),
    _R.CANCEL_FAIL_OVER: lambda _w, _r, c: _unless(
        c.mode in _RECEIVING and c.state is _S.FAILED_OVER, f"it is {c.state}"
    ),
    _R.COMMIT: lambda _w, _r, c: _unless(c.state is _S.FAILED_OVER, f"it is {c.state}"),
    _R.REVERSE: lambda w, r, c: _unless(
        c.mode is _M.REPLICA
        and c.state in _STANDING
        and _is_off(r.other(c))
        and w.can_receive(r, c),
        f"it is {c.state}",
    ),
    _R.START_TEST: lambda _w, r, c: _unless(
        c.mode in _RECEIVING and c.state in _USABLE and r.test is None, f"it is {c.state}"
    ),
    _R.STOP_TEST: lambda _w, _r, c: _unless(
        c.mode is _M.TEST and _is_off(c), f"it is {c.mode} and {c.power}"
    ),
    _R.REMOVE: lambda _w, r, _c: _unless(r.test is None, "a test VM exists"),
    _R.SHUT_DOWN: lambda _w, _r, c: _unless(c.power is PowerState.RUNNING, f"it is {c.power}"),
    _R.TURN_OFF: lambda _w, _r, c: _unless(c.power is PowerState.RUNNING, f"it is {c.power}"),
    _R.POWER_ON: lambda _w, _r, c: _unless(
        _is_off(c)
        and c.state is not _S.PREPARED
        and (c.mode in {_M.PRIMARY, _M.TEST} or c.state in _STANDING),
        f"it is {c.state} and {c.power}",
    ),
}


def _power(power: PowerState) -> _Effect:
    def switch(_world: Replication, _relation: Relation, copy: Copy, _point: str) -> None:
        copy.power = power

    return switch


def _both(state: ReplicaState) -> _Effect:
    return lambda w, r, _c, _p: w.set_states(r, state)


_EFFECTS: Final[Mapping[ReplicaStep, _Effect]] = {
    _R.START_INITIAL: lambda w, r, _c, _p: w.resync(r),
    _R.IMPORT_INITIAL: lambda w, r, _c, _p: w.resync(r),
    _R.PAUSE: _both(_S.PAUSED),
    _R.RESUME: _both(_S.REPLICATING),
    _R.RESYNC: lambda w, r, _c, _p: w.resync(r),
    _R.PREPARE: lambda w, r, _c, _p: w.prepare(r),
    _R.CANCEL_PREPARE: _both(_S.REPLICATING),
    _R.FAIL_OVER: lambda w, _r, c, p: w.fail_over(c, p),
    _R.CANCEL_FAIL_OVER: lambda w, r, c, _p: w.take_back(r, c),
    _R.COMMIT: lambda _w, _r, c, _p: setattr(c, "state", _S.COMMITTED),
    _R.REVERSE: lambda w, r, c, _p: w.reverse(r, c),
    _R.START_TEST: lambda w, r, c, _p: w.start_test(r, c),
    _R.STOP_TEST: lambda w, r, _c, _p: w.stop_test(r),
    _R.REMOVE: lambda w, r, c, _p: w.remove(r, c),
    _R.SHUT_DOWN: _power(PowerState.OFF),
    _R.TURN_OFF: _power(PowerState.OFF),
    _R.POWER_ON: _power(PowerState.RUNNING),
}
