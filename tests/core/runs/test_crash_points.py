"""kill -9 at every effect of a run: whoever comes next leaves nothing behind.

A point lies before every write statement and commit of the journal, after every commit, before
and after every write of the driver, at every step of a copy, and, for requests to the
hypervisor, while the request is on its way: the process dies and the request is executed
seconds later, when the successor is at work already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pytest

from safepoint.errors import StorageFullError
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.runs import Run, RunState
from safepoint.runs.ad_hoc import AdHoc, AdHocWish
from safepoint.store import Store
from safepoint_lab.reference import Failure, FakeClock, World
from safepoint_lab.reference.aftermath import leftovers
from safepoint_lab.reference.processes import Process, watch_journals
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire


@dataclass
class Stage:
    """A fresh world with two VMs, each with a checkpoint that is not ours."""

    world: World
    vm: str = field(init=False)
    foreign: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.vm = self.world.add_machine("sql01", disks=1).id
        other = self.world.add_machine("web01", disks=1).id
        by_hand = self.world.add_foreign_checkpoint(
            self.vm, name="before patch", kind=CheckpointKind.PRODUCTION
        )
        by_product = self.world.add_foreign_checkpoint(other)
        self.foreign = frozenset({by_hand.id, by_product.id})


Scenario = Callable[[Stage, Process], object]


def plain(stage: Stage, process: Process) -> Run:
    return process.protect(stage.vm)


def cancelled(stage: Stage, process: Process) -> Run:
    process.cancel_at = lambda progress: progress.done_bytes >= 128
    return process.protect(stage.vm)


def copy_fails(stage: Stage, process: Process) -> Run:
    stage.world.faults.break_copy(StorageFullError("the repository is full"), after_chunks=2)
    return process.protect(stage.vm)


def falls_back(stage: Stage, process: Process) -> Run:
    stage.world.faults.fail("create_checkpoint", Failure("quiesce", "no answer from the guest"))
    return process.protect(stage.vm, may_fall_back=True)


def answers_lost(stage: Stage, process: Process) -> Run:
    stage.world.faults.lose_answer("create_checkpoint")
    stage.world.faults.lose_answer("delete_checkpoint")
    return process.protect(stage.vm)


def failed_job_leaves_one(stage: Stage, process: Process) -> Run:
    failure = Failure("vendor-fault", "it says it failed", leaves_effect=True)
    stage.world.faults.fail("create_checkpoint", failure)
    return process.protect(stage.vm)


def by_hand_and_back(stage: Stage, process: Process) -> None:
    """Create a user checkpoint and delete it again."""
    with process.running():
        ad_hoc = AdHoc(process.crew)
        held = ad_hoc.create(process.workload(stage.vm), AdHocWish())
        ad_hoc.delete(held.checkpoint)


def tells_apart(name: str) -> bool:
    """Tell whether a death here leaves another world or checkpoint journal than one before."""
    is_inside = name.startswith(("before insert", "before update", "before delete "))
    return not is_inside and not name.endswith((" task", " commit of run"))


class Walk:
    """Runs a scenario again and again, killed at one point more each time."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.first = Store(folder, clock=self.clock.now)
        self.second = Store(folder, clock=self.clock.now)
        self.walked = 0
        self.findings: list[str] = []

    def stage(self) -> Stage:
        return Stage(World(self.clock))

    def points(self, scenario: Scenario) -> list[str]:
        """Run it to its end once and return the points it passed."""
        stage = self.stage()
        process = Process(stage.world, self.first)
        scenario(stage, process)
        process.lose_liveness()
        left = leftovers(stage.world, self.first, wanted=stage.foreign)
        assert left == (), "the scenario itself must leave nothing"
        return process.tripwire.names

    def crash(self, scenario: Scenario, at: int) -> tuple[Stage, str]:
        """Run it until its process dies at that point."""
        stage = self.stage()
        process = Process(stage.world, self.first, Tripwire(at))
        with pytest.raises(SimulatedCrash):
            scenario(stage, process)
        self.walked += 1
        return stage, process.tripwire.where

    def successor(self, stage: Stage) -> Process:
        return Process(stage.world, self.second, name="second")

    def judge(self, stage: Stage, where: str, *, wanted: frozenset[str] = frozenset()) -> None:
        left = leftovers(stage.world, self.second, wanted=stage.foreign | wanted)
        self.findings += [f"{where}: {line}" for line in left]

    def each_point(
        self, scenario: Scenario, *, beyond: Scenario | None = None, every: bool = False
    ) -> Iterator[tuple[Stage, str]]:
        """Yield the stage after every crash.

        Args:
            scenario: What dies.
            beyond: Leave out the points that it has in common with this one at its beginning.
            every: Walk also the points that leave the journal as the one before left it, and
                those that only concern the record of a task.
        """
        self.points(
            plain
        )  # a fresh journal inserts what a used one updates: compare like with like
        names = self.points(scenario)
        begin = 0
        if beyond is not None:
            pairs = zip_longest(names, self.points(beyond))
            begin = next(n for n, (mine, theirs) in enumerate(pairs) if mine != theirs)
        for at, name in enumerate(names):
            if at >= begin and (every or tells_apart(name)):
                yield self.crash(scenario, at)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with watch_journals():
        made = Walk(tmp_path)
        yield made
        made.first.close()
        made.second.close()


def test_sweep_settles_a_run_killed_at_any_point(walk: Walk) -> None:
    """Every effect of a plain run: the sweep leaves nothing and says so."""
    for stage, where in walk.each_point(plain, every=True):
        successor = walk.successor(stage)
        for settled in successor.recover():
            if not settled.is_settled:
                walk.findings.append(f"{where}: not settled: {settled.problem}")
        walk.judge(stage, where)
        successor.lose_liveness()

    assert not walk.findings, "\n".join(walk.findings)
    assert walk.walked >= 121


def test_next_run_settles_a_run_killed_at_any_point(walk: Walk) -> None:
    """No sweep in between: the next run of the same VM cleans up first, and then succeeds."""
    for stage, where in walk.each_point(plain):
        successor = walk.successor(stage)
        run = successor.protect(stage.vm)
        if run.state is not RunState.SUCCEEDED:
            walk.findings.append(f"{where}: the next run {run.state}: {run.tasks[0].error}")
        successor.recover()  # the record of the dead run; its checkpoint must be gone before
        walk.judge(stage, where)
        successor.lose_liveness()

    assert not walk.findings, "\n".join(walk.findings)
    assert walk.walked >= 42


@pytest.mark.parametrize(
    ("scenario", "least"),
    [
        (cancelled, 13),
        (copy_fails, 13),
        (falls_back, 40),
        (answers_lost, 48),
        (failed_job_leaves_one, 15),
    ],
)
def test_sweep_settles_a_troubled_run_killed_at_any_point(
    walk: Walk, scenario: Scenario, least: int
) -> None:
    """From where a trouble makes its way part from the plain one: the sweep leaves nothing."""
    for stage, where in walk.each_point(scenario, beyond=plain):
        successor = walk.successor(stage)
        successor.recover()
        walk.judge(stage, where)
        successor.lose_liveness()

    assert not walk.findings, "\n".join(walk.findings)
    assert walk.walked >= least


def test_cancel_between_death_and_recovery_changes_nothing(walk: Walk) -> None:
    """A cancel that nobody is left to hear: the next run is cancelled, the sweep still settles."""
    for stage, where in walk.each_point(plain, beyond=by_hand_and_back):
        successor = walk.successor(stage)
        for run, _ in walk.second.runs.unfinished():
            walk.second.runs.request_cancel(run.id)
        successor.cancel.set()
        assert successor.protect(stage.vm).state is RunState.CANCELLED
        successor.recover()
        walk.judge(stage, where)
        successor.lose_liveness()

    assert not walk.findings, "\n".join(walk.findings)
    assert walk.walked >= 42


def test_user_checkpoint_is_either_gone_or_in_the_list_of_wanted_ones(walk: Walk) -> None:
    """Killed while making or deleting one by hand: what stays is journaled as wanted, by id."""
    for stage, where in walk.each_point(by_hand_and_back):
        successor = walk.successor(stage)
        successor.recover()
        kept = walk.second.checkpoints.open()
        assert all(row.is_ad_hoc and row.native for row in kept)
        walk.judge(stage, where, wanted=frozenset(r.native.id for r in kept if r.native))
        for row in kept:
            with successor.running():
                found = successor.crew.checkpoints_of(row.workload)
                AdHoc(successor.crew).delete(next(c for c in found if c.ref == row.native))
        walk.judge(stage, where)
        successor.lose_liveness()

    assert not walk.findings, "\n".join(walk.findings)
    assert walk.walked >= 31


def test_recovery_may_die_as_well(walk: Walk) -> None:
    """The sweep of a run killed in mid-copy, itself killed at every point, then repeated."""
    names = walk.points(plain)
    middle = names.index("at byte 128")

    def swept(stage: Stage, process: Process) -> None:
        process.recover()

    def crashed_sweep(at: int | None) -> tuple[Stage, Process]:
        stage, _ = walk.crash(plain, middle)
        process = Process(stage.world, walk.second, Tripwire(at), name="second")
        with contextlib.suppress(SimulatedCrash):
            swept(stage, process)
        return stage, process

    _, whole = crashed_sweep(None)
    whole.lose_liveness()
    walk.walked = 0
    for at in range(len(whole.tripwire.names)):
        stage, process = crashed_sweep(at)
        third = Process(stage.world, walk.first, name="third")
        third.recover()
        walk.judge(stage, process.tripwire.where)
        third.lose_liveness()

    assert not walk.findings, "\n".join(walk.findings)
    assert walk.walked >= 36
