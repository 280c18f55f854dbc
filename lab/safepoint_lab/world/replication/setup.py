"""Setting relationships up, changing and removing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from safepoint_lab.world.enums import JobType, ReturnValue
from safepoint_lab.world.jobs import JobOutcome
from safepoint_lab.world.model import AffectedElement, Cluster, Job, Refused, Vm
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.cycles import wish_of
from safepoint_lab.world.replication.numbers import (
    ReplicationMode,
    ReplicationState,
)
from safepoint_lab.world.replication.points import RecoveryPoints
from safepoint_lab.world.replication.records import Figures, Replication, ReplicationSettings
from safepoint_lab.world.replication.rules import check_settings
from safepoint_lab.world.replication.tools import SERVICE, Tools, pick
from safepoint_lab.world.replication.trouble import HResult, failed

__all__ = ["RelationshipDesk"]


class RelationshipDesk:
    """Create, modify, remove."""

    def __init__(self, tools: Tools, copier: Copier, points: RecoveryPoints) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._copier = copier
        self._points = points

    def create(self, guid: str, settings: ReplicationSettings, node: str) -> Job:
        """Start CreateReplicationRelationship; on a replica it makes the extended leg."""
        operation = f"{SERVICE}.CreateReplicationRelationship"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            first = self._first_leg(vm)
            disks = [disk.slot for disk in vm.disks if not disk.passthrough]
            settings = replace(settings, slots=settings.slots or disks)
            leg = first.settings.interval_seconds if first is not None else 0
            check_settings(settings, disks=disks, first_leg=leg, next_leg=0)
            index = 0 if first is None else 1
            work = partial(self._create, vm, index, settings)
            return self._begin(vm, JobType.REPLICA_CREATE, work, operation)

    def modify(
        self,
        guid: str,
        index: int | None,
        change: Callable[[ReplicationSettings], None],
        node: str,
    ) -> Job:
        """Start ModifyReplicationSettings on the sending side."""
        operation = f"{SERVICE}.ModifyReplicationSettings"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = self._book.sending(vm.key)
            if record is None or index not in (None, record.index):
                raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} sends nothing so")
            wanted = replace(record.settings)
            change(wanted)
            fixed = (record.settings.recovery_point, record.settings.slots)
            if (wanted.recovery_point, wanted.slots) != fixed:
                raise Refused(ReturnValue.INVALID_PARAMETER, "server and disks cannot change")
            self._check_change(vm, record, wanted)
            work = partial(self._modify, record, wanted)
            return self._begin(vm, JobType.REPLICA_MODIFY, work, operation)

    def remove(self, guid: str, index: int | None, node: str) -> Job:
        """Start RemoveReplicationRelationship on one side."""
        operation = f"{SERVICE}.RemoveReplicationRelationship"
        with self._registry.lock:
            vm = self._tools.asked(guid, node, operation)
            record = pick(self._book, vm, index)
            others = [each for each in self._book.of(vm.key) if each is not record]
            if others and not record.sends:
                raise Refused(ReturnValue.INVALID_STATE, "the extended leg must go first")
            if self._book.test_of(vm.key) is not None:
                raise Refused(ReturnValue.INVALID_STATE, "a test VM stands on the replica")
            work = partial(self._remove, vm, record)
            return self._begin(vm, JobType.REPLICA_REMOVE, work, operation)

    def _begin(
        self,
        vm: Vm,
        kind: JobType,
        work: Callable[[], JobOutcome],
        operation: str,
    ) -> Job:
        seconds = self._registry.timings.draw(self._registry.timings.replica_setting)
        return self._tools.begin(vm, kind, work, operation=operation, seconds=seconds)

    def _first_leg(self, vm: Vm) -> Replication | None:
        """Return the leg a new relationship extends; None when it is the first.

        Raises:
            Refused: INVALID_STATE; the VM can have no (further) relationship.
        """
        records = self._book.of(vm.key)
        if vm.planned or vm.key in self._book.tests or vm.key in self._book.repurposed:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} cannot be replicated")
        if not records:
            return None
        first = records[0]
        moving = first.state is ReplicationState.REPLICATING
        if len(records) > 1 or first.sends or first.index or not moving:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is replicated already")
        return first

    def _create(self, vm: Vm, index: int, settings: ReplicationSettings) -> JobOutcome:
        record = Replication(
            vm=vm.key,
            index=index,
            partner="",
            sends=True,
            mode=ReplicationMode.PRIMARY if index == 0 else ReplicationMode.REPLICA,
            state=ReplicationState.READY,
            settings=settings,
            primary_host=self._registry.node(vm.node).hostname,
            created_at=self._registry.now(),
        )
        site = self._tools.connections.check(vm.node, wish_of(record), vm)
        if site.name == vm.cluster:
            raise failed(HResult.INVALID, f"'{settings.recovery_point}' is the primary's own site")
        replica = self._replica(vm, site, settings)
        record.partner = replica.key
        mirror = replace(
            record,
            vm=replica.key,
            partner=vm.key,
            sends=False,
            mode=ReplicationMode.REPLICA if index == 0 else ReplicationMode.EXTENDED,
            state=ReplicationState.WAITING_FOR_INITIAL,
            settings=replace(settings),
            figures=Figures(),
            addresses=[],
        )
        with self._registry.lock:
            self._book.drop_repurposed(replica.key)
            self._book.save(record, mirror)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _replica(self, vm: Vm, site: Cluster, settings: ReplicationSettings) -> Vm:
        """Build the replica VM, or take the copy that waits for it."""
        for other in list(self._registry.vms.values()):
            if other.guid != vm.guid or other.cluster != site.name:
                continue
            fits = {disk.slot: disk.size_bytes for disk in other.disks}
            wanted = {disk.slot: disk.size_bytes for disk in vm.disks}
            same = all(fits.get(slot) == wanted[slot] for slot in settings.slots)
            if other.key not in self._book.repurposed or not same:
                why = f"'{site.name}' has a virtual machine with the identifier {vm.guid}"
                raise failed(HResult.FILE_EXISTS, why)
            return other
        source = self._registry.clusters[vm.cluster]
        entry = self._tools.connections.entry(site, source, vm.node)
        target = self._tools.connections.up_node(site)
        return self._copier.build(vm, settings.slots, target.name, entry.storage)

    def _modify(self, record: Replication, wanted: ReplicationSettings) -> JobOutcome:
        vm = self._registry.vms[record.vm]
        self._tools.connections.check(vm.node, wish_of(replace(record, settings=wanted)), vm)
        with self._registry.lock:
            record.settings = wanted
            interval = timedelta(seconds=wanted.interval_seconds)
            record.next_cycle_at = self._registry.now() + interval
            self._book.save(record)
            partner = self._book.partner(record)
            if partner is not None:
                partner.settings = replace(wanted)
                self._book.save(partner)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _remove(self, vm: Vm, record: Replication) -> JobOutcome:
        with self._registry.lock:
            self._book.delete(record)
        self._copier.drop_logs(vm)
        if not record.sends:
            self._points.remove(vm, self._points.of(vm))
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _check_change(self, vm: Vm, record: Replication, wanted: ReplicationSettings) -> None:
        first = self._book.receiving(vm.key)
        behind = self._book.sending(record.partner)
        check_settings(
            wanted,
            disks=[disk.slot for disk in vm.disks],
            first_leg=first.settings.interval_seconds if first is not None else 0,
            next_leg=behind.settings.interval_seconds if behind is not None else 0,
        )
