"""The harness of the reference driver for the rules of replication."""

from __future__ import annotations

from typing_extensions import override

from safepoint.drivers import CanReplicate
from safepoint.testing.rules_replica import ReplicaHarness
from safepoint_lab.reference.harness import ReferenceHarness
from safepoint_lab.reference.session import ReferenceSettings

__all__ = ["ReferenceReplicaHarness"]


class ReferenceReplicaHarness(ReferenceHarness, ReplicaHarness):
    """Two replicated machines; the first is the one that rules try on."""

    away = "dr1"

    def __init__(self) -> None:
        super().__init__()
        first, second = list(self.world.machines)[:2]
        self.relation = self.world.replication.relate(first, self.away)
        self.world.clock.sleep(60)
        self.world.replication.send(self.relation)
        # Another one in a cluster of its own: lists of clusters must not mix.
        self.world.replication.relate(second, "elsewhere1").copies.pop(self.world.cluster)

    @override
    def open_replicating(self) -> CanReplicate:
        return self._open(ReferenceSettings())

    @override
    def replicated(self) -> str:
        return self.relation.machine

    @override
    def true_systems(self) -> frozenset[str]:
        return frozenset(self.relation.copies)

    @override
    def true_tests(self) -> int:
        with self.world.lock:
            self.world.settle()
            return self.world.replication.tests_made(self.relation)

    @override
    def take_down(self, cluster: str) -> None:
        self.world.replication.down.add(cluster)

    @override
    def heal(self) -> None:
        self.world.replication.down.clear()

    @override
    def lose_step_answer(self) -> None:
        self.world.faults.lose_answer("start_replica_step")

    @override
    def forget_step(self) -> None:
        self.world.faults.forget("start_replica_step")
