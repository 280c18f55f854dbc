"""Recovery points of replicas: checkpoints that are made as changes arrive, and age.

A point is made every hour when additional ones are kept, and whenever a consistent cycle arrives;
those beyond the history are merged away. While a test VM stands on a replica none is [I].
"""

from __future__ import annotations

from datetime import datetime, timedelta

from safepoint_lab.world.enums import CheckpointType, Consistency, GuestBackupType
from safepoint_lab.world.freezing import FreezeOrder
from safepoint_lab.world.model import Checkpoint, Vm
from safepoint_lab.world.replication.numbers import ReplicationKind
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.replication.tools import Tools

__all__ = ["KINDS_OF_POINTS", "RecoveryPoints", "is_due"]

KINDS_OF_POINTS = {
    CheckpointType.REPLICA_STANDARD: ReplicationKind.REGULAR,
    CheckpointType.REPLICA_APPLICATION: ReplicationKind.APPLICATION,
    CheckpointType.REPLICA_PLANNED: ReplicationKind.PLANNED,
}
_TYPES = {kind: point for point, kind in KINDS_OF_POINTS.items()}
_HOUR = timedelta(hours=1)


class RecoveryPoints:
    """Makes and removes the recovery points of replicas."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._registry = tools.registry

    def of(self, vm: Vm) -> list[Checkpoint]:
        """Return the recovery points of a replica, oldest first."""
        found = self._registry.checkpoints_of(vm.key)
        return [point for point in found if point.type in KINDS_OF_POINTS]

    def make(self, vm: Vm, kind: ReplicationKind) -> Checkpoint:
        """Freeze what the replica holds now."""
        stamp = self._registry.now(vm.node).strftime("%m/%d/%Y - %H:%M:%S")
        crash = kind is ReplicationKind.REGULAR
        order = FreezeOrder(
            vm=vm,
            name=f"{vm.name} - ({stamp})",
            type=_TYPES[kind],
            consistency=Consistency.CRASH if crash else Consistency.APPLICATION,
            guest_backup_type=GuestBackupType.COPY,
        )
        machine = self._tools.crews.guests.of(vm)
        with machine.lock:
            point = self._tools.crews.freezer.freeze(order)
            machine.park()
            self._tools.crews.storage.seal(vm)
        return point

    def after_cycle(self, record: Replication, vm: Vm, kind: ReplicationKind) -> None:
        """Make the point that is due after a cycle, and let old ones go."""
        now = self._registry.now()
        history = record.settings.history_hours
        hourly = is_due(record, record.point_at, _HOUR, now)
        due = hourly or kind is ReplicationKind.APPLICATION
        if history and due and kind is not ReplicationKind.PLANNED:
            self.make(vm, kind)
            record.point_at = now
            if kind is ReplicationKind.APPLICATION:
                record.application_point_at = now
            self._tools.book.save(record)
        if self._tools.book.test_of(vm.key) is None:
            self._age(vm, history)

    def remove(self, vm: Vm, doomed: list[Checkpoint]) -> None:
        """Forget points and merge what only they needed."""
        for point in doomed:
            self._tools.crews.reverter.forget(vm, point)
        if doomed:
            self._tools.crews.merges.tidy(vm)

    def _age(self, vm: Vm, history: int) -> None:
        """Keep as many points as additional ones are asked for, and none that is older."""
        limit = self._registry.now(vm.node) - history * _HOUR
        points = self.of(vm)
        surplus = len(points) - history
        old = [p for n, p in enumerate(points) if n < surplus or p.created_at <= limit]
        self.remove(vm, old)


def is_due(record: Replication, last: datetime, every: timedelta, now: datetime) -> bool:
    """Tell whether this cycle is the one on which something regular falls.

    Cycles are a little late, so the nearest one is taken, not the next one.
    """
    return now - last >= every - timedelta(seconds=record.settings.interval_seconds) / 2
