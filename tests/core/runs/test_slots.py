"""Limits per node and share: counted across processes, freed by death, cancellable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safepoint.errors import RunCancelledError, RunTimedOutError
from safepoint.models.runs import RunState
from safepoint.runs.crew import Crew
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.slots import Limit, slots
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference import World
from safepoint_lab.reference.processes import Process

_NODE = Limit("node ref1/node1", 2)
_SHARE = Limit(r"share \\fs01\vmstore1", 1)


def nothing() -> None:
    """Check nothing."""


@pytest.fixture
def crew(process: Process) -> Crew:
    return process.crew


def test_places_are_held_inside_the_block_only(crew: Crew, store: Store) -> None:
    with slots(crew, [_NODE, _SHARE], purpose="run 1", check=nothing):
        assert set(store.leases.held()) == {"node ref1/node1#0", r"share \\fs01\vmstore1#0"}

    assert store.leases.held() == {}


def test_places_are_given_back_after_a_failure(crew: Crew, store: Store) -> None:
    with pytest.raises(ZeroDivisionError), slots(crew, [_NODE], purpose="r", check=nothing):
        raise ZeroDivisionError

    assert store.leases.held() == {}


def test_as_many_as_there_are_places_work_at_once(crew: Crew, store: Store) -> None:
    with (
        slots(crew, [_NODE], purpose="a", check=nothing),
        slots(crew, [_NODE], purpose="b", check=nothing),
    ):
        assert set(store.leases.held()) == {"node ref1/node1#0", "node ref1/node1#1"}


def test_one_more_waits_until_a_place_comes_free(crew: Crew, store: Store, world: World) -> None:
    other = store.leases.take(f"{_SHARE.name}#0", crew.executor, purpose="run 0")

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        if world.clock.monotonic() > 100:
            store.leases.give_back(other)

    waiting = replace(crew, waiter=Waiter(sleep=sleep, monotonic=world.clock.monotonic))
    with slots(waiting, [_SHARE], purpose="run 1", check=nothing):
        assert world.clock.monotonic() > 100


def test_waiting_ends_at_the_deadline(crew: Crew, store: Store) -> None:
    store.leases.take(f"{_SHARE.name}#0", crew.executor, purpose="run 0")
    hurried = replace(crew, deadlines=Deadlines(slot_seconds=60))

    with (
        pytest.raises(RunTimedOutError, match="vmstore1"),
        slots(hurried, [_NODE, _SHARE], purpose="run 1", check=nothing),
    ):
        pytest.fail("there was no place")

    assert set(store.leases.held()) == {f"{_SHARE.name}#0"}, "the node's place is free again"


def test_place_of_a_dead_process_is_free_at_once(crew: Crew, store: Store, world: World) -> None:
    dead = Process(world, store, name="dead")
    store.leases.take(f"{_SHARE.name}#0", dead.executor.id, purpose="run 0")
    dead.lose_liveness()

    with slots(crew, [_SHARE], purpose="run 1", check=nothing):
        assert store.leases.held() == {f"{_SHARE.name}#0": crew.executor}


def test_cancel_ends_the_waiting(world: World, store: Store, process: Process) -> None:
    """Hours before a place would come free."""
    vm = world.add_machine("sql01")
    store.leases.take(f"{_SHARE.name}#0", process.executor.id, purpose="run 0")

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        process.cancel.set()

    object.__setattr__(process.crew.waiter, "sleep", sleep)
    run = process.protect(vm.id, limits=lambda _workload: (_SHARE,))

    assert run.state is RunState.CANCELLED
    assert world.clock.monotonic() < 60
    assert world.writes == []
    assert set(store.leases.held()) == {f"{_SHARE.name}#0"}


def test_check_is_asked_before_every_look(crew: Crew) -> None:
    def stop() -> None:
        raise RunCancelledError("stop")

    with pytest.raises(RunCancelledError), slots(crew, [_NODE], purpose="r", check=stop):
        pytest.fail("it was cancelled")


def test_backup_checkpoint_that_came_while_waiting_for_a_place_is_seen(
    world: World, store: Store, process: Process
) -> None:
    vm = world.add_machine("sql01")
    other = store.leases.take(f"{_SHARE.name}#0", process.executor.id, purpose="run 0")

    def sleep(seconds: float) -> None:
        world.clock.sleep(seconds)
        if not vm.frozen:
            world.add_foreign_checkpoint(vm.id)
            store.leases.give_back(other)

    object.__setattr__(process.crew.waiter, "sleep", sleep)
    run = process.protect(vm.id, limits=lambda _workload: (_SHARE,))

    assert run.state is RunState.FAILED
    assert world.writes == []
