"""Several products at once: planned together, applied each under its own lease, never mixed up."""

from __future__ import annotations

import pytest

from safepoint.errors import ConflictError, LeaseHeldError, UnreachableError
from safepoint.models.plans import Action, PlanScope
from safepoint_lab.reference import World

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
TEXT = "".join(PLACE.format(name=n) for n in NAMES) + POLICY


@pytest.fixture
def sites(bench):
    """Three products, each in a world of its own, over one journal."""
    bench.text = TEXT
    for name in NAMES:
        world = bench.worlds[name] = World()
        world.cluster = f"clu-{name}"
        world.add_machine("sql01", disks=1)
    return bench


def writes(sites) -> dict[str, int]:
    return {name: len(world.writes) for name, world in sites.worlds.items()}


ALL = PlanScope()


def test_all_are_planned_and_applied_and_equal_addresses_do_not_mix(sites) -> None:
    plan = sites().plan(ALL)
    report = sites().apply(plan)

    assert report.error is None
    assert writes(sites) == dict.fromkeys(NAMES, 3)
    assert sites().plan(ALL).writes == ()
    for name, world in sites.worlds.items():
        assert [one.name for one in world.product.objects.values() if one.kind == "job"] == [
            f"job-{name}"
        ]


def test_a_scope_touches_one_only(sites) -> None:
    sites().apply(sites().plan(PlanScope(connections=("east",))))

    assert writes(sites) == {"north": 0, "east": 3, "south": 0}


def test_one_that_cannot_be_looked_at_stops_the_plan_for_all(sites) -> None:
    sites.worlds["south"].faults.break_listing("observe", after=0, times=9)

    with pytest.raises(UnreachableError):
        sites().plan(ALL)
    assert sites().plan(PlanScope(connections=("north", "east"))).writes


def test_a_failure_at_one_stops_before_the_next_and_apply_goes_on(sites) -> None:
    sites.worlds["east"].faults.refuse("apply", ConflictError("licence exceeded"))
    saved = sites().plan(ALL)
    report = sites().apply(saved)

    assert report.error is not None
    assert writes(sites) == {"north": 3, "east": 0, "south": 0}
    assert sites().apply(saved).error is None
    assert writes(sites) == dict.fromkeys(NAMES, 3)


def test_two_applies_to_one_product_at_once_are_refused_before_anything(sites) -> None:
    other = sites.store.executors.enter()
    lease = sites.store.leases.take("manage south", other.id, purpose="apply")

    with pytest.raises(LeaseHeldError, match="south"):
        sites().apply(sites().plan(ALL))
    assert writes(sites) == dict.fromkeys(NAMES, 0)
    sites.store.leases.give_back(lease)
    assert sites().apply(sites().plan(ALL)).error is None


def test_a_job_that_moves_to_another_product_is_made_there_and_removed_here(sites) -> None:
    sites().apply(sites().plan(ALL))
    sites.edit("{connection: north,", "{connection: east,")
    scope = PlanScope(allow_delete=("job/job-north", "plan/gold", "server/clu-north"))
    plan = sites().plan(scope)

    said = {(c.connection, c.address): c.action for c in plan.writes}
    assert said["north", "job/job-north"] is Action.DELETE
    assert said["east", "job/job-north"] is Action.CREATE
