"""One replication cycle: what the guest wrote since the last one goes over, or it does not.

How a cycle fails decides what follows: the link is tried again with the next cycle, a replica
that cannot take the log stops replication (critical) and is tried again, too; logs that grew
beyond half of the disks, or a replica somebody else wrote to, ask for a resynchronisation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from safepoint_lab.world.enums import PowerState, ServiceStatus
from safepoint_lab.world.jobs import JobFailedError
from safepoint_lab.world.model import NEVER, Vm
from safepoint_lab.world.replication.connections import ConnectionWish
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.numbers import ReplicationKind, ReplicationState
from safepoint_lab.world.replication.points import RecoveryPoints, is_due
from safepoint_lab.world.replication.records import Figures, Replication
from safepoint_lab.world.replication.tools import Tools
from safepoint_lab.world.replication.trouble import HResult, ReplicationFailedError

__all__ = ["CycleRunner", "wish_of"]

_MISSED = "replica-cycle-missed"
_OVERFLOW = "replica-log-overflow"
_FULL = "replica-disk-full"
_LINK = frozenset({HResult.CANNOT_CONNECT, HResult.NAME_NOT_RESOLVED})
_RUNS = frozenset({ReplicationState.REPLICATING, ReplicationState.CRITICAL})


class _MissedError(Exception):
    """Nothing could be sent; the next cycle tries again."""


class _StoppedError(Exception):
    """The replica cannot take changes now."""


class _DivergedError(Exception):
    """Only a resynchronisation brings the two sides together again."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """The logs as they were at one moment of the guest."""

    logs: dict[str, bytes]
    kind: ReplicationKind


class CycleRunner:
    """Runs cycles of sending sides; each call is one cycle."""

    def __init__(self, tools: Tools, copier: Copier, points: RecoveryPoints) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._copier = copier
        self._points = points

    def run(self, record: Replication) -> bool:
        """Run one cycle; False when it sent nothing (also when it was not its time)."""
        with self._tools.alone(record) as free:
            if not free or record.state not in _RUNS:
                return False
            if record.vm not in self._registry.vms:
                self._book.delete(record)
                return False
            return self._attempt(record)

    def send_rest(self, record: Replication, kind: ReplicationKind) -> None:
        """Send all that is left, for a planned failover; the caller holds the relationship.

        Raises:
            JobFailedError: It could not be sent; nothing has changed.
        """
        try:
            self._transfer(record, kind)
        except (_MissedError, _StoppedError, _DivergedError) as error:
            text = "The last changes could not be sent."
            raise JobFailedError(text, details=f"{text} {error}") from error

    def _attempt(self, record: Replication) -> bool:
        self._renew_figures(record)
        partner = self._book.partner(record)
        try:
            self._transfer(record, ReplicationKind.REGULAR)
        except _MissedError as error:
            record.figures.misses += 1
            record.figures.network_failures += 1
            record.problem = str(error)
        except _StoppedError as error:
            record.figures.misses += 1
            record.figures.failures += 1
            record.problem = str(error)
            record.state = ReplicationState.CRITICAL
        except _DivergedError as error:
            record.figures.failures += 1
            self.require_resync(record, str(error))
        else:
            return True
        self._book.save(*(each for each in (record, partner) if each is not None))
        return False

    def require_resync(self, record: Replication, why: str) -> None:
        """Stop a relationship until it is resynchronised; changes are not tracked meanwhile."""
        partner = self._book.partner(record)
        for side in (record, partner):
            if side is not None:
                side.state = ReplicationState.WAITING_FOR_RESYNC
                side.problem = why
                self._book.save(side)
        vm = self._registry.vms.get(record.vm)
        if vm is not None:
            self._copier.drop_logs(vm)

    def _transfer(self, record: Replication, kind: ReplicationKind) -> None:
        began = time.monotonic()
        source = self._registry.vms[record.vm]
        self._check_log(record, source)
        target, partner = self._reach(record, source)
        kind = self._kind(record, source, partner, kind)
        cut = self._cut(record, source, kind)
        if self._registry.struck(_FULL, target) is not None:
            message = "There is not enough space on the replica's disk. (0x80070070)"
            raise _StoppedError(message)
        sent = self._copier.apply(target, cut.logs)
        self._forget(record, source, cut)
        self._arrived(record, partner, cut.kind, sent, time.monotonic() - began)
        self._points.after_cycle(partner, target, cut.kind)

    def _check_log(self, record: Replication, source: Vm) -> None:
        struck = self._registry.struck(_OVERFLOW, source) is not None
        if struck or self._book.waiting_bytes(record) > self._book.log_room_bytes(record, source):
            message = "the change logs exceed half of the disks"
            raise _DivergedError(message)

    def _reach(self, record: Replication, source: Vm) -> tuple[Vm, Replication]:
        if self._registry.struck(_MISSED, source) is not None:
            message = "The cycle was missed."
            raise _MissedError(message)
        if source.storage_lost:
            message = "The primary's storage does not answer. (0x80070035)"
            raise _MissedError(message)
        try:
            self._tools.connections.check(source.node, wish_of(record), source)
        except ReplicationFailedError as error:
            kind = _MissedError if error.hresult in _LINK else _StoppedError
            raise kind(error.why) from error
        partner = self._book.partner(record)
        target = self._registry.vms.get(record.partner)
        if partner is None or target is None:
            message = "The replica server has no such replica. (0x80070490)"
            raise _StoppedError(message)
        if partner.state not in (ReplicationState.REPLICATING, ReplicationState.CRITICAL):
            message = "The replica does not accept changes in its state. (0x8007139F)"
            raise _StoppedError(message)
        if target.storage_lost:
            message = "The replica's storage does not answer. (0x80070035)"
            raise _StoppedError(message)
        if self._copier.is_changed(target):
            message = "the replica's disk was changed by something else"
            raise _DivergedError(message)
        return target, partner

    def _kind(
        self, record: Replication, source: Vm, partner: Replication, kind: ReplicationKind
    ) -> ReplicationKind:
        hours = record.settings.application_hours
        wanted = hours and kind is ReplicationKind.REGULAR
        last, now = partner.application_point_at, self._registry.now()
        if not wanted or not is_due(record, last, timedelta(hours=hours), now):
            return kind
        quiet = source.vss_enabled and source.vss_status is ServiceStatus.OK
        if source.power is PowerState.RUNNING and not (quiet and source.guest_quiesces):
            record.figures.application_failures += 1
            return kind
        return ReplicationKind.APPLICATION

    def _cut(self, record: Replication, source: Vm, kind: ReplicationKind) -> _Cut:
        """Read the logs of all disks at one moment; at rest for a consistent one."""
        machine = self._tools.crews.guests.of(source)
        disks = self._book.replicated(source, record.settings.slots)
        with machine.lock:
            if kind is ReplicationKind.APPLICATION and source.power is PowerState.RUNNING:
                machine.freeze()
            try:
                logs = {disk.slot: self._book.log_file(disk).read() for disk in disks}
            finally:
                if source.power is PowerState.RUNNING:
                    machine.thaw()
        return _Cut(logs, kind)

    def _forget(self, record: Replication, source: Vm, cut: _Cut) -> None:
        with self._tools.crews.guests.of(source).lock:
            for disk in self._book.replicated(source, record.settings.slots):
                self._book.log_file(disk).drop(len(cut.logs[disk.slot]))

    def _arrived(
        self,
        record: Replication,
        partner: Replication,
        kind: ReplicationKind,
        sent: int,
        seconds: float,
    ) -> None:
        now = self._registry.now()
        for side in (record, partner):
            side.last_at, side.last_type, side.problem = now, kind, ""
            if kind is ReplicationKind.APPLICATION:
                side.last_application_at = now
            side.state = ReplicationState.REPLICATING
            figures = side.figures
            figures.since = now if figures.since == NEVER else figures.since
            figures.successes += 1
            figures.bytes_sent += sent
            figures.max_bytes = max(figures.max_bytes, sent)
            figures.seconds += seconds
            figures.max_seconds = max(figures.max_seconds, seconds)
        partner.last_apply_at = record.last_apply_at = now
        self._book.save(record, partner)

    def _renew_figures(self, record: Replication) -> None:
        """Begin to count anew when the monitoring interval of the server is over [I]."""
        cluster = self._registry.vms[record.vm].cluster
        span = timedelta(seconds=self._book.server(cluster).monitoring_seconds)
        now = self._registry.now()
        for side in (record, self._book.partner(record)):
            if (
                side is not None
                and side.figures.since != NEVER
                and now - side.figures.since > span
            ):
                side.figures = Figures(since=now, last_test_at=side.figures.last_test_at)


def wish_of(record: Replication) -> ConnectionWish:
    """Return how a sending side connects."""
    settings = record.settings
    return ConnectionWish(
        settings.recovery_point, settings.port, settings.authentication, settings.thumbprint
    )
