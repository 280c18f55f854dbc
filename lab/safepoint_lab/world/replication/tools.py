"""What the parts of Hyper-V Replica share: the world's own crews, the records, and job starting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from safepoint_lab.world.childfiles import ChildFiles
from safepoint_lab.world.enums import JobType, ReturnValue
from safepoint_lab.world.freezing import Freezer
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.jobs import JobDesk, JobOrder, JobOutcome
from safepoint_lab.world.merging import MergeCrew
from safepoint_lab.world.model import Job, Refused, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.book import ReplicationBook
from safepoint_lab.world.replication.connections import Connections
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.reverting import Reverter
from safepoint_lab.world.scheduler import Scheduler
from safepoint_lab.world.storage import Storage

__all__ = ["SERVICE", "Crews", "Tools", "pick"]

SERVICE = "Msvm_ReplicationService"
_REFUSED = "replica-refused"
_CYCLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Crews:
    """The parts of the world that replication works with."""

    registry: Registry
    storage: Storage
    guests: Guests
    jobs: JobDesk
    files: ChildFiles
    freezer: Freezer
    reverter: Reverter
    merges: MergeCrew
    scheduler: Scheduler


@dataclass(frozen=True, slots=True)
class Tools:
    """The crews with the records of replication."""

    crews: Crews
    book: ReplicationBook
    connections: Connections

    @property
    def registry(self) -> Registry:
        """The objects of the world."""
        return self.crews.registry

    def asked(self, guid: str, node: str, method: str) -> Vm:
        """Return the VM a method is called on, unless a fault refuses the call.

        Waits for a cycle of it that is on its way; called with the registry locked.
        """
        taken = self.family(self.registry.vm(guid, node=node))
        self.crews.jobs.wait_until(lambda: not taken & self.book.in_cycle, _CYCLE_SECONDS)
        vm = self.registry.vm(guid, node=node)
        self.registry.require_service(node)
        refusal = self.registry.struck(_REFUSED, vm, method)
        if refusal is not None:
            raise Refused(int(refusal["return_value"]), "refused by an armed fault")
        return vm

    def begin(
        self,
        vm: Vm,
        kind: JobType,
        work: Callable[[], JobOutcome],
        *,
        operation: str,
        seconds: float,
        ended: Callable[[], None] = lambda: None,
        cancellable: bool = False,
    ) -> Job:
        """Start a job on a VM that keeps every other one off its relationships.

        Raises:
            Refused: INVALID_STATE; another job of replication works on the VM or its partner, or a
                cycle that does not end.
        """
        taken = self.family(vm)
        if taken & (self.book.working | self.book.in_cycle):
            raise Refused(ReturnValue.INVALID_STATE, "another replication job is under way")
        self.book.working |= taken

        def over() -> None:
            self.book.working -= taken
            ended()

        try:
            return self.crews.jobs.begin(
                JobOrder(
                    node=vm.node,
                    type=kind,
                    caption=_CAPTIONS[kind],
                    seconds=seconds,
                    work=work,
                    ended=over,
                    vm=vm.key,
                    operation=operation,
                    cancellable=cancellable,
                )
            )
        except BaseException:
            self.book.working -= taken
            raise

    def family(self, vm: Vm) -> set[str]:
        """Return the keys of a VM and its partners."""
        return {vm.key} | {record.partner for record in self.book.of(vm.key)} - {""}

    @contextmanager
    def alone(self, record: Replication) -> Iterator[bool]:
        """Hold a relationship for one cycle; yields False when a job or another cycle has it."""
        taken = {record.vm, record.partner}
        with self.registry.lock:
            free = not taken & (self.book.working | self.book.in_cycle)
            if free:
                self.book.in_cycle |= taken
        try:
            yield free
        finally:
            if free:
                with self.registry.changed:
                    self.book.in_cycle -= taken
                    self.registry.changed.notify_all()

    def wait_merged(self, vm: Vm) -> None:
        """Wait until no merge of a VM is due; its files do not change then."""
        self.crews.jobs.wait_until(lambda: not self.registry.merging(vm.key), 30.0)


def pick(book: ReplicationBook, vm: Vm, index: int | None) -> Replication:
    """Return a relationship of a VM: the one asked for, else its first.

    Raises:
        Refused: INVALID_STATE; there is none.
    """
    records = book.of(vm.key)
    for record in records:
        if index is None or record.index == index:
            return record
    raise Refused(ReturnValue.INVALID_STATE, f"{vm.name} has no such relationship")


_CAPTIONS = {
    JobType.REPLICA_CREATE: "Creating Replication Relationship",
    JobType.REPLICA_MODIFY: "Modifying Replication Settings",
    JobType.REPLICA_REMOVE: "Removing Replication Relationship",
    JobType.REPLICA_INITIAL: "Sending Initial Replica",
    JobType.REPLICA_EXPORT: "Exporting Initial Replica",
    JobType.REPLICA_IMPORT: "Importing Initial Replica",
    JobType.REPLICA_STATE: "Changing Replication State",
    JobType.REPLICA_PREPARE: "Preparing Planned Failover",
    JobType.REPLICA_FAILOVER: "Failing Over",
    JobType.REPLICA_REVERT: "Cancelling Failover",
    JobType.REPLICA_COMMIT: "Committing Failover",
    JobType.REPLICA_TEST: "Starting Test Failover",
    JobType.REPLICA_REVERSE: "Reversing Replication",
    JobType.REPLICA_RESYNC: "Resynchronizing",
    JobType.REPLICA_CONNECTION: "Testing Replication Connection",
    JobType.REPLICA_RESET_FIGURES: "Resetting Replication Statistics",
}
