"""Several products at once: planned together, applied each under its own lease, never mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safepoint.drivers import DriverContext
from safepoint.errors import ConflictError, LeaseHeldError, UnreachableError
from safepoint.estate import SecretResolver, check_text, resolve_cluster
from safepoint.models.plans import Action, PlanScope
from safepoint.planning import Tools, Workbench
from safepoint.store import Store
from safepoint_lab.reference import ReferenceDriver, ReferenceSettings, World

NAMES = ("north", "east", "south")
PLACE = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {{name: {name}}}
spec: {{driver: reference}}
---
apiVersion: safepoint/v1
kind: Cluster
metadata: {{name: clu-{name}}}
spec: {{hypervisor: {name}, nodes: [{{name: node1, address: node1.{name}}}]}}
---
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {{name: job-{name}}}
spec: {{connection: {name}, cluster: clu-{name}, policy: gold, include: [{{name: sql01}}]}}
---
"""
POLICY = """\
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {retention: {keepFor: 14d}}
"""


class Sites:
    """Three products, each in a world of its own, over one journal."""

    def __init__(self, folder: Path) -> None:
        self.worlds = {name: World() for name in NAMES}
        for name, world in self.worlds.items():
            world.cluster = f"clu-{name}"
            world.add_machine("sql01", disks=1)
        self.clock = self.worlds["north"].clock
        self.store = Store(folder, clock=self.clock.now)
        self.executor = self.store.executors.enter()
        self.estate = check_text("".join(PLACE.format(name=n) for n in NAMES) + POLICY).estate
        self.keys = iter(range(10_000))

    def driver(self, name: str) -> ReferenceDriver:
        cluster = resolve_cluster(self.estate.clusters[f"clu-{name}"], SecretResolver())
        context = DriverContext(name, self.clock.now, Path("unused"), (cluster,))
        return ReferenceDriver(self.worlds[name], ReferenceSettings(), context)

    def bench(self) -> Workbench:
        tools = Tools(
            driver=self.driver,
            store=self.store,
            executor=lambda: self.executor.id,
            now=self.clock.now,
            sleep=self.clock.sleep,
            new_id=lambda: f"key-{next(self.keys):05d}",
        )
        return Workbench(self.estate, tools)

    def writes(self) -> dict[str, int]:
        return {name: len(world.writes) for name, world in self.worlds.items()}


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    made = Sites(tmp_path)
    yield made
    made.store.close()


ALL = PlanScope()


def test_all_are_planned_and_applied_and_equal_addresses_do_not_mix(sites: Sites) -> None:
    plan = sites.bench().plan(ALL)
    report = sites.bench().apply(plan)

    assert report.error is None
    assert sites.writes() == dict.fromkeys(NAMES, 3)
    assert sites.bench().plan(ALL).writes == ()
    for name, world in sites.worlds.items():
        assert [one.name for one in world.product.objects.values() if one.kind == "job"] == [
            f"job-{name}"
        ]


def test_a_scope_touches_one_only(sites: Sites) -> None:
    sites.bench().apply(sites.bench().plan(PlanScope(connections=("east",))))

    assert sites.writes() == {"north": 0, "east": 3, "south": 0}


def test_one_that_cannot_be_looked_at_stops_the_plan_for_all(sites: Sites) -> None:
    sites.worlds["south"].faults.break_listing("observe", after=0, times=9)

    with pytest.raises(UnreachableError):
        sites.bench().plan(ALL)
    assert sites.bench().plan(PlanScope(connections=("north", "east"))).writes


def test_a_failure_at_one_stops_before_the_next_and_apply_goes_on(sites: Sites) -> None:
    sites.worlds["east"].faults.refuse("apply", ConflictError("licence exceeded"))
    saved = sites.bench().plan(ALL)
    report = sites.bench().apply(saved)

    assert report.error is not None
    assert sites.writes() == {"north": 3, "east": 0, "south": 0}
    assert sites.bench().apply(saved).error is None
    assert sites.writes() == dict.fromkeys(NAMES, 3)


def test_two_applies_to_one_product_at_once_are_refused_before_anything(sites: Sites) -> None:
    other = sites.store.executors.enter()
    lease = sites.store.leases.take("manage south", other.id, purpose="apply")

    with pytest.raises(LeaseHeldError, match="south"):
        sites.bench().apply(sites.bench().plan(ALL))
    assert sites.writes() == dict.fromkeys(NAMES, 0)
    sites.store.leases.give_back(lease)
    assert sites.bench().apply(sites.bench().plan(ALL)).error is None


def test_a_job_that_moves_to_another_product_is_made_there_and_removed_here(sites: Sites) -> None:
    sites.bench().apply(sites.bench().plan(ALL))
    text = "".join(PLACE.format(name=n) for n in NAMES) + POLICY
    moved = text.replace("{connection: north,", "{connection: east,")
    sites.estate = check_text(moved).estate
    scope = PlanScope(allow_delete=("job/job-north", "plan/gold", "server/clu-north"))
    plan = sites.bench().plan(scope)

    said = {(c.connection, c.address): c.action for c in plan.writes}
    assert said["north", "job/job-north"] is Action.DELETE
    assert said["east", "job/job-north"] is Action.CREATE
