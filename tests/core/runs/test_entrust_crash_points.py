"""kill -9 at every effect of a product's run: whoever comes next goes on, and starts nothing twice.

A point lies before every write statement and commit of the journal, after every commit, before
and after every write to the product, and while the request to start is on its way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from safepoint.drivers import CanRunJobs
from safepoint.models.runs import RunState
from safepoint.models.workloads import WorkloadQuery
from safepoint.runs.concluding import Conclusion
from safepoint.runs.entrust import Entrust, Wanted
from safepoint.runs.following import Tools
from safepoint.runs.occupants import Occupants
from safepoint.runs.recover import settle_runs
from safepoint.store import Store
from safepoint_lab.reference import World
from safepoint_lab.reference.processes import Process, watch_journals
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    with watch_journals():
        yield


def made_world() -> World:
    world = World()
    world.add_job("gold", world.add_machine("sql01", disks=1), world.add_machine("web01", disks=1))
    return world


def run_job(process: Process) -> Conclusion:
    """Do as `safepoint run` does."""
    product = cast("CanRunJobs", process.hypervisor)
    waiter = process.crew.waiter
    tools = Tools(
        store=process.store,
        executor=process.executor.id,
        connection=process.name,
        product=product,
        sink=process,
        say=lambda _text: None,
        waiter=waiter,
    )
    occupants = Occupants({}, lambda *_: False, tools.say, waiter.monotonic)
    with process.running():
        settle_runs(process.store)
        workloads = tuple(process.hypervisor.workloads(WorkloadQuery()))
        entrust = Entrust(tools, process.hypervisor, occupants)
        return entrust.run(Wanted("gold", workloads[0].cluster, workloads))


def telling(names: list[str]) -> list[int]:
    """Return the points to die at: what each effect leaves, the first and the last of its sort.

    A death before a commit leaves what a death after the one before leaves.
    """
    chosen: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        if not name.startswith(
            ("before insert", "before update", "before delete ", "before commit")
        ):
            chosen.setdefault(name, []).append(at)
    return sorted({at for places in chosen.values() for at in (places[0], places[-1])})


def test_death_at_any_point_starts_nothing_twice_and_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "whole") as store:
        whole = Process(made_world(), store)
        run_job(whole)
    points = telling(whole.tripwire.names)
    assert any("in flight start_run" in name for name in whole.tripwire.names)

    findings = [
        f"{whole.tripwire.names[at]}: {finding}"
        for at in points
        for finding in killed_at(at, tmp_path / str(at))
    ]

    assert findings == []
    assert len(points) > 10


def killed_at(at: int, folder: Path) -> Iterator[str]:
    world = made_world()
    with Store(folder, clock=world.clock.now) as store:
        first = Process(world, store, Tripwire(at))
        with contextlib.suppress(SimulatedCrash):
            run_job(first)
        ended = run_job(Process(world, store))
        world.drain()
        one, *more = world.backups.runs.values()
        ends = [work.ended_seconds or 0.0 for work in one.work]
        if more and more[0].asked_seconds < max(ends):
            yield "a second run was begun while the first went on"
        if len(more) > 1:
            yield "three runs were begun by two processes"
        if ended.run.state is not RunState.SUCCEEDED:
            yield f"the successor ends {ended.run.state}"
        if any(task.is_released is not True for task in ended.run.tasks):
            yield "a checkpoint is not proved released"
        if store.product_runs.unsettled("first"):
            yield "a run is not settled"
        if world.checkpoint_ids():
            yield "a checkpoint is left"
        yield from (f"{key} is held" for key in store.leases.held())
