"""safepoint processes that can be killed or paused between any two of their effects.

A process here is what `kill -9` would hit: its own driver session, its own journal connections
and its own lock file, over a world and a journal that survive it. Effects are the journal's
write statements and commits, and the driver's writes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn, cast

import sqlalchemy as sa
from typing_extensions import override

from safepoint.drivers import CanCheckpoint, CanCopy, DriverContext
from safepoint.drivers.wrap import Call, intercepted
from safepoint.errors import OutcomeUnknownError
from safepoint.models.checkpoints import Consistency
from safepoint.models.restore_points import CopyProgress
from safepoint.models.runs import Run, Task
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.runs.coordinate import Coordinate, new_run_id
from safepoint.runs.crew import Crew
from safepoint.runs.engine import Engine, Work
from safepoint.runs.progress import Silent
from safepoint.runs.protect import Order
from safepoint.runs.recover import Settled, settle_runs, sweep
from safepoint.runs.waiting import Waiter
from safepoint.store import Store
from safepoint_lab.reference.driver import ReferenceDriver
from safepoint_lab.reference.session import ReferenceSettings
from safepoint_lab.reference.tripwire import SimulatedCrash, Tripwire
from safepoint_lab.reference.world import World

__all__ = ["InlineEngine", "Process", "watch_journals"]

_CONNECTION = "reference"
_WRITES = ("INSERT", "UPDATE", "DELETE")
#: How long a request that was on its way when its process died takes to be executed.
_IN_FLIGHT_SECONDS = 3.0
_IN_FLIGHT_CALLS = frozenset(
    {
        "create_checkpoint",
        "delete_checkpoint",
        "rename_checkpoint",
        "start_replica_step",
        "start_run",
    }
)

_running: ContextVar[Process | None] = ContextVar("running", default=None)


class InlineEngine(Engine):
    """Does the tasks one after the other in the caller's thread."""

    @override
    def run_all(self, tasks: Iterable[Task], work: Work) -> tuple[Task, ...]:
        return tuple(work(task) for task in tasks)

    @override
    def close(self) -> None:
        return


class Process(Silent):
    """One process of safepoint.

    Args:
        world: What its driver is connected to.
        store: The journal as it has it open. Processes that never live at once may share one.
        tripwire: Its points; each process needs its own.
        name: Tells its sessions apart in the world's log of writes.
    """

    def __init__(
        self, world: World, store: Store, tripwire: Tripwire | None = None, *, name: str = "first"
    ) -> None:
        self.name = name
        self.tripwire = tripwire or Tripwire()
        self.tripwire.act = self.tripwire.act or self.die
        self.cancel = threading.Event()
        self.cancel_at: Callable[[CopyProgress], bool] = lambda _progress: False
        """Sets `cancel` at a step of the copy, as Ctrl-C does."""
        self.remarks: list[str] = []
        """What a person would have read beside the progress."""
        self._written = ""
        """The table that the open transaction wrote to last."""
        self._owed = ""
        """The point after the last commit, not passed yet."""
        self._world = world
        clock = world.clock
        self.store = store
        self.executor = self.store.executors.enter()
        context = DriverContext(connection=name, now=clock.now, data_dir=Path("reference"))
        inside = ReferenceDriver(world, ReferenceSettings(), context)
        wrapped = intercepted(inside, name, self._watch_call)
        self.hypervisor = cast("CanCheckpoint", wrapped)
        self.copier = cast("CanCopy", wrapped)
        self.crew = Crew(
            store=self.store,
            executor=self.executor.id,
            connection=_CONNECTION,
            hypervisor=self.hypervisor,
            waiter=Waiter(sleep=clock.sleep, monotonic=clock.monotonic),
        )

    # --- what it can do -----------------------------------------------------------------------

    def workload(self, machine: str) -> Workload:
        """Look at one machine."""
        query = WorkloadQuery(cluster=self._world.cluster, ids=(machine,))
        return next(iter(self.hypervisor.workloads(query)))

    def protect(self, *machines: str, may_fall_back: bool = False, **order: Any) -> Run:
        """Run a job over the machines, as the command line does."""
        with self.running():
            full = Order(
                job="gold",
                run=new_run_id(self._world.clock.now()),
                connection=_CONNECTION,
                consistency=order.pop("consistency", Consistency.APPLICATION),
                may_fall_back=may_fall_back,
                **order,
            )
            workloads = [self.workload(machine) for machine in machines]
            coordinate = Coordinate(self.crew, self.copier, InlineEngine(), self)
            return coordinate.run(full, workloads, self.cancel)

    def recover(self) -> tuple[Settled, ...]:
        """Settle what dead processes left, as `doctor --fix` does."""
        with self.running():
            settle_runs(self.store)
            return sweep(self.crew, discard=self.copier.discard)

    def die(self) -> NoReturn:
        """End here and now: the operating system drops the lock, and nothing else happens."""
        self.lose_liveness()
        self.tripwire.is_dead = True
        raise SimulatedCrash(self.tripwire.where)

    def lose_liveness(self) -> None:
        """Look dead to others while going on: the beginning of a zombie."""
        self.executor.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count what the block does as this process's doing."""
        token = _running.set(self)
        try:
            yield
            self._pay()
        finally:
            _running.reset(token)

    # --- its points ---------------------------------------------------------------------------

    @override
    def remark(self, task: Task, text: str, /) -> None:
        self.remarks.append(f"{task.workload_name}: {text}")

    @override
    def bytes_done(self, task: Task, progress: CopyProgress, /) -> None:
        """Pass a point at every step of a copy or verification."""
        self._pay()
        self.tripwire.point(f"at byte {progress.done_bytes}")
        if self.cancel_at(progress):
            self.cancel.set()

    def _watch_call(self, call: Call, proceed: Callable[[], Any], /) -> Any:
        self._pay()
        if call.is_read or call.method == "close":
            if self.tripwire.is_dead:
                raise SimulatedCrash(call.method)
            return proceed()
        self.tripwire.point(f"before {call.method}")
        if call.method in _IN_FLIGHT_CALLS and self.tripwire.reaches(f"in flight {call.method}"):
            self._world.faults.lose_answer_and_come_late(
                call.method, late_seconds=_IN_FLIGHT_SECONDS
            )
            with contextlib.suppress(OutcomeUnknownError):
                proceed()
            self.die()
        result = proceed()
        self.tripwire.point(f"after {call.method}")
        return result

    def _pay(self) -> None:
        """Pass the point after the last commit, which nothing announces by itself."""
        if self._owed:
            owed, self._owed = self._owed, ""
            self.tripwire.point(owed)

    def on_begin(self) -> None:
        """Be told that a transaction begins."""
        self._pay()
        if self.tripwire.is_dead:
            raise SimulatedCrash
        self._written = ""

    def on_statement(self, statement: str) -> None:
        """Be told that a statement is about to be executed."""
        if self.tripwire.is_dead:
            raise SimulatedCrash(statement)
        words = statement.split()
        if words[0] in _WRITES:
            self._written = words[1] if words[0] == "UPDATE" else words[2]
            self.tripwire.point(f"before {words[0].lower()} {self._written}")

    def on_commit(self) -> None:
        """Be told that a commit is about to happen."""
        if self.tripwire.is_dead:
            raise SimulatedCrash
        if self._written:
            self.tripwire.point(f"before commit of {self._written}")
            self._owed = f"after commit of {self._written}"


@contextlib.contextmanager
def watch_journals() -> Iterator[None]:
    """Tell running processes about what happens in their journals, while the block lasts.

    Journals do not wait for the disk meanwhile: a killed process loses nothing by it, only a
    power cut would, and thousands of commits take seconds instead of minutes.
    """

    def hurry(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    def begin(_connection: Any) -> None:
        if (process := _running.get()) is not None:
            process.on_begin()

    def statement(
        _connection: Any, _cursor: Any, text: str, _values: Any, _context: Any, _many: Any
    ) -> None:
        if (process := _running.get()) is not None:
            process.on_statement(text)

    def commit(_connection: Any) -> None:
        if (process := _running.get()) is not None:
            process.on_commit()

    listeners: dict[str, Callable[..., Any]] = {
        "begin": begin,
        "before_cursor_execute": statement,
        "commit": commit,
    }
    sa.event.listen(sa.Pool, "checkout", hurry)
    for name, listener in listeners.items():
        sa.event.listen(sa.Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            sa.event.remove(sa.Engine, name, listener)
        sa.event.remove(sa.Pool, "checkout", hurry)
