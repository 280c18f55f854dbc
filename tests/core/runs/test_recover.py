"""The sweep and the settling of a VM: what is touched, what is not, what is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from typing_extensions import override

from safepoint.errors import UnreachableError
from safepoint.lifecycle import CheckpointState
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.runs import RunState
from safepoint.runs.ad_hoc import AdHoc, AdHocWish
from safepoint.runs.recover import discard_of, settle_runs, sweep
from safepoint.store import Store
from safepoint_lab.reference import World
from safepoint_lab.reference.aftermath import leftovers
from safepoint_lab.reference.checkpointing import CheckpointingSession
from safepoint_lab.reference.processes import Process
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire


def kill_in_mid_copy(world: World, store: Store, vm: str) -> Process:
    dead = Process(world, store, name="dead")
    dead.cancel_at = lambda progress: dead.die() if progress.done_bytes >= 64 else False
    with pytest.raises(SimulatedCrash):
        dead.protect(vm)
    return dead


def test_run_of_a_dead_process_is_marked_interrupted_with_its_tasks(
    world: World, store: Store, process: Process
) -> None:
    kill_in_mid_copy(world, store, world.add_machine("sql01").id)
    (run, _executor) = store.runs.unfinished()[0]

    assert settle_runs(store) == (run.id,)

    ended = store.runs.get(run.id)
    assert ended.state is RunState.INTERRUPTED
    assert [t.state for t in ended.tasks] == [RunState.INTERRUPTED]
    assert ended.ended_at is not None
    assert store.leases.held() == {}
    assert settle_runs(store) == ()


def test_run_of_a_live_process_is_left_alone(world: World, store: Store) -> None:
    """One process sweeps while another is in mid-copy."""
    vm = world.add_machine("sql01").id
    sweeper = Process(world, store, name="sweeper")
    worker = Process(world, store, name="worker")
    swept: list[object] = []

    def sweep_now(_progress: object) -> bool:
        swept.append(sweeper.recover())
        return False

    worker.cancel_at = sweep_now
    run = worker.protect(vm)

    assert run.state is RunState.SUCCEEDED
    assert swept
    assert set(swept) == {()}


@pytest.mark.parametrize("is_vm_gone", [True, False])
def test_one_made_by_hand_that_is_there_no_more_is_written_down_as_gone(
    world: World, store: Store, process: Process, *, is_vm_gone: bool
) -> None:
    """Somebody deleted it in Hyper-V, or removed its VM: nobody waits for it for ever."""
    machine, other = world.add_machine("sql01"), world.add_machine("web01")
    for vm in (machine, other):
        AdHoc(process.crew).create(process.workload(vm.id), AdHocWish())
    writes = len(world.writes)
    if is_vm_gone:
        world.remove_machine(machine.id)
    else:
        world.thaw(machine, machine.frozen[0])

    (settled,) = process.recover()

    assert settled.row.workload_name == "sql01"
    assert settled.row.state is CheckpointState.RELEASED
    assert [row.workload_name for row in store.checkpoints.open()] == ["web01"]
    assert len(other.frozen) == 1
    assert len(world.writes) == writes, "nothing was asked for"


def test_one_made_by_hand_that_cannot_be_looked_at_stays(
    world: World, store: Store, process: Process
) -> None:
    machine = world.add_machine("sql01")
    AdHoc(process.crew).create(process.workload(machine.id), AdHocWish())
    world.faults.refuse("checkpoints", UnreachableError("the node is away"), times=99)
    world.machines.pop(machine.id)

    assert process.recover() == ()
    assert len(store.checkpoints.open()) == 1


def test_one_stubborn_vm_does_not_keep_the_others_from_being_settled(
    world: World, store: Store, process: Process
) -> None:
    stubborn, easy = world.add_machine("sql01"), world.add_machine("web01")
    for machine in (stubborn, easy):
        kill_in_mid_copy(world, store, machine.id)
    world.faults.slow("merge")

    settled = {one.row.workload_name: one for one in process.recover()}

    assert not settled["sql01"].is_settled
    assert "not merged" in settled["sql01"].problem
    assert settled["sql01"].hint
    assert settled["sql01"].row.state is CheckpointState.MERGING
    assert settled["web01"].is_settled
    assert settled["web01"].row.state is CheckpointState.RELEASED


def test_unreachable_hypervisor_is_reported_and_the_row_stays(
    world: World, store: Store, process: Process
) -> None:
    kill_in_mid_copy(world, store, world.add_machine("sql01").id)
    world.faults.refuse("checkpoints", UnreachableError("no route to node1"), times=10_000)

    (settled,) = process.recover()

    assert settled.problem == "no route to node1"
    assert [row.state for row in store.checkpoints.open()] == [CheckpointState.COPYING]
    assert store.leases.held() == {}


def test_vm_that_is_no_more_has_no_checkpoint_either(
    world: World, store: Store, process: Process
) -> None:
    vm = world.add_machine("sql01").id
    kill_in_mid_copy(world, store, vm)
    del world.machines[vm]

    (settled,) = process.recover()

    assert settled.is_settled
    assert settled.row.state is CheckpointState.RELEASED
    assert leftovers(world, store) == ()


def test_checkpoint_of_another_product_that_came_after_the_death_is_untouched(
    world: World, store: Store, process: Process
) -> None:
    """Ours is identified by its id; the nameless newcomer of the same minute is not ours."""
    vm = world.add_machine("sql01")
    kill_in_mid_copy(world, store, vm.id)
    theirs = world.add_foreign_checkpoint(vm.id)

    process.recover()

    assert leftovers(world, store, wanted=frozenset({theirs.id})) == ()


def test_rows_of_another_connection_are_not_ours_to_settle(
    world: World, store: Store, process: Process
) -> None:
    kill_in_mid_copy(world, store, world.add_machine("sql01").id)
    elsewhere = replace(process.crew, connection="another")

    assert sweep(elsewhere, discard=lambda _tag: None) == ()
    assert len(store.checkpoints.open()) == 1


def test_two_sweeps_at_once_share_the_work(
    world: World, store: Store, another_process: Callable[[], Process], process: Process
) -> None:
    """While one settles a VM, the other passes over it."""
    vm = world.add_machine("sql01")
    kill_in_mid_copy(world, store, vm.id)
    second = another_process()
    results: list[object] = []

    class Between(Tripwire):
        @override
        def point(self, name: str) -> None:
            if name == "before delete_checkpoint":
                results.append(second.recover())
            super().point(name)

    first = Process(world, store, Between(), name="first")
    assert [one.is_settled for one in first.recover()] == [True]
    assert results == [()]


def test_user_checkpoint_of_a_lost_creation_is_settled_like_any_other(
    world: World, store: Store, process: Process
) -> None:
    """Nobody ever learned that it exists, so nobody would delete it."""
    vm = world.add_machine("sql01")

    class Deadly(Tripwire):
        @override
        def point(self, name: str) -> None:
            if name == "after create_checkpoint":
                dead.die()
            super().point(name)

    dead = Process(world, store, Deadly(), name="dead")
    with dead.running(), pytest.raises(SimulatedCrash):
        AdHoc(dead.crew).create(dead.workload(vm.id), AdHocWish(kind=CheckpointKind.STANDARD))
    world.drain()
    assert len(vm.frozen) == 1

    assert [one.is_settled for one in process.recover()] == [True]
    assert leftovers(world, store) == ()


def test_driver_that_never_copies_has_nothing_to_discard(process: Process) -> None:
    assert discard_of(process.copier) == process.copier.discard
    without = CheckpointingSession.__new__(CheckpointingSession)
    assert discard_of(without)("any tag") is None
