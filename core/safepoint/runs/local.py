"""The embedded engine: threads of this process, the journal on SQLite, no server."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from typing_extensions import override

from safepoint.errors import SafepointError
from safepoint.models.runs import RunState, Task
from safepoint.runs.engine import Engine, Work

__all__ = ["LocalEngine"]

log = logging.getLogger(__name__)


class LocalEngine(Engine):
    """Runs tasks in threads.

    Args:
        parallel: How many tasks run at once.
    """

    def __init__(self, *, parallel: int = 4) -> None:
        self._pool = ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="task")

    @override
    def run_all(self, tasks: Iterable[Task], work: Work) -> tuple[Task, ...]:
        """Do as the port says. The caller's thread wakes often, so that signals are handled."""
        order = list(tasks)
        futures = [self._pool.submit(_guarded, work, task) for task in order]
        pending: set[Future[Task]] = set(futures)
        while pending:
            _done, pending = wait(pending, timeout=0.25)
        return tuple(future.result() for future in futures)

    @override
    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _guarded(work: Work, task: Task) -> Task:
    """Keep a defect in one task from taking the others with it; it is reported, not hidden."""
    try:
        return work(task)
    except SafepointError as error:
        # Fenced, or the journal itself fails: known, and told like any other reason.
        problem = error
    except Exception as error:
        log.exception("task %s for %s ended in a defect", task.id, task.workload_name)
        problem = SafepointError(
            f"internal error: {type(error).__name__}: {error}",
            hint="This is a defect of safepoint; please report it with the log (-v).",
        )
    return task.model_copy(update={"state": RunState.FAILED, "error": problem.to_dict()})
