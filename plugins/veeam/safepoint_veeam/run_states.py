"""From sessions and task sessions to runs and tasks; a word that is not known is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from safepoint.models.refs import Ref
from safepoint.models.runs import Phase, Run, RunLevel, RunState, Task
from safepoint_veeam.vms import VmIndex, unknown_workload
from safepoint_veeam.wire.objects import Progress, Result, Session, TaskSession

__all__ = ["state_of", "to_run"]

#: States of a session that has not ended [S 1.3-rev0 to rev2].
_ACTIVE: Final[Mapping[str, RunState]] = {
    "starting": RunState.QUEUED,
    "waitingtape": RunState.QUEUED,
    "waitingrepository": RunState.QUEUED,
    "waitingslot": RunState.QUEUED,
    "idle": RunState.QUEUED,
    "working": RunState.RUNNING,
    "pausing": RunState.RUNNING,
    "resuming": RunState.RUNNING,
    "postprocessing": RunState.RUNNING,
    "stopping": RunState.RUNNING,
    "actionrequired": RunState.RUNNING,
}
_RESULTS: Final[Mapping[str, RunState]] = {
    "success": RunState.SUCCEEDED,
    "warning": RunState.WARNING,
    "failed": RunState.FAILED,
}
_LEVELS: Final[Mapping[str, RunLevel]] = {
    "full": RunLevel.FULL,
    "increment": RunLevel.INCREMENTAL,
    "synthetic": RunLevel.SYNTHETIC_FULL,
}
_GOOD: Final = frozenset({RunState.SUCCEEDED, RunState.WARNING})


def state_of(state: str, result: Result | None) -> RunState:
    """Return the neutral state of a session or task session."""
    word = state.casefold()
    if word != "stopped":
        return _ACTIVE.get(word, RunState.UNKNOWN)
    if result is None:
        return RunState.UNKNOWN
    if result.is_canceled:
        return RunState.CANCELLED
    return _RESULTS.get(result.result.casefold(), RunState.UNKNOWN)


def to_run(
    session: Session,
    tasks: Iterable[TaskSession],
    index: VmIndex | None,
    *,
    connection: str,
    job: str,
) -> Run:
    """Return a run with its VMs."""
    rows = tuple(_task(task, index, connection) for task in tasks)
    state = state_of(session.state, session.result)
    if state is RunState.FAILED and any(row.state in _GOOD for row in rows):
        state = RunState.PARTIAL
    began = session.creation_time
    assert began is not None, "a session has a time of creation"
    return Run(
        id=session.id,
        job=job,
        connection=connection,
        state=state,
        requested_at=began,
        started_at=began,
        ended_at=session.end_time,
        native_state=_native(session.state, session.result),
        level=_level(session, tasks),
        percent=session.progress_percent,
        message=_message(session.result),
        ref=Ref(kind="run", system=connection, id=session.id),
        tasks=rows,
    )


def _task(task: TaskSession, index: VmIndex | None, connection: str) -> Task:
    vm = index.named(task.name) if index is not None else None
    state = state_of(task.state, task.result)
    progress = task.progress or Progress()
    point = task.restore_point_id
    return Task(
        id=task.id,
        run=task.session_id,
        workload=vm.ref if vm else unknown_workload(connection, task.name),
        workload_name=task.name,
        node=vm.node if vm else "",
        state=state,
        phase=Phase.DONE if state.is_final else Phase.COPYING,
        size_bytes=progress.processed_size,
        read_bytes=progress.read_size,
        stored_bytes=progress.transferred_size,
        percent=progress.progress_percent if task.progress else None,
        native_state=_native(task.state, task.result),
        message=_message(task.result),
        point=Ref(kind="point", system=connection, id=point) if point else None,
        started_at=task.creation_time,
        ended_at=task.end_time,
    )


def _native(state: str, result: Result | None) -> str:
    word = result.result if result else ""
    return state if word.casefold() in {"", "none"} else f"{state}/{word}"


def _message(result: Result | None) -> str:
    text = (result.message or "").strip() if result else ""
    is_said = result is not None and text.casefold() in {"none", result.result.casefold()}
    return "" if is_said else " ".join(text.split())


def _level(session: Session, tasks: Iterable[TaskSession]) -> RunLevel:
    words = {(task.algorithm or "").casefold() for task in tasks} - {"", "none"}
    word = (session.algorithm or "").casefold()
    if not word and len(words) == 1:
        word = words.pop()
    return _LEVELS.get(word, RunLevel.AUTO)
