"""One run of a job: choose the VMs, queue a task for each, follow them, sum up."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from safepoint.drivers import CanCopy
from safepoint.models.runs import Run, RunState, Task
from safepoint.models.workloads import Workload
from safepoint.runs.crew import Crew
from safepoint.runs.engine import Engine
from safepoint.runs.progress import ProgressSink
from safepoint.runs.protect import Order, Protect

__all__ = ["Coordinate", "new_run_id", "overall"]

#: How often to look whether another process asked this run to stop.
CANCEL_LOOK_SECONDS = 1.0


def new_run_id(now: datetime) -> str:
    """Return a run id that sorts by time and is unique: `20260112T220001-3f9a`."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def overall(tasks: Iterable[Task]) -> RunState:
    """Return the state of a run from those of its tasks."""
    states = {task.state for task in tasks}
    good = states & {RunState.SUCCEEDED, RunState.WARNING}
    bad = states - {RunState.SUCCEEDED, RunState.WARNING}
    if not bad:
        return RunState.WARNING if RunState.WARNING in states else RunState.SUCCEEDED
    if RunState.CANCELLED in bad:
        return RunState.CANCELLED
    return RunState.PARTIAL if good else RunState.FAILED


class Coordinate:
    """Carries a run from the chosen VMs to its end."""

    def __init__(self, crew: Crew, copier: CanCopy, engine: Engine, sink: ProgressSink) -> None:
        self._crew = crew
        self._copier = copier
        self._engine = engine
        self._sink = sink

    def run(self, order: Order, workloads: Iterable[Workload], cancel: threading.Event) -> Run:
        """Protect the VMs and return the run as it ended.

        Setting `cancel` makes every VM stop at its next safe point, release and end; so does
        `Runs.request_cancel` from another process.
        """
        store = self._crew.store
        started = store.clock()
        tasks = tuple(_task(order.run, n, w) for n, w in enumerate(workloads))
        run = Run(
            id=order.run,
            job=order.job,
            connection=order.connection,
            state=RunState.RUNNING,
            requested_at=started,
            started_at=started,
            tasks=tasks,
        )
        store.runs.create(run, self._crew.executor)
        protect = Protect(self._crew, self._copier, order, self._sink, cancel)
        with self._watch_for_cancel(order.run, cancel):
            ended = self._engine.run_all(tasks, protect)
        for task in ended:
            store.runs.save_task(task)
        store.runs.finish(order.run, overall(ended))
        return store.runs.get(order.run)

    @contextmanager
    def _watch_for_cancel(self, run: str, cancel: threading.Event) -> Iterator[None]:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(CANCEL_LOOK_SECONDS):
                if self._crew.store.runs.is_cancel_requested(run):
                    cancel.set()

        thread = threading.Thread(target=watch, name="cancel-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _task(run: str, number: int, workload: Workload) -> Task:
    return Task(
        id=f"{run}/{number:05d}",
        run=run,
        workload=workload.ref,
        workload_name=workload.name,
        node=workload.node,
        state=RunState.QUEUED,
    )
