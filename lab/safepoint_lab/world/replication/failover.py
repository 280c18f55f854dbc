"""Failing over: test VMs, planned and unplanned failovers, taking them back, committing them.

A failover first freezes what the replica had received (`Replication.head`), then stands the VM
on the recovery point that was chosen; taking it back stands it on the head again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from safepoint_lab.world.enums import JobType, PowerState, ReturnValue
from safepoint_lab.world.jobs import JobOutcome
from safepoint_lab.world.model import AffectedElement, Checkpoint, Job, Refused, Vm
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.cycles import CycleRunner
from safepoint_lab.world.replication.numbers import ReplicationKind, ReplicationState
from safepoint_lab.world.replication.points import KINDS_OF_POINTS, RecoveryPoints
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.replication.tools import SERVICE, Tools

__all__ = ["FailoverDesk"]

_FROM = frozenset(
    {
        ReplicationState.REPLICATING,
        ReplicationState.PREPARED,
        ReplicationState.SUSPENDED,
        ReplicationState.CRITICAL,
        ReplicationState.WAITING_FOR_RESYNC,
    }
)


class FailoverDesk:
    """InitiateFailover, RevertFailover and CommitFailover on replicas."""

    def __init__(
        self,
        tools: Tools,
        copier: Copier,
        points: RecoveryPoints,
        cycles: CycleRunner,
        power_off: Callable[[Vm], None],
    ) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._copier = copier
        self._points = points
        self._cycles = cycles
        self._power_off = power_off

    def initiate(self, guid: str, point: str | None, node: str) -> Job:
        """Start InitiateFailover, to a recovery point or to the newest changes."""
        operation = f"{SERVICE}.InitiateFailover"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self.standing_by(vm)
            if vm.power is not PowerState.OFF:
                raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is not off")
            chosen = self.point(vm, point)
            if chosen is not None and record.prepared:
                raise Refused(ReturnValue.INVALID_PARAMETER, "a planned failover is to the newest")
            former = record.state
            work = partial(self._initiate, vm, record, chosen)
            ended = partial(self._settle, record, former)
            job = self._begin(vm, JobType.REPLICA_FAILOVER, work, operation, ended)
            record.state = ReplicationState.FAILING_OVER
            self._book.save(record)
            return job

    def revert(self, guid: str, node: str) -> Job:
        """Start RevertFailover: the VM is turned off and goes on as a replica."""
        operation = f"{SERVICE}.RevertFailover"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self.replica(vm, frozenset({ReplicationState.RECOVERED}))
            if record.head not in self._registry.checkpoints:
                raise Refused(ReturnValue.INVALID_STATE, "its recovery points are gone")
            work = partial(self._revert, vm, record)
            return self._begin(vm, JobType.REPLICA_REVERT, work, operation)

    def commit(self, guid: str, node: str) -> Job:
        """Start CommitFailover: the other recovery points are merged away."""
        operation = f"{SERVICE}.CommitFailover"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self.replica(vm, frozenset({ReplicationState.RECOVERED}))
            work = partial(self._commit, vm, record)
            return self._begin(vm, JobType.REPLICA_COMMIT, work, operation)

    def standing_by(self, vm: Vm) -> Replication:
        """Return the relationship of a replica that can be failed over, also for a test.

        Raises:
            Refused: INVALID_STATE.
        """
        return self.replica(vm, _FROM)

    def replica(self, vm: Vm, states: frozenset[ReplicationState]) -> Replication:
        """Return the relationship that makes a VM a replica, in one of some states.

        Raises:
            Refused: INVALID_STATE.
        """
        record = self._book.receiving(vm.key)
        if record is None or record.state not in states:
            state = "no replica" if record is None else record.state.name
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is {state}")
        return record

    def point(self, vm: Vm, guid: str | None) -> Checkpoint | None:
        """Return a recovery point of a replica; None for the newest changes.

        Raises:
            Refused: INVALID_PARAMETER; it is none of this VM's.
        """
        if guid is None:
            return None
        found = next((each for each in self._points.of(vm) if each.guid == guid.upper()), None)
        if found is None:
            raise Refused(ReturnValue.INVALID_PARAMETER, f"{guid} is no recovery point here")
        return found

    def _initiate(self, vm: Vm, record: Replication, point: Checkpoint | None) -> JobOutcome:
        self._tools.wait_merged(vm)
        kind = ReplicationKind.PLANNED if record.prepared else ReplicationKind.REGULAR
        record.head = self._points.make(vm, kind).guid
        self._book.save(record)
        if point is not None:
            self._tools.crews.reverter.apply(vm, point)
            self._tools.crews.merges.tidy(vm)
        onward = self._book.sending(vm.key)
        if onward is not None:
            self._cycles.require_resync(onward, "the replica before this one failed over")
        reached = KINDS_OF_POINTS[point.type] if point is not None else record.last_type
        with self._registry.lock:
            record.failed_over = ReplicationKind.PLANNED if record.prepared else reached
            record.in_step = record.prepared
            record.state = ReplicationState.RECOVERED
            self._book.save(record)
        self._copier.drop_logs(vm)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _revert(self, vm: Vm, record: Replication) -> JobOutcome:
        self._power_off(vm)
        self._tools.wait_merged(vm)
        head = self._registry.checkpoint(record.head)
        self._tools.crews.reverter.apply(vm, head)
        with self._registry.lock:
            prepared = record.prepared
            record.state = ReplicationState.PREPARED if prepared else ReplicationState.REPLICATING
            record.failed_over, record.in_step, record.head = ReplicationKind.NONE, False, ""
            self._book.save(record)
        self._copier.drop_logs(vm)
        self._points.remove(vm, [head])
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _commit(self, vm: Vm, record: Replication) -> JobOutcome:
        self.forget_points(vm, record)
        with self._registry.lock:
            record.state = ReplicationState.COMMITTED
            self._book.save(record)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def forget_points(self, vm: Vm, record: Replication) -> None:
        """Merge away every recovery point: there is no way back from here."""
        self._tools.wait_merged(vm)
        self._points.remove(vm, self._points.of(vm))
        record.head = ""

    def _settle(self, record: Replication, former: ReplicationState) -> None:
        if record.state is ReplicationState.FAILING_OVER:
            record.state = former
            self._book.save(record)

    def _begin(
        self,
        vm: Vm,
        kind: JobType,
        work: Callable[[], JobOutcome],
        operation: str,
        ended: Callable[[], None] = lambda: None,
    ) -> Job:
        seconds = self._registry.timings.draw(self._registry.timings.failover)
        return self._tools.begin(vm, kind, work, operation=operation, seconds=seconds, ended=ended)
