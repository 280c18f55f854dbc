"""The world behind the reference driver: machines, operations and time, with the ground truth.

Nothing here runs by itself. Time is the fake clock's; whatever came due is done, in the order it
came due, when somebody looks (`settle`).
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from safepoint.errors import DriverError, NotFoundError
from safepoint.models.checkpoints import CheckpointKind, Consistency, OperationState
from safepoint.models.workloads import Activity
from safepoint_lab.reference.backups import Backups
from safepoint_lab.reference.clock import FakeClock
from safepoint_lab.reference.faults import Faults
from safepoint_lab.reference.machines import Frozen, Machine, Merge
from safepoint_lab.reference.mounts import Mounts
from safepoint_lab.reference.operations import ACTIVITY_OF, Failure, Operation, OperationKind, Pace
from safepoint_lab.reference.product import Product
from safepoint_lab.reference.replication import Replication
from safepoint_lab.reference.repository import Repository
from safepoint_lab.reference.storage import ReferenceStorage

__all__ = ["World", "Write"]


@dataclass(frozen=True)
class Write:
    """One request that changed something, as the world saw it: ground truth for tests."""

    session: str
    call: str
    target: str


@dataclass(frozen=True)
class _Late:
    due_seconds: float
    request: Callable[[], object]


class World:
    """Everything there is. Use under `lock` when threads are about.

    Args:
        clock: The time of the hosts.
    """

    #: The cluster's name; one is enough for a reference.
    cluster = "ref1"
    username = "operator"
    password = "correct horse"  # noqa: S105  # the lab's own, in memory

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.lock = threading.RLock()
        self.pace = Pace()
        self.faults = Faults()
        self.repository = Repository()
        self.product = Product()
        self.backups = Backups()
        self.mounts = Mounts()
        self.storage = ReferenceStorage()
        self.replication = Replication(self)
        self.machines: dict[str, Machine] = {}
        self.removed: dict[str, Machine] = {}
        """Machines that are no more; products still tell of them."""
        self.operations: dict[str, Operation] = {}
        self.writes: list[Write] = []
        self.tells_consistency = True
        """False leaves open what a checkpoint reached, as some products do."""
        self._late: list[_Late] = []
        self._count = 0

    def next_id(self, letter: str) -> str:
        """Return an id that is never used again."""
        self._count += 1
        return f"{letter}{self._count:04d}"

    def moment(self, seconds: float) -> datetime:
        """Return the time of day at that second of the fake clock."""
        return self.clock.now() + timedelta(seconds=seconds - self.clock.monotonic())

    # --- furnishing -------------------------------------------------------------------------

    def add_machine(self, name: str, *, node: str = "node1", disks: int = 2) -> Machine:
        """Add a running machine whose disks hold bytes that tell them apart."""
        contents = {f"disk{n}": f"{name} disk {n} ".encode() * 16 for n in range(disks)}
        machine = Machine(self.next_id("M"), name, self.cluster, node, contents)
        self.machines[machine.id] = machine
        return machine

    def remove_machine(self, ident: str) -> None:
        """Remove a machine with its checkpoints, as an administrator does; its work fails."""
        with self.lock:
            self.settle()
            machine = self.machines.pop(ident)
            self.removed[ident] = machine
            self.backups.lose(ident, self.clock.monotonic())
            for operation in self.operations.values():
                if operation.target == ident and operation.state is OperationState.RUNNING:
                    operation.failure = Failure("not-found", f"{machine.name} was removed")

    def add_job(self, name: str, *machines: Machine) -> None:
        """Let the product have a job of its own over these machines."""
        body = {"include": [{"name": machine.name} for machine in machines]}
        self.product.create("job", name, "", body)

    def add_foreign_checkpoint(
        self,
        machine: str,
        *,
        name: str | None = None,
        kind: CheckpointKind = CheckpointKind.BACKUP,
    ) -> Frozen:
        """Let another product make a checkpoint, by default under the host's own name."""
        with self.lock:
            self.settle()
            found = self.freeze(self.machines[machine], kind, Consistency.APPLICATION)
            found.given_name = name
            return found

    def write(self, machine: str, data: bytes) -> None:
        """Let the guest overwrite the beginning of each of its disks."""
        with self.lock:
            contents = self.machines[machine].contents
            for disk, old in contents.items():
                contents[disk] = data + old[len(data) :]

    # --- looking things up ------------------------------------------------------------------

    def find_machine(self, ident: str, call: str) -> Machine:
        """Return a machine; NotFoundError naming the call when there is none."""
        if ident not in self.machines:
            msg = f"no VM has the id {ident}"
            raise NotFoundError(msg, operation=call, system=self.cluster)
        return self.machines[ident]

    def find_checkpoint(self, ident: str, call: str) -> tuple[Machine, Frozen]:
        """Return a checkpoint and its machine; NotFoundError when there is none."""
        for machine in self.machines.values():
            for frozen in machine.frozen:
                if frozen.id == ident:
                    return machine, frozen
        msg = f"no checkpoint has the id {ident}"
        raise NotFoundError(msg, operation=call, system=self.cluster)

    def activity_of(self, machine: Machine) -> Activity:
        """Return what the machine is busy with."""
        if machine.activity is not Activity.NONE:
            return machine.activity
        for operation in self.operations.values():
            if operation.target == machine.id and operation.state is OperationState.RUNNING:
                return ACTIVITY_OF.get(operation.kind, Activity.OTHER)
        return Activity.MERGING if machine.merges else Activity.NONE

    # --- changing ---------------------------------------------------------------------------

    def freeze(
        self,
        machine: Machine,
        kind: CheckpointKind,
        consistency: Consistency,
        *,
        at_seconds: float | None = None,
    ) -> Frozen:
        """Make a checkpoint of what the disks hold now, as of that second of the fake clock."""
        ident = self.next_id("C")
        made = self.clock.now() if at_seconds is None else self.moment(at_seconds)
        frozen = Frozen(
            id=ident,
            machine=machine.id,
            default_name=f"{machine.name} - ({made:%Y-%m-%d %H:%M:%S}) #{ident}",
            kind=kind,
            created_at=made,
            consistency=consistency,
            contents=dict(machine.contents),
            layer=ident,
            parent=machine.frozen[-1].id if machine.frozen else "",
        )
        machine.frozen.append(frozen)
        return frozen

    def thaw(self, machine: Machine, frozen: Frozen, *, at_seconds: float | None = None) -> None:
        """Take a checkpoint off the list and begin to merge its files."""
        machine.frozen.remove(frozen)
        seconds = self.faults.durations.take("merge")
        wait = self.pace.merge_seconds if seconds is None else seconds
        begins = self.clock.monotonic() if at_seconds is None else at_seconds
        machine.merges.append(Merge(frozen.layer, begins + wait))

    def begin(
        self, kind: OperationKind, target: str, effect: Callable[[], str], *, call: str
    ) -> Operation:
        """Accept an operation that will have its effect at its end."""
        now = self.clock.monotonic()
        seconds = self.faults.durations.take(call)
        operation = Operation(
            id=self.next_id("J"),
            kind=kind,
            target=target,
            starts_at_seconds=now,
            ends_at_seconds=now + (self.pace.of(kind) if seconds is None else seconds),
            effect=effect,
            failure=self.faults.failures.take(call),
            is_forgotten=self.faults.vanishings.take(call) is not None,
        )
        self.operations[operation.id] = operation
        return operation

    def request_late(self, seconds: float, request: Callable[[], object]) -> None:
        """Let a request reach the hypervisor only after that time, with nobody listening."""
        self._late.append(_Late(self.clock.monotonic() + seconds, request))

    # --- time -------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do everything that came due, until nothing more is."""
        while self._settle_once():
            pass

    def _settle_once(self) -> bool:
        now = self.clock.monotonic()
        for late in [one for one in self._late if one.due_seconds <= now]:
            self._late.remove(late)
            with contextlib.suppress(DriverError):  # refused, and nobody is there to hear it
                late.request()
            return True
        for operation in self.operations.values():
            running = operation.state is OperationState.RUNNING
            if running and operation.ends_at_seconds <= now:
                self._end(operation)
                return True
        if self.backups.advance(self) or self.mounts.advance(self):
            return True
        for machine in self.machines.values():
            machine.merges = [m for m in machine.merges if m.ends_at_seconds > now]
        return False

    @staticmethod
    def _end(operation: Operation) -> None:
        failed = operation.failure is not None
        operation.state = OperationState.FAILED if failed else OperationState.SUCCEEDED
        if operation.failure is None or operation.failure.leaves_effect:
            operation.result = operation.effect()

    def forgets(self, operation: Operation) -> bool:
        """Tell whether the operation is no longer known, as after some minutes or a failover."""
        age = self.clock.monotonic() - operation.ends_at_seconds
        return operation.is_forgotten or age > self.pace.forget_seconds

    # --- ground truth -----------------------------------------------------------------------

    def checkpoint_ids(self) -> frozenset[str]:
        """Return the ids of all checkpoints that exist, of every owner."""
        with self.lock:
            self.settle()
            return frozenset(f.id for m in self.machines.values() for f in m.frozen)

    def is_merged(self, machine: str) -> bool:
        """Tell whether no file of a deleted checkpoint is in use any more."""
        with self.lock:
            self.settle()
            return not self.machines[machine].merges

    def drain(self) -> None:
        """Let all that can end come to its end: late requests, operations and merges."""
        with self.lock:
            while (due := self._next_due()) is not None:
                self.clock.sleep(max(1e-6, due - self.clock.monotonic()))
                self.settle()

    def _next_due(self) -> float | None:
        dues = [late.due_seconds for late in self._late]
        running = (o for o in self.operations.values() if o.state is OperationState.RUNNING)
        dues += [operation.ends_at_seconds for operation in running]
        dues += [m.ends_at_seconds for one in self.machines.values() for m in one.merges]
        dues += [*self.backups.dues(), *self.mounts.dues()]
        return min((due for due in dues if due < math.inf), default=None)
