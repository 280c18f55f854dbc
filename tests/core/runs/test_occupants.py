"""A product's own run on a VM is seen before a run of ours makes a checkpoint there."""

from __future__ import annotations

from pathlib import Path

import pytest

from safepoint.drivers import DriverContext
from safepoint.drivers.wrap import CountCalls, intercepted
from safepoint.errors import UnreachableError
from safepoint.models.runs import RunLevel, RunState
from safepoint.models.workloads import Activity
from safepoint.runs.occupants import Occupants
from safepoint_lab.reference import Machine, ReferenceDriver, ReferenceSettings, World
from safepoint_lab.reference.processes import Process


@pytest.fixture
def vm(world: World) -> Machine:
    return world.add_machine("sql01")


@pytest.fixture
def counter() -> CountCalls:
    return CountCalls()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def others(world: World, counter: CountCalls, said: list[str]) -> Occupants:
    context = DriverContext("acme", world.clock.now, Path("unused"))
    product = ReferenceDriver(world, ReferenceSettings(), context)
    return Occupants(
        {"acme": intercepted(product, "acme", counter)},  # type: ignore[dict-item]
        lambda _connection, job, workload: job == "fresh" and workload.name == "sql01",
        said.append,
        world.clock.monotonic,
    )


def text_of(others: Occupants):
    return lambda workload: found.text if (found := others.of(workload)) else ""


def test_native_run_is_refused_while_a_product_works_on_the_vm(
    world: World, process: Process, vm: Machine, others: Occupants
) -> None:
    """By the product's word, before its checkpoint can be seen on the host, and before ours."""
    world.pace.create_seconds = 600.0
    world.add_job("gold", vm)
    theirs = world.backups.start(world, "gold", [vm.id], RunLevel.FULL)

    run = process.protect(vm.id, occupied=text_of(others))

    (task,) = run.tasks
    assert run.state is RunState.FAILED
    assert task.error is not None
    assert task.error["code"] == "busy"
    assert theirs.id in task.error["message"]
    assert not [write for write in world.writes if write.call == "create_checkpoint"]


def test_native_run_waits_for_the_product_when_wished(
    world: World, process: Process, vm: Machine, others: Occupants
) -> None:
    world.add_job("gold", vm)
    theirs = world.backups.start(world, "gold", [vm.id], RunLevel.FULL)

    run = process.protect(vm.id, occupied=text_of(others), wait_seconds=600.0)

    assert run.state is RunState.SUCCEEDED
    assert not theirs.is_active


def test_product_is_named_though_the_host_says_that_it_is_busy(
    world: World, process: Process, vm: Machine, others: Occupants
) -> None:
    """What the host does is the product's doing: waiting for the host alone would not say why."""
    world.pace.create_seconds = 600.0
    world.add_job("gold", vm)
    theirs = world.backups.start(world, "gold", [vm.id], RunLevel.FULL)
    vm.activity = Activity.BACKING_UP
    began = world.clock.monotonic()

    run = process.protect(vm.id, occupied=text_of(others))

    (task,) = run.tasks
    assert task.error is not None
    assert theirs.id in task.error["message"]
    assert world.clock.monotonic() - began < 60.0


def test_host_that_stays_busy_is_waited_for_and_then_named(
    world: World, process: Process, vm: Machine
) -> None:
    vm.activity = Activity.MERGING
    began = world.clock.monotonic()

    run = process.protect(vm.id, wait_seconds=600.0)

    (task,) = run.tasks
    assert task.error is not None
    assert task.error["message"] == f"VM sql01 on {vm.node} is busy: merging"
    assert world.clock.monotonic() - began >= 600.0
    assert any("waits for" in text and "merging" in text for text in process.remarks)


def test_run_on_another_vm_is_in_nobodys_way(
    world: World, process: Process, vm: Machine, others: Occupants
) -> None:
    other = world.add_machine("web01")
    world.add_job("gold", other)
    world.backups.start(world, "gold", [other.id], RunLevel.FULL)

    assert process.protect(vm.id, occupied=text_of(others)).state is RunState.SUCCEEDED


def test_run_that_names_no_vm_yet_counts_by_its_jobs_document(
    world: World, process: Process, vm: Machine, others: Occupants
) -> None:
    world.backups.start(world, "fresh", [], RunLevel.FULL).fixed_word = "in line"

    run = process.protect(vm.id, occupied=text_of(others))

    assert run.state is RunState.FAILED


def test_product_out_of_reach_is_said_once_and_keeps_nobody_from_working(
    world: World, process: Process, vm: Machine, others: Occupants, said: list[str]
) -> None:
    """Its checkpoints would still be seen on the host."""
    world.faults.refuse("runs", UnreachableError("no route"), times=1000)

    for _ in range(2):
        assert process.protect(vm.id, occupied=text_of(others)).state is RunState.SUCCEEDED
        world.clock.sleep(60)

    assert len(said) == 1
    assert "no route" in said[0]


def test_many_vms_cost_one_listing_of_active_runs(
    world: World, process: Process, others: Occupants, counter: CountCalls
) -> None:
    world.pace.call_seconds = 0.0
    workloads = [process.workload(world.add_machine(f"vm{n}").id) for n in range(50)]

    assert [others.of(workload) for workload in workloads] == [None] * 50

    assert counter.counts["runs"] == 1
