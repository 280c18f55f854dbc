"""Resynchronisation: both sides are compared and what differs goes over."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from safepoint_lab.world.enums import JobType, ReturnValue
from safepoint_lab.world.jobs import JobOutcome
from safepoint_lab.world.model import NEVER, AffectedElement, Job, Refused, Vm
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.cycles import wish_of
from safepoint_lab.world.replication.initial import LATEST_START, begin_cycles
from safepoint_lab.world.replication.numbers import ReplicationKind, ReplicationState
from safepoint_lab.world.replication.points import RecoveryPoints
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.replication.tools import SERVICE, Tools
from safepoint_lab.world.replication.trouble import HResult, failed

__all__ = ["ResyncDesk"]

_ALLOWED = frozenset(
    {
        ReplicationState.REPLICATING,
        ReplicationState.CRITICAL,
        ReplicationState.WAITING_FOR_RESYNC,
        ReplicationState.RESYNC_SUSPENDED,
    }
)


class ResyncDesk:
    """Starts resynchronisations: when asked, at a time, or in the window of the settings."""

    def __init__(self, tools: Tools, copier: Copier, points: RecoveryPoints) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._copier = copier
        self._points = points

    def resynchronize(self, guid: str, at: datetime | None, node: str) -> Job:
        """Start Resynchronize on the sending side."""
        operation = f"{SERVICE}.Resynchronize"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self._book.sending(vm.key)
            if record is None or record.state not in _ALLOWED:
                raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} cannot be resynchronised")
            now = self._registry.now(node)
            if at is not None and at > now + LATEST_START:
                raise Refused(ReturnValue.INVALID_PARAMETER, "at most seven days ahead")
            if at is not None and at > now:
                record.state, record.start_at = ReplicationState.WAITING_FOR_RESYNC, at
                self._book.save(record)
                seconds = self._registry.timings.draw(self._registry.timings.replica_setting)
                kind = JobType.REPLICA_RESYNC
                return self._tools.begin(
                    vm, kind, JobOutcome, operation=operation, seconds=seconds
                )
            return self.start_now(vm, record)

    def start_now(self, vm: Vm, record: Replication) -> Job:
        """Start the resynchronisation of a relationship."""
        job = self._tools.begin(
            vm,
            JobType.REPLICA_RESYNC,
            partial(self._work, vm, record),
            operation=f"{SERVICE}.Resynchronize",
            seconds=self._registry.timings.draw(self._registry.timings.replica_copy),
            ended=partial(self._over, record),
            cancellable=True,
        )
        self._set(record, ReplicationState.RESYNCHRONIZING)
        record.start_at = NEVER
        return job

    def begin_in_window(self, record: Replication, now: datetime) -> None:
        """Start by itself what the settings let start at this time of day."""
        opens = self.next_window(record, now)
        vm = self._registry.vms.get(record.vm)
        if opens is not None and opens <= now and vm is not None:
            with self._registry.lock:
                if not self._tools.family(vm) & (self._book.working | self._book.in_cycle):
                    self.start_now(vm, record)

    def next_window(self, record: Replication, now: datetime) -> datetime | None:
        """Return when a relationship may resynchronise by itself, None when it will not."""
        settings = record.settings
        waits = record.state is ReplicationState.WAITING_FOR_RESYNC and record.start_at == NEVER
        if not waits or not settings.auto_resync:
            return None
        day = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
        begin, end = settings.auto_from, settings.auto_until
        if begin <= day < end or (begin > end and not end <= day < begin):
            return now
        return now + (begin - day) % timedelta(days=1)

    def _work(self, vm: Vm, record: Replication) -> JobOutcome:
        self._tools.connections.check(vm.node, wish_of(record), vm)
        partner = self._book.partner(record)
        target = self._registry.vms.get(record.partner)
        if partner is None or target is None:
            raise failed(HResult.NOT_FOUND, "the replica server has no such replica")
        figures = partner.figures
        sent = self._copier.copy(vm, target, record.settings.slots)
        begin_cycles(self._tools, record, partner, sent)
        record.figures.last_test_at = partner.figures.last_test_at = figures.last_test_at
        self._points.after_cycle(partner, target, ReplicationKind.REGULAR)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _over(self, record: Replication) -> None:
        if record.state is ReplicationState.RESYNCHRONIZING:
            self._set(record, ReplicationState.WAITING_FOR_RESYNC)
            vm = self._registry.vms.get(record.vm)
            if vm is not None:
                self._copier.drop_logs_later(vm)

    def _set(self, record: Replication, state: ReplicationState) -> None:
        for side in (record, self._book.partner(record)):
            if side is not None:
                side.state = state
                self._book.save(side)
