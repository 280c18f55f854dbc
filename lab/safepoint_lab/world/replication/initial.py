"""The first copy of the bytes: over the network, by exported files, or from an existing VM."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from safepoint_lab.world.enums import JobType, ReturnValue
from safepoint_lab.world.jobs import JobOutcome
from safepoint_lab.world.model import NEVER, AffectedElement, Job, Refused, Vm
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.cycles import wish_of
from safepoint_lab.world.replication.numbers import (
    InitialCopy,
    ReplicationKind,
    ReplicationState,
)
from safepoint_lab.world.replication.points import RecoveryPoints
from safepoint_lab.world.replication.records import Figures, Replication
from safepoint_lab.world.replication.tools import SERVICE, Tools
from safepoint_lab.world.replication.trouble import HResult, failed

__all__ = ["LATEST_START", "InitialDesk", "begin_cycles"]

LATEST_START = timedelta(days=7)
"""How far ahead an initial replication may be scheduled [D]."""


class InitialDesk:
    """StartReplication and ImportInitialReplica."""

    def __init__(self, tools: Tools, copier: Copier, points: RecoveryPoints) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._copier = copier
        self._points = points

    def start(
        self, guid: str, copy: InitialCopy, location: str, at: datetime | None, node: str
    ) -> Job:
        """Start StartReplication, now or at a later time; what was scheduled before is not [I]."""
        operation = f"{SERVICE}.StartReplication"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self._sending(vm, ReplicationState.READY)
            self._check_start(copy, location, at, node)
            if at is not None and at > self._registry.now(node):
                record.start_at, record.start_kind = at, copy
                record.export = location
                self._book.save(record)
                return self._tools.begin(
                    vm,
                    JobType.REPLICA_INITIAL,
                    JobOutcome,
                    operation=operation,
                    seconds=self._registry.timings.draw(self._registry.timings.replica_setting),
                )
            return self.start_now(vm, record, copy, location)

    def start_now(self, vm: Vm, record: Replication, copy: InitialCopy, location: str = "") -> Job:
        """Start the initial replication of a relationship that is ready."""
        operation = f"{SERVICE}.StartReplication"
        record.state = ReplicationState.WAITING_FOR_INITIAL
        record.start_at, record.export = NEVER, ""
        self._book.save(record)
        exports = copy is InitialCopy.EXPORT
        work = (
            partial(self._export, vm, record, location)
            if exports
            else partial(self._send, vm, record)
        )
        return self._tools.begin(
            vm,
            JobType.REPLICA_EXPORT if exports else JobType.REPLICA_INITIAL,
            work,
            operation=operation,
            seconds=self._registry.timings.draw(self._registry.timings.replica_copy),
            ended=partial(self._initial_over, record),
            cancellable=True,
        )

    def import_initial(self, guid: str, location: str, node: str) -> Job:
        """Start ImportInitialReplica on the replica."""
        operation = f"{SERVICE}.ImportInitialReplica"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self._book.receiving(vm.key)
            if record is None or record.state is not ReplicationState.WAITING_FOR_INITIAL:
                raise Refused(ReturnValue.INVALID_STATE, "no initial replica is waited for")
            self._require_location(location)
            work = partial(self._import, vm, record, location)
            return self._tools.begin(
                vm,
                JobType.REPLICA_IMPORT,
                work,
                operation=operation,
                seconds=self._registry.timings.draw(self._registry.timings.replica_copy),
            )

    def _send(self, vm: Vm, record: Replication) -> JobOutcome:
        self._tools.connections.check(vm.node, wish_of(record), vm)
        partner, replica = self._other_side(record)
        sent = self._copier.copy(vm, replica, record.settings.slots)
        begin_cycles(self._tools, record, partner, sent)
        self._points.after_cycle(partner, replica, ReplicationKind.REGULAR)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _export(self, vm: Vm, record: Replication, location: str) -> JobOutcome:
        record.export = self._copier.export(vm, record.settings.slots, location)
        self._book.save(record)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _import(self, replica: Vm, record: Replication, location: str) -> JobOutcome:
        sender = self._book.partner(record)
        if sender is None or not sender.export:
            raise failed(HResult.INVALID_STATE, "the primary has exported nothing")
        sent = self._copier.take_in(replica, location, record.settings.slots)
        begin_cycles(self._tools, sender, record, sent)
        self._points.after_cycle(record, replica, ReplicationKind.REGULAR)
        return JobOutcome([AffectedElement("vm", replica.guid, 0)])

    def _initial_over(self, record: Replication) -> None:
        """Stand where one stood before, when the copy was not made."""
        if record.state is ReplicationState.WAITING_FOR_INITIAL and not record.export:
            record.state = ReplicationState.READY
            self._book.save(record)
            vm = self._registry.vms.get(record.vm)
            if vm is not None:
                self._copier.drop_logs_later(vm)

    def _other_side(self, record: Replication) -> tuple[Replication, Vm]:
        partner = self._book.partner(record)
        if partner is None or partner.vm not in self._registry.vms:
            raise failed(HResult.NOT_FOUND, "the replica server has no such replica")
        return partner, self._registry.vms[partner.vm]

    def _sending(self, vm: Vm, state: ReplicationState) -> Replication:
        record = self._book.sending(vm.key)
        if record is None or record.state is not state:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is not ready for that")
        return record

    def _check_start(
        self, copy: InitialCopy, location: str, at: datetime | None, node: str
    ) -> None:
        if (copy is InitialCopy.EXPORT) != bool(location):
            raise Refused(ReturnValue.INVALID_PARAMETER, "a location is for an export")
        if location:
            self._require_location(location)
        if at is not None and at > self._registry.now(node) + LATEST_START:
            raise Refused(ReturnValue.INVALID_PARAMETER, "at most seven days ahead")

    def _require_location(self, location: str) -> None:
        """Refuse FILE_NOT_FOUND a place that is on no share."""
        self._tools.crews.storage.host_path(location)


def begin_cycles(tools: Tools, record: Replication, partner: Replication, sent: int) -> None:
    """Both sides hold the same bytes now: replicate from here on."""
    now = tools.registry.now()
    with tools.registry.lock:
        for side in (record, partner):
            side.state = ReplicationState.REPLICATING
            side.last_at, side.last_type = now, ReplicationKind.REGULAR
            side.last_apply_at = now
            side.problem, side.export = "", ""
            side.figures = Figures(since=now, successes=1, bytes_sent=sent, max_bytes=sent)
        record.next_cycle_at = now + timedelta(seconds=record.settings.interval_seconds)
        tools.book.save(record, partner)
