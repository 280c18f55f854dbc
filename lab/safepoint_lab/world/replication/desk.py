"""Hyper-V Replica as the world and the wire use it: one object that knows all its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from safepoint_lab.world.enums import JobType, PowerState, ReturnValue
from safepoint_lab.world.jobs import JobOutcome
from safepoint_lab.world.model import Checkpoint, Job, Refused, Vm
from safepoint_lab.world.replication.book import ReplicationBook
from safepoint_lab.world.replication.certificates import Certificates
from safepoint_lab.world.replication.clock import ReplicationClock
from safepoint_lab.world.replication.connections import Connections, ConnectionWish
from safepoint_lab.world.replication.copying import Copier
from safepoint_lab.world.replication.cycles import CycleRunner
from safepoint_lab.world.replication.failover import FailoverDesk
from safepoint_lab.world.replication.health import health_of, issues_of
from safepoint_lab.world.replication.initial import InitialDesk
from safepoint_lab.world.replication.numbers import (
    InitialCopy,
    ReplicationHealth,
    ReplicationMode,
    ReplicationState,
)
from safepoint_lab.world.replication.pace import pace_of
from safepoint_lab.world.replication.points import KINDS_OF_POINTS, RecoveryPoints
from safepoint_lab.world.replication.records import (
    AdapterAddress,
    Authorization,
    Figures,
    ReplicaServer,
    Replication,
    ReplicationSettings,
)
from safepoint_lab.world.replication.resync import ResyncDesk
from safepoint_lab.world.replication.servers import ServerChanges, ServerDesk
from safepoint_lab.world.replication.setup import RelationshipDesk
from safepoint_lab.world.replication.states import StateDesk
from safepoint_lab.world.replication.testing import TestFailoverDesk
from safepoint_lab.world.replication.tools import SERVICE, Crews, Tools, pick

__all__ = ["ReplicationDesk"]

_STARTABLE = frozenset({ReplicationState.RECOVERED, ReplicationState.COMMITTED})
_START = frozenset({2, 10, 11})


class ReplicationDesk:
    """Every question and order about Hyper-V Replica.

    Methods with a `node` follow the rules of `WorldPort`; those without are for tests and the
    rest of the world.

    Args:
        crews: The parts of the world it works with.
        power_off: Turns a VM off at once.
    """

    def __init__(self, crews: Crews, power_off: Callable[[Vm], None]) -> None:
        self._registry = crews.registry
        self._book = ReplicationBook(crews.registry)
        certificates = Certificates(crews.registry)
        connections = Connections(crews.registry, self._book, certificates)
        self._tools = Tools(crews, self._book, connections)
        self._copier = Copier(self._tools)
        self._points = RecoveryPoints(self._tools)
        self._cycles = CycleRunner(self._tools, self._copier, self._points)
        self._servers = ServerDesk(self._tools, certificates)
        self._setup = RelationshipDesk(self._tools, self._copier, self._points)
        self._initial = InitialDesk(self._tools, self._copier, self._points)
        self._resync = ResyncDesk(self._tools, self._copier, self._points)
        self._failovers = FailoverDesk(
            self._tools, self._copier, self._points, self._cycles, power_off
        )
        self._tests = TestFailoverDesk(self._tools, self._points, self._failovers)
        self._states = StateDesk(self._tools, self._copier, self._cycles, self._failovers)
        self._clock = ReplicationClock(
            self._tools, crews.scheduler, self._cycles, self._initial, self._resync
        )
        crews.storage.log_of = self._book.log_of
        crews.guests.engine.pace_of = partial(pace_of, crews.registry, self._book)
        crews.storage.on_replaced = self.content_changed

    # -- looking -------------------------------------------------------------------------
    def of(self, vm: Vm) -> Sequence[Replication]:
        """Return the relationships of a VM: the first leg, then the extended one."""
        return self._book.of(vm.key)

    def mode(self, vm: Vm) -> ReplicationMode:
        """Return what a VM is to Hyper-V Replica."""
        return self._book.mode(vm.key)

    def is_repurposed(self, vm: Vm) -> bool:
        """Tell whether a VM waits to be taken as an existing copy."""
        return vm.key in self._book.repurposed

    def health(self, record: Replication) -> ReplicationHealth:
        """Return the health of one side."""
        return health_of(record, self._registry.now())

    def issues(self, record: Replication) -> Sequence[str]:
        """Return what is wrong with one side, in words."""
        return issues_of(record, self._registry.now())

    def waiting_bytes(self, record: Replication) -> int:
        """Return how much of a sending side has not gone over yet."""
        return self._book.waiting_bytes(record)

    def partner_vm(self, record: Replication) -> Vm | None:
        """Return the VM on the other side."""
        return self._registry.vms.get(record.partner)

    def points(self, vm: Vm) -> Sequence[Checkpoint]:
        """Return the recovery points of a replica, oldest first."""
        return self._points.of(vm)

    def point_of(self, vm: Vm) -> str:
        """Return the name by which a VM's site is connected to."""
        return self._tools.connections.point_of(self._registry.clusters[vm.cluster])

    def test_of(self, vm: Vm) -> Vm | None:
        """Return the test VM of a replica."""
        test = self._book.test_of(vm.key)
        return self._registry.vms.get(test.vm) if test is not None else None

    def tested_by(self, vm: Vm) -> Vm | None:
        """Return the replica that a test VM was made of; None for every other VM."""
        test = self._book.tests.get(vm.key)
        return self._registry.vms.get(test.replica) if test is not None else None

    def server(self, node: str) -> ReplicaServer:
        """Return the replica server settings a node works by."""
        return self._servers.of(node)

    def certificate(self, node: str) -> str:
        """Return a node's certificate as base64 of its DER form."""
        return self._servers.certificate(node)

    def thumbprint(self, node: str) -> str:
        """Return the thumbprint of a node's certificate."""
        return self._servers.thumbprint(node)

    # -- servers -------------------------------------------------------------------------
    def modify_server(self, changes: ServerChanges, *, node: str) -> None:
        """Do ModifyServiceSettings."""
        self._servers.modify(changes, node)

    def add_entry(self, entry: Authorization, *, node: str) -> None:
        """Do AddAuthorizationEntry."""
        self._servers.add_entry(entry, node)

    def modify_entry(self, entry: Authorization, *, node: str) -> None:
        """Do ModifyAuthorizationEntry."""
        self._servers.modify_entry(entry, node)

    def remove_entry(self, primary: str, *, node: str) -> None:
        """Do RemoveAuthorizationEntry."""
        self._servers.remove_entry(primary, node)

    def test_connection(self, wish: ConnectionWish, *, node: str) -> Job:
        """Start TestReplicationConnection."""
        return self._servers.test(wish, node)

    # -- relationships -------------------------------------------------------------------
    def create(self, vm: str, settings: ReplicationSettings, *, node: str) -> Job:
        """Start CreateReplicationRelationship."""
        return self._setup.create(vm, settings, node)

    def modify(
        self,
        vm: str,
        index: int | None,
        change: Callable[[ReplicationSettings], None],
        *,
        node: str,
    ) -> Job:
        """Start ModifyReplicationSettings; `change` edits a copy of the settings."""
        return self._setup.modify(vm, index, change, node)

    def start_replication(
        self,
        vm: str,
        copy: InitialCopy,
        *,
        location: str = "",
        at: datetime | None = None,
        node: str,
    ) -> Job:
        """Start StartReplication."""
        return self._initial.start(vm, copy, location, at, node)

    def import_initial(self, vm: str, location: str, *, node: str) -> Job:
        """Start ImportInitialReplica."""
        return self._initial.import_initial(vm, location, node)

    def remove(self, vm: str, index: int | None, *, node: str) -> Job:
        """Start RemoveReplicationRelationship(Ex)."""
        return self._setup.remove(vm, index, node)

    def request_state(self, vm: str, index: int | None, requested: int, *, node: str) -> Job:
        """Start RequestReplicationStateChange(Ex)."""
        return self._states.request(vm, index, requested, node)

    def resynchronize(self, vm: str, at: datetime | None = None, *, node: str) -> Job:
        """Start Resynchronize."""
        return self._resync.resynchronize(vm, at, node)

    def test_replica(self, vm: str, point: str | None, *, node: str) -> Job:
        """Start TestReplicaSystem."""
        return self._tests.start(vm, point, node)

    def fail_over(self, vm: str, point: str | None, *, node: str) -> Job:
        """Start InitiateFailover."""
        return self._failovers.initiate(vm, point, node)

    def revert(self, vm: str, *, node: str) -> Job:
        """Start RevertFailover."""
        return self._failovers.revert(vm, node)

    def commit(self, vm: str, *, node: str) -> Job:
        """Start CommitFailover."""
        return self._failovers.commit(vm, node)

    def reverse(self, vm: str, settings: ReplicationSettings, *, node: str) -> Job:
        """Start ReverseReplicationRelationship."""
        return self._states.reverse(vm, settings, node)

    def reset_figures(self, vm: str, index: int | None, *, node: str) -> Job:
        """Start ResetReplicationStatistics(Ex)."""
        with self._registry.lock:
            machine = self._registry.vm(vm, node=node)
            record = pick(self._book, machine, index)

            def work() -> JobOutcome:
                record.figures = Figures(self._registry.now())
                self._book.save(record)
                return JobOutcome()

            return self._tools.begin(
                machine,
                JobType.REPLICA_RESET_FIGURES,
                work,
                operation=f"{SERVICE}.ResetReplicationStatistics",
                seconds=self._registry.timings.draw(self._registry.timings.replica_setting),
            )

    def record(self, vm: str, index: int | None, *, node: str) -> Replication:
        """Return a relationship of a VM of a node; Refused when it has none."""
        return pick(self._book, self._registry.vm(vm, node=node), index)

    def set_addresses(self, vm: str, addresses: list[AdapterAddress], *, node: str) -> None:
        """Do SetFailoverNetworkAdapterSettings."""
        with self._registry.lock:
            record = pick(self._book, self._registry.vm(vm, node=node), None)
            record.addresses = addresses
            self._book.save(record)

    # -- for the rest of the world, tests and demo -----------------------------------------
    def check_start(self, vm: Vm, requested: int) -> None:
        """Refuse INVALID_STATE to start a replica, or a primary that was prepared [I]."""
        if requested not in _START or vm.power is not PowerState.OFF:
            return
        for record in self._book.of(vm.key):
            waits = record.sends and record.state is ReplicationState.PREPARED
            holds = not record.sends and record.state not in _STARTABLE
            if waits or holds:
                raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is {record.state.name}")

    def check_checkpoint(self, vm: Vm) -> None:
        """Refuse INVALID_STATE a checkpoint of a replica VM [I]."""
        if self._book.receiving(vm.key) is not None:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is a replica")

    def check_point(self, checkpoint: Checkpoint) -> None:
        """Refuse INVALID_STATE to delete a recovery point: they age by themselves [I]."""
        if checkpoint.type in KINDS_OF_POINTS and self._book.of(checkpoint.vm):
            raise Refused(ReturnValue.INVALID_STATE, f"{checkpoint.name} is a recovery point")

    def check_destroy(self, vm: Vm) -> None:
        """Refuse INVALID_STATE to remove a VM that has a relationship or carries a test [I]."""
        if self._book.of(vm.key) or self._book.test_of(vm.key) is not None:
            raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} is replicated")

    def when_gone(self, vm: Vm) -> None:
        """Clean up after a VM that was unregistered."""
        self._tests.when_gone(vm)
        self._book.drop_repurposed(vm.key)

    def content_changed(self, vm: Vm) -> None:
        """Ask for a resynchronisation: a VM's disks were changed by something else.

        Runs by itself a moment later, because the caller may hold any lock.
        """
        for record in self._book.of(vm.key):
            source = record if record.sends else self._book.partner(record)
            if source is not None and record.state is ReplicationState.REPLICATING:
                why = f"the disks of {vm.name} were changed by something else"
                stop = partial(self._cycles.require_resync, source, why)
                self._tools.crews.scheduler.after(0, stop)

    def disturb(self, vm: Vm) -> None:
        """Write to the disk of a replica as somebody would who does not know what it is.

        A primary's name means its replica.
        """
        sending, receiving = self._book.sending(vm.key), self._book.receiving(vm.key)
        target = self._registry.vms.get(sending.partner) if sending and not receiving else vm
        if target is not None:
            self._copier.disturb(target)

    def cycle_now(self, vm: Vm) -> bool:
        """Run the next cycle of a VM at once; False when nothing could be sent."""
        record = self._book.sending(vm.key)
        return record is not None and self._cycles.run(record)

    def advance(self, span: timedelta) -> int:
        """Move the lab's clock forward, doing what comes due; return how many cycles ran."""
        return self._clock.advance(span)

    def start(self) -> None:
        """Begin to run by the clock; jobs that a kill cut off are undone."""
        for record in [each for vm in self._registry.vms for each in self._book.of(vm)]:
            if record.state is ReplicationState.WAITING_FOR_INITIAL and record.sends:
                if not record.export:
                    record.state = ReplicationState.READY
            elif record.state is ReplicationState.RESYNCHRONIZING:
                record.state = ReplicationState.WAITING_FOR_RESYNC
            elif record.state is ReplicationState.FAILING_OVER:
                self._recover_failover(record)
            else:
                continue
            self._book.save(record)
        self._clock.start()

    def _recover_failover(self, record: Replication) -> None:
        """A failover was cut off: which bytes the VM stands on is only known after a comparison."""
        waiting = ReplicationState.WAITING_FOR_RESYNC
        record.state = waiting if record.head else ReplicationState.REPLICATING
        record.head = ""
        sender = self._book.partner(record)
        if sender is not None and record.state is waiting:
            sender.state = waiting
            self._book.save(sender)
