"""`RequestReplicationStateChange(Ex)` of a VM, and reversing a relationship.

Which numbers stop an initial replication and take an existing VM as a copy is [I].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from safepoint_lab.world.enums import JobState, JobType, PowerState, ReturnValue
from safepoint_lab.world.jobs import JobOrder, JobOutcome
from safepoint_lab.world.model import AffectedElement, Job, Refused, Vm
from safepoint_lab.world.replication.connections import ConnectionWish
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.cycles import CycleRunner
from safepoint_lab.world.replication.failover import FailoverDesk
from safepoint_lab.world.replication.numbers import (
    ReplicationKind,
    ReplicationMode,
    ReplicationState,
)
from safepoint_lab.world.replication.records import Figures, Replication, ReplicationSettings
from safepoint_lab.world.replication.rules import check_settings
from safepoint_lab.world.replication.tools import SERVICE, Tools, pick
from safepoint_lab.world.replication.trouble import HResult, failed

__all__ = ["StateDesk"]

_OPERATION = "Msvm_ComputerSystem.RequestReplicationStateChangeEx"
_AWAY = frozenset({ReplicationState.RECOVERED, ReplicationState.COMMITTED})
_State = ReplicationState


class StateDesk:
    """Pause, resume, prepare, cancel, take as a copy; reverse."""

    def __init__(
        self, tools: Tools, copier: Copier, cycles: CycleRunner, failovers: FailoverDesk
    ) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._copier = copier
        self._cycles = cycles
        self._failovers = failovers

    def request(self, guid: str, index: int | None, requested: int, node: str) -> Job:
        """Start a state change; `index` names the relationship, None the first one."""
        with self._registry.lock:
            vm = self._tools.asked(guid, node, _OPERATION)
            if requested == _State.REPURPOSED:
                return self._repurpose(vm)
            record = pick(self._book, vm, index)
            changes: Mapping[int, Callable[[Vm, Replication], Job]] = {
                _State.READY: self._stop_initial,
                _State.WAITING_FOR_INITIAL: self._stop_initial,
                _State.REPLICATING: self._resume,
                _State.PREPARED: self._prepare,
                _State.SUSPENDED: self._pause,
                _State.WAITING_FOR_RESYNC: self._stop_resync,
            }
            change = changes.get(requested)
            if change is None:
                raise Refused(ReturnValue.INVALID_PARAMETER, f"requested state {requested}")
            return change(vm, record)

    def reverse(self, guid: str, settings: ReplicationSettings, node: str) -> Job:
        """Start ReverseReplicationRelationship on the replica that failed over."""
        operation = f"{SERVICE}.ReverseReplicationRelationship"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self._failovers.replica(vm, _AWAY)
            if record.index or self._book.sending(vm.key) is not None:
                raise Refused(ReturnValue.INVALID_STATE, "an extended leg cannot be turned round")
            wanted = replace(settings, slots=list(record.settings.slots))
            check_settings(wanted, disks=wanted.slots, first_leg=0, next_leg=0)
            return self._tools.begin(
                vm,
                JobType.REPLICA_REVERSE,
                partial(self._reverse, vm, record, wanted),
                operation=operation,
                seconds=self._registry.timings.draw(self._registry.timings.failover),
            )

    def _pause(self, vm: Vm, record: Replication) -> Job:
        self._require(record, _State.REPLICATING, _State.CRITICAL)
        return self._set(vm, record, _State.SUSPENDED)

    def _resume(self, vm: Vm, record: Replication) -> Job:
        self._require(record, _State.SUSPENDED, _State.CRITICAL, _State.PREPARED)
        if record.state is not _State.PREPARED:
            return self._set(vm, record, _State.REPLICATING)
        partner = self._book.partner(record)
        if not record.sends or (partner is not None and partner.state is not _State.PREPARED):
            raise Refused(ReturnValue.INVALID_STATE, "the replica has failed over")
        return self._quick(vm, partial(self._unprepare, record))

    def _prepare(self, vm: Vm, record: Replication) -> Job:
        self._require(record, _State.REPLICATING)
        if not record.sends or record.index:
            raise Refused(ReturnValue.INVALID_STATE, "only a primary is prepared")
        if vm.power is not PowerState.OFF:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} must be off")
        return self._tools.begin(
            vm,
            JobType.REPLICA_PREPARE,
            partial(self._send_rest, vm, record),
            operation=_OPERATION,
            seconds=self._registry.timings.draw(self._registry.timings.failover),
        )

    def _stop_initial(self, vm: Vm, record: Replication) -> Job:
        self._require(record, _State.WAITING_FOR_INITIAL)
        if not record.sends:
            raise Refused(ReturnValue.INVALID_STATE, "only the sending side stops it")
        self._cancel(vm, (JobType.REPLICA_INITIAL, JobType.REPLICA_EXPORT))
        record.export = ""
        self._copier.drop_logs_later(vm)
        return self._set(vm, record, _State.READY)

    def _stop_resync(self, vm: Vm, record: Replication) -> Job:
        self._require(record, _State.RESYNCHRONIZING)
        self._cancel(vm, (JobType.REPLICA_RESYNC,))
        return self._quick(vm, lambda: None)

    def _repurpose(self, vm: Vm) -> Job:
        if self._book.of(vm.key) or vm.power is not PowerState.OFF:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} cannot become a copy")
        return self._quick(vm, lambda: self._book.put_repurposed(vm.key))

    def _set(self, vm: Vm, record: Replication, state: ReplicationState) -> Job:
        """Change one side's state at once; the job only says so."""
        if vm.key in self._book.working:
            raise Refused(ReturnValue.INVALID_STATE, "another replication job is under way")
        record.state = state
        record.next_cycle_at = self._registry.now() + timedelta(
            seconds=record.settings.interval_seconds
        )
        self._book.save(record)
        return self._quick(vm, lambda: None)

    def _send_rest(self, vm: Vm, record: Replication) -> JobOutcome:
        self._cycles.send_rest(record, ReplicationKind.PLANNED)
        with self._registry.lock:
            for side in (record, self._book.partner(record)):
                if side is not None:
                    side.state = _State.PREPARED
                    side.prepared = not side.sends
                    self._book.save(side)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _unprepare(self, record: Replication) -> None:
        with self._registry.lock:
            for side in (record, self._book.partner(record)):
                if side is not None:
                    side.state, side.prepared = _State.REPLICATING, False
                    side.next_cycle_at = self._registry.now() + timedelta(
                        seconds=side.settings.interval_seconds
                    )
                    self._book.save(side)

    def _reverse(self, vm: Vm, record: Replication, settings: ReplicationSettings) -> JobOutcome:
        wish = ConnectionWish(
            settings.recovery_point, settings.port, settings.authentication, settings.thumbprint
        )
        site = self._tools.connections.check(vm.node, wish, vm)
        old = self._registry.vms.get(record.partner)
        other = self._book.partner(record)
        if old is None or other is None or old.cluster != site.name:
            raise failed(HResult.NOT_FOUND, f"'{settings.recovery_point}' has not the old primary")
        if old.power is not PowerState.OFF:
            raise failed(HResult.INVALID_STATE, f"the old primary '{old.name}' is not off")
        in_step = (
            record.in_step and other.state is _State.PREPARED and not self._copier.is_changed(old)
        )
        self._failovers.forget_points(vm, record)
        self._copier.drop_logs(old)
        self._turn(vm, record, other, settings, in_step=in_step)
        if not in_step:
            self._copier.drop_logs(vm)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _turn(
        self,
        vm: Vm,
        record: Replication,
        other: Replication,
        settings: ReplicationSettings,
        *,
        in_step: bool,
    ) -> None:
        """Swap the roles: what was the replica sends from now on."""
        now = self._registry.now()
        state = _State.REPLICATING if in_step else _State.WAITING_FOR_RESYNC
        host = self._registry.node(vm.node).hostname
        with self._registry.lock:
            record.sends, record.mode = True, ReplicationMode.PRIMARY
            other.sends, other.mode = False, ReplicationMode.REPLICA
            for side in (record, other):
                side.state, side.settings = state, replace(settings)
                side.primary_host, side.problem = host, ""
                side.prepared = side.in_step = False
                side.failed_over = ReplicationKind.NONE
                side.figures = Figures(since=now)
                side.last_at = now if in_step else side.last_at
                side.next_cycle_at = now + timedelta(seconds=settings.interval_seconds)
            self._book.save(record, other)

    def _require(self, record: Replication, *states: ReplicationState) -> None:
        if record.state not in states:
            raise Refused(ReturnValue.INVALID_STATE, f"the relationship is {record.state.name}")

    def _cancel(self, vm: Vm, kinds: tuple[JobType, ...]) -> None:
        """Terminate the job that is under way; Refused when its work has begun."""
        jobs = self._tools.crews.jobs
        for job in jobs.jobs(vm.node, vm.key):
            if job.type in kinds and job.state is JobState.RUNNING:
                jobs.cancel(job.guid, 4, vm.node)

    def _quick(self, vm: Vm, work: Callable[[], None]) -> Job:
        def do() -> JobOutcome:
            work()
            return JobOutcome([AffectedElement("vm", vm.guid, 0)])

        return self._tools.crews.jobs.begin(
            JobOrder(
                node=vm.node,
                type=JobType.REPLICA_STATE,
                caption="Changing Replication State",
                seconds=self._registry.timings.draw(self._registry.timings.replica_setting),
                work=do,
                ended=lambda: None,
                vm=vm.key,
                operation=_OPERATION,
                cancellable=False,
            )
        )
