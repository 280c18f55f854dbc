"""What exists of Hyper-V Replica: every record, by VM, with its copy on disk."""

from __future__ import annotations

import ntpath
from collections.abc import Iterable
from dataclasses import dataclass

from safepoint_lab.world.model import Disk, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.changelog import ChangeLog
from safepoint_lab.world.replication.numbers import ReplicationMode, ReplicationState
from safepoint_lab.world.replication.records import ReplicaServer, Replication
from safepoint_lab.world.shares import to_host

__all__ = ["ReplicationBook", "Repurposed", "TestSystem"]

_LOG_SHARE = 0.5
"""The part of a VM's disks beyond which its logs are given up; by Microsoft's documentation."""

_TRACKING = frozenset(
    {
        ReplicationState.WAITING_FOR_INITIAL,
        ReplicationState.REPLICATING,
        ReplicationState.PREPARED,
        ReplicationState.SUSPENDED,
        ReplicationState.CRITICAL,
        ReplicationState.RESYNCHRONIZING,
    }
)
_AWAY = frozenset({ReplicationState.RECOVERED, ReplicationState.COMMITTED})


@dataclass(slots=True)
class TestSystem:
    """A test VM: which replica it was made of, and the recovery point its disks stand on.

    `is_own` tells that the point was made for the test and goes with it.
    """

    __test__ = False

    vm: str
    replica: str
    point: str
    is_own: bool


@dataclass(slots=True)
class Repurposed:
    """A VM that was declared to be the existing copy of one that will be replicated here."""

    vm: str


class ReplicationBook:
    """The records. Changing one means: hold the registry's lock, change, `save`.

    Which records there are may be asked and changed on any thread.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        state = registry.state
        self._servers = state.load(ReplicaServer)
        self._records: dict[str, list[Replication]] = {}
        for record in state.load(Replication).values():
            self._records.setdefault(record.vm, []).append(record)
        self.tests = state.load(TestSystem)
        self.repurposed = state.load(Repurposed)
        self.working: set[str] = set()
        """VMs that a job of replication has; it keeps other jobs off."""
        self.in_cycle: set[str] = set()
        """VMs of which a cycle is on its way; requests wait for its end."""

    def of(self, vm: str) -> list[Replication]:
        """Return the relationships of a VM (by key): the first leg, then the extended one."""
        return sorted(self._records.get(vm, ()), key=lambda record: record.index)

    def sending(self, vm: str) -> Replication | None:
        """Return the relationship that carries a VM's changes away."""
        return next((record for record in self.of(vm) if record.sends), None)

    def receiving(self, vm: str) -> Replication | None:
        """Return the relationship that makes a VM a replica."""
        return next((record for record in self.of(vm) if not record.sends), None)

    def partner(self, record: Replication) -> Replication | None:
        """Return the other side; None when it forgot the relationship."""
        others = self._records.get(record.partner, ())
        found = (each for each in others if each.index == record.index)
        return next((each for each in found if each.partner == record.vm), None)

    def sources(self) -> list[Replication]:
        """Return every sending side."""
        with self._registry.lock:
            every = (record for records in self._records.values() for record in records)
            return [record for record in every if record.sends]

    def save(self, *records: Replication) -> None:
        """Write records to disk together."""
        with self._registry.lock, self._registry.state.transaction():
            for record in records:
                mine = self._records.setdefault(record.vm, [])
                mine[:] = [each for each in mine if each.index != record.index] + [record]
                self._registry.state.put(record.key, record)
        self._registry.tell()

    def delete(self, record: Replication) -> None:
        """Forget one side."""
        with self._registry.lock:
            mine = self._records.get(record.vm, [])
            mine[:] = [each for each in mine if each is not record]
            if not mine:
                self._records.pop(record.vm, None)
            self._registry.state.delete(Replication, record.key)
            self._registry.tell()

    def server(self, cluster: str) -> ReplicaServer:
        """Return the replica server settings of a cluster or host."""
        return self._servers.setdefault(cluster, ReplicaServer(cluster))

    def save_server(self, server: ReplicaServer) -> None:
        """Write replica server settings to disk."""
        self._servers[server.cluster] = server
        self._registry.state.put(server.cluster, server)
        self._registry.tell()

    def mode(self, vm: str) -> ReplicationMode:
        """Return what a VM is to Hyper-V Replica."""
        if vm in self.tests:
            return ReplicationMode.TEST
        receiving, sending = self.receiving(vm), self.sending(vm)
        if receiving is not None:
            return receiving.mode
        return sending.mode if sending is not None else ReplicationMode.NONE

    def test_of(self, replica: str) -> TestSystem | None:
        """Return the test VM of a replica."""
        return next((test for test in self.tests.values() if test.replica == replica), None)

    def put_test(self, test: TestSystem) -> None:
        """Remember a test VM."""
        self.tests[test.vm] = test
        self._registry.state.put(test.vm, test)

    def drop_test(self, vm: str) -> None:
        """Forget a test VM."""
        self.tests.pop(vm, None)
        self._registry.state.delete(TestSystem, vm)

    def put_repurposed(self, vm: str) -> None:
        """Remember that a VM waits to be taken as a copy."""
        self.repurposed[vm] = Repurposed(vm)
        self._registry.state.put(vm, self.repurposed[vm])

    def drop_repurposed(self, vm: str) -> None:
        """Forget that a VM waits to be taken as a copy."""
        self.repurposed.pop(vm, None)
        self._registry.state.delete(Repurposed, vm)

    def replicated(self, vm: Vm, slots: Iterable[str]) -> list[Disk]:
        """Return those disks of a VM that take part."""
        wanted = set(slots)
        return [disk for disk in vm.disks if disk.slot in wanted]

    def log_file(self, disk: Disk) -> ChangeLog:
        """Return the log beside the base file of a disk."""
        base = next(image.path for image in disk.images.values() if image.parent is None)
        shares = [share for item in self._registry.clusters.values() for share in item.shares]
        return ChangeLog(to_host(f"{ntpath.splitext(base)[0]}.hrl", shares))

    def log_of(self, vm: Vm, disk: Disk) -> ChangeLog | None:
        """Return the log that a disk's writes belong into now; None when none is kept."""
        for record in self.of(vm.key):
            tracked = record.state in (_TRACKING if record.sends else _AWAY)
            if tracked and disk.slot in record.settings.slots:
                return self.log_file(disk)
        return None

    def log_room_bytes(self, record: Replication, source: Vm) -> float:
        """Return how large the logs of a sending side may grow before they are given up."""
        disks = self.replicated(source, record.settings.slots)
        return _LOG_SHARE * sum(disk.size_bytes for disk in disks)

    def waiting_bytes(self, record: Replication) -> int:
        """Return how much of a sending side waits to be sent."""
        vm = self._registry.vms.get(record.vm)
        if vm is None or not record.sends:
            return 0
        disks = self.replicated(vm, record.settings.slots)
        return sum(self.log_file(disk).size_bytes for disk in disks)
