"""Claiming a VM for a deed that is no run, such as a restore in place."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from safepoint.drivers import DriverContext
from safepoint.errors import BusyError, LeaseHeldError, RunCancelledError
from safepoint.models.runs import RunRequest
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.runs.claim import Claim
from safepoint.runs.occupants import Occupants
from safepoint.runs.recover import lease_key
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference import ReferenceDriver, ReferenceSettings, World

PURPOSE = "restore in place from acme"


class Bench:
    """One process that claims a VM of a world."""

    def __init__(self, world: World, store: Store) -> None:
        context = DriverContext("acme", world.clock.now, Path("unused"))
        self.product = ReferenceDriver(world, ReferenceSettings(), context)
        (self.vm,) = self.product.workloads(WorkloadQuery(cluster=world.cluster))
        self.store, self.clock = store, world.clock
        self.executor = store.executors.enter()
        self.said: list[str] = []
        self.cancel = threading.Event()
        self.is_there = True

    def held(self, wait_seconds: float = 0.0):
        clock = self.clock
        claim = Claim(
            store=self.store,
            executor=self.executor.id,
            occupants=Occupants(
                {"acme": self.product}, lambda *_: False, self.said.append, clock.monotonic
            ),
            waiter=Waiter(clock.sleep, clock.monotonic),
            say=self.said.append,
        )
        there: Workload | None = self.vm if self.is_there else None
        return claim.held(
            self.vm.ref,
            self.vm.name,
            PURPOSE,
            there=there,
            wait_seconds=wait_seconds,
            cancel=self.cancel,
        )


@pytest.fixture
def bench(world: World, store: Store) -> Bench:
    world.add_job("gold", world.add_machine("alpha"))
    return Bench(world, store)


def test_claimed_vm_is_refused_to_others_by_name_and_purpose(bench: Bench) -> None:
    with (
        bench.held(),
        pytest.raises(LeaseHeldError, match=r"VM alpha: .*restore in place") as refused,
        bench.held(),
    ):
        pass

    assert "--wait" in refused.value.hint
    assert bench.store.leases.held() == {}


def test_claim_ends_with_an_error_of_the_deed(bench: Bench) -> None:
    with pytest.raises(ZeroDivisionError), bench.held():
        raise ZeroDivisionError

    assert bench.store.leases.held() == {}


def test_vm_that_a_product_works_on_is_refused_and_left_free(bench: Bench) -> None:
    bench.product.start_run(RunRequest(job="gold"), key="theirs")

    with pytest.raises(BusyError, match=r"VM alpha is being worked on by run .*'gold' on 'acme'"):
        bench.held().__enter__()

    assert bench.store.leases.held() == {}


def test_vm_that_is_gone_from_its_hosts_can_be_claimed(bench: Bench) -> None:
    """It is what a restore in place is wanted for most."""
    bench.product.start_run(RunRequest(job="gold"), key="theirs")
    bench.is_there = False

    with bench.held():
        assert list(bench.store.leases.held()) == [lease_key(bench.vm.ref)]


def test_whoever_has_the_vm_is_waited_for_when_wished(bench: Bench) -> None:
    bench.product.start_run(RunRequest(job="gold"), key="theirs")

    with bench.held(wait_seconds=600):
        assert [text for text in bench.said if text.startswith("waiting: VM alpha")]


def test_cancel_ends_the_wait(bench: Bench) -> None:
    bench.cancel.set()

    with pytest.raises(RunCancelledError, match="waiting for VM alpha"):
        bench.held(wait_seconds=600).__enter__()
