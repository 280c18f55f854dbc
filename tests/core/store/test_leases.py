"""Leases: one holder at a time, taken over from the dead only, fenced for ever after."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from safepoint.errors import FencedError, LeaseHeldError
from safepoint.store import Executor, Lease, Store

_KEY = "vm hx1/A"


def test_free_lease_can_be_taken(store: Store, executor: Executor) -> None:
    lease = store.leases.take(_KEY, executor.id, purpose="run 1")

    store.leases.check(lease)
    assert store.leases.held() == {_KEY: executor.id}


def test_held_lease_cannot_be_taken_not_even_by_its_holder(
    store: Store, executor: Executor
) -> None:
    store.leases.take(_KEY, executor.id, purpose="run 1")
    other = store.executors.enter()

    for taker in (other, executor):
        with pytest.raises(LeaseHeldError, match=f"{executor.id}.*run 1"):
            store.leases.take(_KEY, taker.id, purpose="run 2")
    other.close()


def test_lease_given_back_is_free_and_fenced(store: Store, executor: Executor) -> None:
    first = store.leases.take(_KEY, executor.id, purpose="run 1")
    store.leases.give_back(first)

    assert store.leases.held() == {}
    with pytest.raises(FencedError):
        store.leases.check(first)
    second = store.leases.take(_KEY, executor.id, purpose="run 2")
    assert second.epoch > first.epoch
    with pytest.raises(FencedError):
        store.leases.check(first)


def test_giving_back_what_another_holds_by_now_changes_nothing(
    store: Store, executor: Executor
) -> None:
    first = store.leases.take(_KEY, executor.id, purpose="run 1")
    store.leases.give_back(first)
    second = store.leases.take(_KEY, executor.id, purpose="run 2")

    store.leases.give_back(first)

    store.leases.check(second)


def test_lease_of_the_dead_is_taken_over_at_once_and_the_dead_is_fenced(
    store: Store, executor: Executor
) -> None:
    dead = store.executors.enter()
    old = store.leases.take(_KEY, dead.id, purpose="run 1")
    dead.close()

    new = store.leases.take(_KEY, executor.id, purpose="run 2")

    assert new.epoch == old.epoch + 1
    store.leases.check(new)
    with pytest.raises(FencedError, match="taken over"):
        store.leases.check(old)


def test_lease_nobody_ever_took_is_fenced(store: Store, executor: Executor) -> None:
    with pytest.raises(FencedError):
        store.leases.check(Lease("vm never/taken", 1, executor.id))


def test_leases_of_the_dead_are_freed_and_those_of_the_living_kept(
    store: Store, executor: Executor
) -> None:
    dead = store.executors.enter()
    store.leases.take("a", dead.id, purpose="x")
    store.leases.take("b", executor.id, purpose="x")
    kept = store.leases.take("c", dead.id, purpose="x")
    dead.close()

    assert set(store.leases.free_dead()) == {"a", "c"}
    assert store.leases.held() == {"b": executor.id}
    with pytest.raises(FencedError):
        store.leases.check(kept)


def test_leases_outlive_the_store_object(folder: Path, store: Store, executor: Executor) -> None:
    lease = store.leases.take(_KEY, executor.id, purpose="run 1")

    with Store(folder) as again:
        again.leases.check(lease)
        with pytest.raises(LeaseHeldError):
            again.leases.take(_KEY, "somebody", purpose="run 2")


@pytest.mark.parametrize("was_taken_before", [False, True])
def test_of_many_takers_exactly_one_gets_it(
    store: Store, executor: Executor, *, was_taken_before: bool
) -> None:
    if was_taken_before:
        dead = store.executors.enter()
        store.leases.take(_KEY, dead.id, purpose="run 0")
        dead.close()
    takers = [store.executors.enter() for _ in range(6)]
    start = threading.Barrier(len(takers), timeout=30)
    won: list[Lease] = []
    lost: list[LeaseHeldError] = []

    def take(taker: Executor) -> None:
        start.wait()
        try:
            won.append(store.leases.take(_KEY, taker.id, purpose="race"))
        except LeaseHeldError as error:
            lost.append(error)

    threads = [threading.Thread(target=take, args=(taker,)) for taker in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for taker in takers:
        taker.close()

    assert len(won) == 1
    assert len(lost) == len(takers) - 1
    store.leases.check(won[0])
