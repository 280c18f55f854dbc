"""Test failovers: a real VM on differencing disks over a recovery point, beside the replica.

That its adapters are disconnected unless a test switch was named, and that the replica keeps its
points while the test lasts, is [I].
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from safepoint_lab.world.enums import JobType, PowerState, ReturnValue
from safepoint_lab.world.jobs import JobOutcome
from safepoint_lab.world.model import NEVER, AffectedElement, Checkpoint, Disk, Job, Refused, Vm
from safepoint_lab.world.replication.book import TestSystem
from safepoint_lab.world.replication.failover import FailoverDesk
from safepoint_lab.world.replication.numbers import ReplicationKind
from safepoint_lab.world.replication.points import RecoveryPoints
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.replication.tools import SERVICE, Tools

__all__ = ["TestFailoverDesk"]


class TestFailoverDesk:
    """Makes test VMs and cleans up after them."""

    __test__ = False

    def __init__(self, tools: Tools, points: RecoveryPoints, failovers: FailoverDesk) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._points = points
        self._failovers = failovers

    def start(self, guid: str, point: str | None, node: str) -> Job:
        """Start TestReplicaSystem; the job's created element is the test VM, off."""
        operation = f"{SERVICE}.TestReplicaSystem"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self._failovers.standing_by(vm)
            if self._book.test_of(vm.key) is not None:
                raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} has a test VM")
            chosen = self._failovers.point(vm, point)
            return self._tools.begin(
                vm,
                JobType.REPLICA_TEST,
                partial(self._make, vm, record, chosen),
                operation=operation,
                seconds=self._registry.timings.draw(self._registry.timings.failover),
            )

    def when_gone(self, vm: Vm) -> None:
        """Clean up when a VM was unregistered: a test VM's own files, and the point it made."""
        test = self._book.tests.get(vm.key)
        if test is None:
            return
        own = [image for disk in vm.disks for image in disk.images.values() if not image.borrowed]
        self._tools.crews.files.abandon(own)
        self._book.drop_test(vm.key)
        replica = self._registry.vms.get(test.replica)
        if replica is not None and test.is_own:
            doomed = [each for each in self._points.of(replica) if each.guid == test.point]
            self._points.remove(replica, doomed)

    def _make(self, replica: Vm, record: Replication, point: Checkpoint | None) -> JobOutcome:
        self._tools.wait_merged(replica)
        chosen = point or self._points.make(replica, ReplicationKind.REGULAR)
        vm = self._machine(replica)
        with self._tools.crews.guests.of(replica).lock:
            vm.disks = [
                self._borrow(self._registry.disk(replica, frozen.slot), frozen.path)
                for frozen in chosen.disks
            ]
        files = self._tools.crews.files.make([(disk, disk.path) for disk in vm.disks])
        with self._registry.lock, self._registry.state.transaction():
            for disk, image in zip(vm.disks, files, strict=True):
                self._tools.crews.files.adopt(disk, image)
            self._registry.vms[vm.key] = vm
            self._registry.save(vm)
            self._book.put_test(TestSystem(vm.key, replica.key, chosen.guid, point is None))
            for side in (record, self._book.partner(record)):
                if side is not None:
                    side.figures.last_test_at = self._registry.now()
                    self._book.save(side)
        return JobOutcome(
            [AffectedElement("vm", vm.guid, 5), AffectedElement("vm", replica.guid, 0)]
        )

    def _machine(self, replica: Vm) -> Vm:
        now = self._registry.now(replica.node)
        return replace(
            replica,
            guid=self._registry.new_guid(),
            name=f"{replica.name} - Test",
            scope="",
            power=PowerState.OFF,
            controllers=list(replica.controllers),
            notes=[],
            kvp=dict(replica.kvp),
            created_at=now,
            config_changed_at=now,
            busy=None,
            most_current=None,
            last_applied=None,
            started_at=NEVER,
            last_backup_at=NEVER,
        )

    def _borrow(self, disk: Disk, path: str) -> Disk:
        """Return a disk that stands on the replica's files from `path` down."""
        images = {}
        at: str | None = path
        while at is not None:
            images[at] = replace(disk.images[at], borrowed=True)
            at = disk.images[at].parent
        return replace(disk, path=path, images=images)
