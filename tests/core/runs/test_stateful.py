"""Any sequence of runs, faults, deaths and other products' doings: swept, nothing is left."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from safepoint.errors import BusyError, FencedError, StorageFullError
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.workloads import GuestState
from safepoint.store import Store
from safepoint_lab.reference import Failure, World
from safepoint_lab.reference.aftermath import leftovers
from safepoint_lab.reference.processes import Process, watch_journals
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire

_CALLS = ("create_checkpoint", "delete_checkpoint")


class Estate(RuleBasedStateMachine):
    """Two VMs, one process after the other, and somebody else's checkpoints among ours."""

    def __init__(self) -> None:
        super().__init__()
        self._fast = watch_journals()
        self._fast.__enter__()
        self._folder = Path(tempfile.mkdtemp())
        self.world = World()
        self.store = Store(self._folder, clock=self.world.clock.now)
        self.machines = [self.world.add_machine(name, disks=1) for name in ("sql01", "web01")]
        self.foreign: set[str] = set()
        self.count = 0

    @override
    def teardown(self) -> None:
        self.world.faults = type(self.world.faults)()
        self.world.drain()
        last = self._process()
        last.recover()
        left = leftovers(self.world, self.store, wanted=frozenset(self.foreign))
        last.lose_liveness()
        self.store.close()
        shutil.rmtree(self._folder)
        self._fast.__exit__(None, None, None)
        assert left == ()

    def _process(self, tripwire: Tripwire | None = None) -> Process:
        self.count += 1
        return Process(self.world, self.store, tripwire, name=f"p{self.count}")

    @initialize()
    def begin(self) -> None:
        """Nothing to prepare; the rules need no order."""

    @rule(which=st.integers(0, 1), at=st.integers(0, 140), fall_back=st.booleans())
    def run_that_may_die(self, which: int, at: int, fall_back: bool) -> None:
        process = self._process(Tripwire(at))
        with contextlib.suppress(SimulatedCrash, FencedError):
            process.protect(self.machines[which].id, may_fall_back=fall_back)
        process.lose_liveness()

    @rule(which=st.integers(0, 1), at_bytes=st.integers(0, 208))
    def cancelled_run(self, which: int, at_bytes: int) -> None:
        process = self._process()
        process.cancel_at = lambda progress: progress.done_bytes >= at_bytes
        process.protect(self.machines[which].id)
        process.lose_liveness()

    @rule(at=st.integers(0, 60))
    def sweep_that_may_die(self, at: int) -> None:
        process = self._process(Tripwire(at))
        with contextlib.suppress(SimulatedCrash):
            process.recover()
        process.lose_liveness()

    @rule(call=st.sampled_from(_CALLS), after=st.booleans())
    def answer_gets_lost(self, call: str, after: bool) -> None:
        self.world.faults.lose_answer(call, after_effect=after)

    @rule(call=st.sampled_from(_CALLS), seconds=st.floats(0.1, 9.0))
    def request_comes_late(self, call: str, seconds: float) -> None:
        self.world.faults.lose_answer_and_come_late(call, late_seconds=seconds)

    @rule(call=st.sampled_from(_CALLS), leaves=st.booleans())
    def operation_fails(self, call: str, leaves: bool) -> None:
        self.world.faults.fail(call, Failure("vendor-fault", "no luck", leaves_effect=leaves))

    @rule(call=st.sampled_from(_CALLS))
    def operation_is_forgotten(self, call: str) -> None:
        self.world.faults.forget(call)

    @rule(call=st.sampled_from((*_CALLS, "copy", "discard")))
    def call_is_refused(self, call: str) -> None:
        self.world.faults.refuse(call, BusyError("not now"))

    @rule()
    def repository_is_full(self) -> None:
        self.world.faults.break_copy(StorageFullError("no room"))

    @rule(which=st.integers(0, 1), guest=st.sampled_from([GuestState.READY, GuestState.ABSENT]))
    def guest_changes(self, which: int, guest: GuestState) -> None:
        self.machines[which].guest = guest

    @rule(which=st.integers(0, 1))
    def somebody_makes_a_user_checkpoint(self, which: int) -> None:
        made = self.world.add_foreign_checkpoint(
            self.machines[which].id, name="by hand", kind=CheckpointKind.PRODUCTION
        )
        self.foreign.add(made.id)

    @rule(which=st.integers(0, 1))
    def another_product_makes_a_named_backup_checkpoint(self, which: int) -> None:
        made = self.world.add_foreign_checkpoint(self.machines[which].id, name="product X")
        self.foreign.add(made.id)

    @rule()
    def another_product_releases_its_own(self) -> None:
        for machine in self.machines:
            for frozen in [f for f in machine.frozen if f.given_name == "product X"]:
                self.world.thaw(machine, frozen)
                self.foreign.discard(frozen.id)

    @rule(seconds=st.sampled_from([1.0, 60.0, 400.0, 7200.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    @invariant()
    def foreign_checkpoints_are_untouched(self) -> None:
        assert self.foreign <= self.world.checkpoint_ids()

    @invariant()
    def every_restore_point_is_whole(self) -> None:
        assert self.world.repository.damaged() == ()

    @invariant()
    def no_more_than_one_of_ours_exists_on_a_vm(self) -> None:
        for machine in self.machines:
            assert len([f for f in machine.frozen if f.id not in self.foreign]) <= 1


TestEstate = Estate.TestCase
TestEstate.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
