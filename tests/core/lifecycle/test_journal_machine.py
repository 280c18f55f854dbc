"""Any sequence of events, takers and deaths: the journal stays true to the table and the fence."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from typing_extensions import override

from safepoint.errors import FencedError, IllegalTransitionError, LeaseHeldError
from safepoint.lifecycle import TABLE, CheckpointEvent, CheckpointState, new_tag
from safepoint.lifecycle.table import OPEN_STATES
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.refs import Ref
from safepoint.store import Executor, Intent, Lease, Store
from safepoint_lab.reference import FakeClock
from safepoint_lab.reference.processes import watch_journals

_VM = Ref(kind="workload", system="hx1", id="A")
_KEY = "vm hx1/A"


class Journal(RuleBasedStateMachine):
    """Several processes over one VM. The model: who holds the lease, and each row's state."""

    leases = Bundle("leases")
    rows = Bundle("rows")

    def __init__(self) -> None:
        super().__init__()
        self._fast = watch_journals()
        self._fast.__enter__()
        self._folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.store = Store(self._folder, clock=self.clock.now)
        self.alive: list[Executor] = []
        self.current: Lease | None = None
        self.states: dict[str, CheckpointState] = {}
        self.paths: dict[str, list[CheckpointState]] = {}

    @override
    def teardown(self) -> None:
        for executor in self.alive:
            self.store.executors.leave(executor)
        self.store.close()
        shutil.rmtree(self._folder)
        self._fast.__exit__(None, None, None)

    @initialize()
    def first_process(self) -> None:
        self.alive.append(self.store.executors.enter())

    @rule()
    @precondition(lambda self: len(self.alive) < 4)
    def another_process(self) -> None:
        self.alive.append(self.store.executors.enter())

    @rule(data=st.data())
    @precondition(lambda self: len(self.alive) > 1)
    def process_dies(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.alive) - 1))
        self.alive.pop(number).close()

    @rule(target=leases, data=st.data())
    def take(self, data: st.DataObject) -> Lease | None:
        who = data.draw(st.sampled_from(self.alive))
        holder = self.current.holder if self.current else None
        is_free = holder not in {executor.id for executor in self.alive}
        try:
            lease = self.store.leases.take(_KEY, who.id, purpose="test")
        except LeaseHeldError:
            assert not is_free
            return self.current
        assert is_free
        self.current = lease
        return lease

    @rule(lease=leases)
    def give_back(self, lease: Lease) -> None:
        self.store.leases.give_back(lease)
        if lease == self.current:
            self.current = None

    @rule(target=rows, lease=leases)
    def intend(self, lease: Lease) -> str:
        tag = new_tag()
        kind = CheckpointKind.BACKUP
        intent = Intent(tag, "hv", _VM, "sql01", f"name {tag}", kind, baseline=(), run="r")
        try:
            self.store.checkpoints.intend(lease, intent)
        except FencedError:
            assert lease != self.current
        else:
            assert lease == self.current
            self.states[tag] = CheckpointState.REQUESTED
            self.paths[tag] = []
        return tag

    @rule(tag=rows, lease=leases, event=st.sampled_from(CheckpointEvent))
    def any_event(self, tag: str, lease: Lease, event: CheckpointEvent) -> None:
        if tag in self.states:
            self._note(tag, lease, event)

    @rule(tag=rows, data=st.data())
    def legal_event(self, tag: str, data: st.DataObject) -> None:
        """Go on, so that long ways are walked and not only refusals."""
        state = self.states.get(tag)
        events = sorted(e for s, e in TABLE if s is state)
        if events and self.current is not None:
            self._note(tag, self.current, data.draw(st.sampled_from(events)))

    def _note(self, tag: str, lease: Lease, event: CheckpointEvent) -> None:
        before = self.states[tag]
        self.clock.sleep(1)
        row = self.store.checkpoints.get(tag)
        try:
            after = self.store.checkpoints.note(lease, row, event, note=str(event))
        except FencedError:
            assert lease != self.current
        except IllegalTransitionError:
            assert lease == self.current
            assert (before, event) not in TABLE
        else:
            assert lease == self.current
            assert after.state is TABLE[before, event]
            assert after.epoch == lease.epoch
            assert (after.ended_at is not None) == (after.state not in OPEN_STATES)
            self.states[tag] = after.state
            self.paths[tag].append(after.state)

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        for tag, state in self.states.items():
            assert self.store.checkpoints.get(tag).state is state

    @invariant()
    def open_rows_are_those_without_an_end_oldest_first(self) -> None:
        found = self.store.checkpoints.open(_VM)
        assert {r.tag for r in found} == {t for t, s in self.states.items() if s in OPEN_STATES}
        assert [r.intended_at for r in found] == sorted(r.intended_at for r in found)

    @invariant()
    def history_is_an_unbroken_way_through_the_table(self) -> None:
        for tag, path in self.paths.items():
            history = self.store.checkpoints.history(tag)
            assert [step.after for step in history] == path
            for step in history:
                assert TABLE[step.before, step.event] is step.after
            for one, next_one in itertools.pairwise(history):
                assert one.after is next_one.before
                assert one.at <= next_one.at

    @invariant()
    def lease_is_as_the_model_says(self) -> None:
        held = self.store.leases.held().get(_KEY)
        assert held == (self.current.holder if self.current else None)


TestJournal = Journal.TestCase
TestJournal.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
