"""The native driver keeps every rule of replication, on simulated hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from tests.lab.world.pairs import Pair, make_world
from tests.plugins.native.replica.serving import PASSWORD, served
from typing_extensions import override

from safepoint.drivers import CanReplicate, Driver
from safepoint.testing.rules_replica import ReplicaHarness
from safepoint.testing.suites_replica import ReplicaSuite
from safepoint_lab.world.replication.numbers import ReplicationState
from safepoint_lab.world.world import World
from safepoint_native.driver import NativeDriver

LABS: dict[str, _Lab] = {}


@dataclass
class _Lab:
    world: World
    open: Callable[[], NativeDriver]


@pytest.fixture(autouse=True, scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One lab for all rules: two VMs, of which the first is replicated to another cluster."""
    folder = tmp_path_factory.mktemp("replica-rules")
    world = make_world(folder, 2)
    try:
        pair = Pair(world, "sql01")
        pair.create(history_hours=2)
        pair.begin()
        with served(world, folder) as open_driver:
            LABS["lab"] = _Lab(world, open_driver)
            yield
    finally:
        LABS.clear()
        world.stop()


class NativeReplicaHarness(ReplicaHarness):
    """The lab's world is the truth; its faults are the product's."""

    cluster = "clu1"
    away = "clu-dr"
    secrets = (PASSWORD,)

    def __init__(self) -> None:
        self.world = LABS["lab"].world
        self.pair = Pair(self.world, "sql01")
        self._opened: list[Driver] = []

    @override
    def open_replicating(self) -> CanReplicate:
        driver = LABS["lab"].open()
        self._opened.append(driver)
        return driver

    @override
    def open(self) -> Driver:
        return self.open_replicating()

    @override
    def pause(self) -> None:
        with self.world.registry.changed:
            self.world.registry.changed.wait(0.05)

    @override
    def true_workloads(self) -> frozenset[str]:
        return frozenset(vm.guid for vm in self.world.vms(cluster=self.cluster))

    @override
    def break_listing(self, listing: str, *, after: int) -> None:
        self.world.arm_fault("truncated-body", times=None, skip=after)

    @override
    def replicated(self) -> str:
        return self.pair.vm.guid

    @override
    def true_systems(self) -> frozenset[str]:
        guid = self.replicated()
        return frozenset(vm.cluster for vm in self.world.vms() if vm.guid == guid)

    @override
    def true_tests(self) -> int:
        return 0 if self.world.replication.test_of(self.pair.replica) is None else 1

    @override
    def take_down(self, cluster: str) -> None:
        for node in self.world.nodes(cluster):
            self.world.arm_fault("node-unreachable", node=node.name, times=None)

    @override
    def heal(self) -> None:
        self.world.clear_fault()

    @override
    def lose_step_answer(self) -> None:
        self.world.arm_fault("lost-answer", operation="Msvm_ReplicationService.*")

    @override
    def forget_step(self) -> None:
        self.world.arm_fault("job-vanishes", vm=self.pair.vm.key)

    @override
    def close(self) -> None:
        self.heal()
        test = self.world.replication.test_of(self.pair.replica)
        if test is not None:
            self.pair.finish(self.world.destroy_vm(test.guid, node=test.node))
        if self.pair.record(self.pair.vm).state is ReplicationState.SUSPENDED:
            self.pair.state(self.pair.vm, ReplicationState.REPLICATING)
        assert set(self.pair.states()) == {ReplicationState.REPLICATING}
        for driver in self._opened:
            driver.close()


class TestNativeReplica(ReplicaSuite):
    """Every rule of `CanReplicate`."""

    harness_class = NativeReplicaHarness
