"""Deeds on simulated hosts, told as the stories in which they happen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safepoint.drivers import CanReplicate
from safepoint.errors import ReplicaRefusedError
from safepoint.models.plans import PlanScope
from safepoint.models.replicas import (
    ReplicaMode,
    ReplicaPointQuery,
    ReplicaQuery,
    ReplicaState,
    ReplicaStep,
)
from safepoint.models.workloads import PowerState, WorkloadQuery
from safepoint.replicas.choosing import OrderMaker, choose_pair, members_of
from safepoint.replicas.deeds import Deed, Option
from safepoint.replicas.drill import Drill
from safepoint.replicas.looking import Pair

ESTATE = r"""
apiVersion: safepoint/v1
kind: Replica
metadata: {name: dr}
spec:
  connection: hosts
  cluster: clu1
  include: [{all: true}]
  target:
    cluster: clu-dr
    server: clu-dr-broker.lab.example.test
    storage: '\\fs-dr\replica1'
  reverse:
    cluster: clu1
    server: clu1-broker.lab.example.test
    storage: '\\fs01\vmstore1'
  frequency: 15m
  recoveryPoints: {additionalHours: 2}
---
apiVersion: safepoint/v1
kind: ReplicaGroup
metadata: {name: shop}
spec:
  members:
    - {replica: dr, vms: ['sql*'], startOrder: 1, wait: 1s}
    - {replica: dr, vms: ['web*'], startOrder: 2}
  drill: {check: [judge, '{test_id}']}
"""
ALL = frozenset({Option.REVERSE, Option.START, Option.SHUT_DOWN})


class Office:
    """The lab with both VMs replicated, and a hand for deeds."""

    def __init__(self, lab) -> None:
        self.lab = lab
        lab.text = ESTATE
        report = lab.bench().apply(lab.bench().plan(PlanScope()))
        assert report.error is None, report.error
        self.orders = OrderMaker("hosts", ("clu1", "clu-dr"))
        self.replicating("sql01")
        self.replicating("web01")

    @property
    def driver(self) -> CanReplicate:
        driver: CanReplicate = self.lab.wrapped
        return driver

    def pair(self, name: str) -> Pair:
        return choose_pair(self.lab.look(), name)

    def replicating(self, name: str) -> Pair:
        self.lab.wait_replicating(name)
        pair = self.pair(name)
        assert {side.state for side in pair.sides} == {ReplicaState.REPLICATING}
        return pair

    def at_home(self, name: str) -> None:
        """Have the primary on clu1, wherever a test before left it."""
        primary = self.replicating(name).primary
        assert primary is not None
        if primary.ref.system != "clu1":
            self.do(Deed.PLANNED, name)
            self.replicating(name)

    def do(self, deed: Deed, name: str, options=ALL, **more):
        return self.lab.conduct().do(self.orders(deed, self.pair(name), options, **more))


@pytest.fixture(scope="module")
def office(lab) -> Office:
    return Office(lab)


def test_a_drill_boots_every_vm_and_leaves_nothing(office) -> None:
    lab = office.lab
    lab.world.advance(timedelta(minutes=2))
    group = lab.estate.replica_group("shop")
    members = members_of(lab.estate, group, lab.look(), lambda _name: office.driver)
    assert [m.pair.name for m in members] == ["sql01", "web01"]
    conduct = lab.conduct()
    crew = conduct._crew
    before = lab.driver.request_count
    report = Drill(crew, conduct, office.orders, check=lambda words: "").run(group, members)

    used = lab.driver.request_count - before
    assert used <= 2 * 110, f"{used} requests for two VMs: only the replica's side is asked"
    assert report.is_good, [line.facts() for line in report.lines]
    assert report.rto_seconds is not None
    assert report.rpo_seconds is not None
    assert all(side.mode is not ReplicaMode.TEST for side in lab.look().sides)
    assert all(p.primary.power is PowerState.RUNNING for p in map(office.pair, ("sql01", "web01")))


def test_a_replica_that_moves_to_another_node_is_found_there(office) -> None:
    """A deed asks the node that had it last: there it is gone, not unrelated."""
    world = office.lab.world
    replica = world.vm_named("web01@clu-dr")
    was = replica.node
    ref = office.pair("web01").replica.ref
    other = next(node.name for node in world.nodes("clu-dr") if node.name != was)
    world.live_migrate(replica.key, other)

    found = list(office.driver.replicas(ReplicaQuery(cluster="clu-dr", workload=ref)))
    assert [(side.node, side.mode) for side in found] == [(other, ReplicaMode.REPLICA)]


def test_a_test_vm_on_another_node_than_its_replica_is_found_and_deleted(office) -> None:
    """One of both moved, or a node died: it is neither unseen nor left behind."""
    office.do(Deed.TEST, "web01")
    world = office.lab.world
    replica, test = world.vm_named("web01@clu-dr"), world.vm_named("web01 - Test")
    other = next(node.name for node in world.nodes("clu-dr") if node.name != replica.node)
    world.live_migrate(test.key, other)

    seen = office.pair("web01").test
    assert seen is not None
    assert (seen.node, seen.power) == (other, PowerState.RUNNING)
    machines = office.driver.workloads(WorkloadQuery(cluster="clu-dr"))
    assert [one.name for one in machines if one.is_test_copy] == ["web01 - Test"]
    office.do(Deed.END_TEST, "web01")

    assert office.pair("web01").test is None
    assert all(vm.name != "web01 - Test" for vm in world.vms())


def test_planned_there_and_back_loses_nothing(office) -> None:
    world = office.lab.world
    world.guest("sql01").write_file("LAST.TXT", b"the last change")

    report = office.do(Deed.PLANNED, "sql01")

    assert [step.outcome for step in report.steps] == ["done"] * 5
    pair = office.replicating("sql01")
    assert (pair.primary.ref.system, pair.replica.ref.system) == ("clu-dr", "clu1")
    assert pair.primary.power is PowerState.RUNNING
    assert world.guest("sql01@clu-dr").read_file("LAST.TXT") == b"the last change"

    office.do(Deed.PLANNED, "sql01")

    pair = office.replicating("sql01")
    assert pair.primary.ref.system == "clu1"
    assert office.lab.bench().plan(PlanScope()).writes == ()


class Dead(BaseException):
    """The process is no more."""


def test_a_process_that_dies_after_every_request_ends_where_it_should(
    office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five processes for one failover: each dies when its first request was carried out."""
    office.at_home("web01")
    start = office.driver.start_replica_step
    asked: list[ReplicaStep] = []

    def ask_and_die(request, *, key):
        start(request, key=key)
        asked.append(request.step)
        raise Dead

    monkeypatch.setattr(office.lab.wrapped, "start_replica_step", ask_and_die)
    order = office.orders(Deed.PLANNED, office.pair("web01"), ALL)
    for _ in range(5):
        with pytest.raises(Dead):
            office.lab.conduct().do(order)
    monkeypatch.undo()

    report = office.lab.conduct().do(order)

    assert report.was_resumed
    assert len(set(asked)) == len(asked) == 5, "nothing was asked for twice"
    pair = office.replicating("web01")
    assert (pair.primary.ref.system, pair.primary.power) == ("clu-dr", PowerState.RUNNING)


def test_a_failover_whose_every_answer_is_lost_ends_where_it_should(office) -> None:
    office.at_home("web01")
    world = office.lab.world
    world.guest("web01").write_file("LAST.TXT", b"the last change")
    for of_class in ("ReplicationService", "ComputerSystem", "ShutdownComponent"):
        world.arm_fault("lost-answer", operation=f"Msvm_{of_class}.*", times=None)
    try:
        report = office.do(Deed.PLANNED, "web01")
    finally:
        world.clear_fault()

    assert {step.outcome for step in report.steps} == {"seen (its answer was lost)"}
    pair = office.replicating("web01")
    assert (pair.primary.ref.system, pair.primary.power) == ("clu-dr", PowerState.RUNNING)
    assert world.guest("web01@clu-dr").read_file("LAST.TXT") == b"the last change"


def test_unplanned_to_a_point_then_back(office) -> None:
    office.at_home("web01")
    world = office.lab.world
    world.advance(timedelta(hours=2))
    with pytest.raises(ReplicaRefusedError) as caught:
        office.do(Deed.UNPLANNED, "web01")
    assert caught.value.refusal == "replica-primary-runs"
    pair = office.pair("web01")
    vm = world.vm_named("web01")
    assert world.wait_job(world.request_power(vm.guid, 3, node=vm.node))
    assert office.pair("web01").primary.power is PowerState.OFF
    points = list(office.driver.replica_points(ReplicaPointQuery(replica=pair.replica.ref)))
    assert len(points) >= 2

    office.do(Deed.UNPLANNED, "web01", point=points[0])
    assert office.pair("web01").replica.state is ReplicaState.FAILED_OVER
    office.do(Deed.CANCEL_FAILOVER, "web01", frozenset())
    assert office.pair("web01").replica.state is ReplicaState.REPLICATING

    office.do(Deed.UNPLANNED, "web01")
    office.do(Deed.COMMIT, "web01")
    office.do(Deed.REVERSE, "web01")
    pair = office.replicating("web01")
    assert pair.primary.ref.system == "clu-dr"
    assert pair.replica.power is PowerState.OFF


def test_pause_resume_and_remove(office) -> None:
    office.do(Deed.PAUSE, "sql01")
    assert office.pair("sql01").primary.state is ReplicaState.PAUSED
    office.do(Deed.RESUME, "sql01")
    office.do(Deed.REMOVE, "sql01")
    assert [side.name for side in office.lab.look().sides if side.name == "sql01"] == []


def test_a_vm_that_is_there_already_becomes_the_first_copy(office) -> None:
    """A relationship was removed: a VM with the id of the primary is left, off."""
    lab = office.lab
    if any(side.name == "sql01" for side in lab.look().sides):
        office.do(Deed.REMOVE, "sql01")
    lab.text = ESTATE.replace("[{all: true}]", "[{name: sql01}]").split("---")[0]
    codes = [finding.code for finding in lab.bench().plan(PlanScope()).findings]
    assert "replica-id-collision" in codes
    folder = lab.world.vm_named("sql01@clu-dr").config_root

    lab.text = lab.text.replace("  frequency", "  initial: {method: existing}\n  frequency")
    scope = PlanScope(allow_delete=("replica/clu1/web01",), accept=("observation-shrunk",))
    report = lab.bench().apply(lab.bench().plan(scope))

    assert report.error is None, report.error
    assert office.replicating("sql01").replica.ref.system == "clu-dr"
    assert lab.world.vm_named("sql01@clu-dr").config_root == folder, "no new VM was made"
