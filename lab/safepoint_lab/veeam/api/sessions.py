"""Sessions, task sessions and their logs."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, after, any_of, before, like
from safepoint_lab.veeam.problems import not_found
from safepoint_lab.veeam.records import LogLine, Session, Task
from safepoint_lab.veeam.wording import HYPERV, ZERO_ID, duration, iso

__all__ = ["SessionCalls", "progress_model", "session_model"]

_MIB = 1 << 20


def session_model(item: Session, call: Call) -> dict[str, Any]:
    """Return the model of a session in the caller's revision."""
    body: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "jobId": item.job_id,
        "sessionType": item.type,
        "creationTime": iso(item.created_at),
        "state": item.state,
        "progressPercent": item.percent,
        "result": _result(item),
        "usn": item.usn,
        "initiatedBy": item.initiated_by,
    }
    if item.ended_at is not None:
        body["endTime"] = iso(item.ended_at)
    if item.hyperv:
        body |= {"platformName": HYPERV, "platformId": ZERO_ID}
    if item.resource_id and item.state == "Stopped":
        body |= {"resourceId": item.resource_id, "resourceReference": item.resource_reference}
    if item.related:
        body["originalSessionId" if call.rev2 else "relatedSessionId"] = item.related
    if call.rev2 and item.algorithm:
        body["algorithm"] = item.algorithm
    return body


def progress_model(tasks: list[Task], seconds: float, percent: int) -> dict[str, Any]:
    """Return bytes and speed over task sessions."""
    read = sum(task.read_bytes for task in tasks)
    rate = read / _MIB / seconds if seconds > 0 else 0.0
    return {
        "bottleneck": "Source" if read else "NotDefined",
        "duration": duration(seconds),
        "processingRate": f"{rate:.0f} MB/s",
        "processedSize": sum(task.processed_bytes for task in tasks),
        "readSize": read,
        "transferredSize": sum(task.transferred_bytes for task in tasks),
        "progressPercent": percent,
    }


def _result(item: Session | Task) -> dict[str, Any]:
    return {"result": item.result, "message": item.message, "isCanceled": item.cancelled}


def _record(number: int, line: LogLine) -> dict[str, Any]:
    return {
        "id": number,
        "status": line.status,
        "startTime": iso(line.started_at),
        "updateTime": iso(line.updated_at),
        "title": line.title,
        "description": line.description,
    }


def _log(item: Session | Task, call: Call) -> Answer:
    """Answer a log; the envelope is another one than that of lists [S]."""
    wanted = call.one("statusFilter")
    rows = [_record(number, line) for number, line in enumerate(item.log, 1)]
    if wanted:
        rows = [row for row in rows if row["status"].casefold() == wanted.casefold()]
    return Answer(200, {"totalRecords": len(rows), "records": rows})


_SESSIONS = Listing[Session](
    session_model,
    lambda item: item.created_at,
    {
        "nameFilter": lambda item, v: like(v[0], item.name),
        "typeFilter": lambda item, v: any_of(v, item.type),
        "stateFilter": lambda item, v: any_of(v, item.state),
        "resultFilter": lambda item, v: any_of(v, item.result),
        "jobIdFilter": lambda item, v: any_of(v, item.job_id),
        "createdAfterFilter": lambda item, v: after(item.created_at, v),
        "createdBeforeFilter": lambda item, v: before(item.created_at, v),
        "endedAfterFilter": lambda item, v: after(item.ended_at, v),
        "endedBeforeFilter": lambda item, v: before(item.ended_at, v),
    },
    {
        "name": lambda item: item.name.casefold(),
        "creationtime": lambda item: item.created_at,
        "endtime": lambda item: (item.ended_at is not None, item.ended_at or item.created_at),
        "sessiontype": lambda item: item.type,
        "state": lambda item: item.state,
        "result": lambda item: item.result,
    },
)


class SessionCalls:
    """Handlers of sessions and task sessions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._tasks = Listing[Task](
            self._task_model,
            lambda item: item.created_at,
            {
                "nameFilter": lambda item, v: like(v[0], item.name),
                "typeFilter": lambda item, v: any_of(v, item.kind),
                "sessionTypeFilter": lambda item, v: any_of(v, item.session_type),
                "stateFilter": lambda item, v: any_of(v, item.state),
                "resultFilter": lambda item, v: any_of(v, item.result),
                "sessionIdFilter": lambda item, v: any_of(v, item.session_id),
                "createdAfterFilter": lambda item, v: after(item.created_at, v),
                "createdBeforeFilter": lambda item, v: before(item.created_at, v),
                "endedAfterFilter": lambda item, v: after(item.ended_at, v),
                "endedBeforeFilter": lambda item, v: before(item.ended_at, v),
            },
            {
                "name": lambda item: item.name.casefold(),
                "creationtime": lambda item: item.created_at,
                "state": lambda item: item.state,
                "result": lambda item: item.result,
            },
        )

    def operations(self) -> list[Operation]:
        """Return the operations."""
        sessions, tasks = f"{API}/sessions", f"{API}/taskSessions"
        return [
            Operation("GET", sessions, self.list_all),
            Operation("GET", f"{sessions}/{{id}}", self.get),
            Operation("GET", f"{sessions}/{{id}}/logs", self.logs),
            Operation("POST", f"{sessions}/{{id}}/stop", self.stop),
            Operation("GET", f"{sessions}/{{id}}/taskSessions", self.tasks_of),
            Operation("GET", tasks, self.tasks),
            Operation("GET", f"{tasks}/{{id}}", self.task),
            Operation("GET", f"{tasks}/{{id}}/logs", self.task_logs),
        ]

    def list_all(self, call: Call) -> Answer:
        """List sessions."""
        known = [item for item in self._shelf.all(Session) if not self._is_lost(item)]
        return _SESSIONS.answer(call, known)

    def get(self, call: Call) -> Answer:
        """Return a session."""
        return Answer(200, session_model(self._one(call), call))

    def logs(self, call: Call) -> Answer:
        """Return the log of a session."""
        return _log(self._one(call), call)

    def stop(self, call: Call) -> Answer:
        """Tell a session to stop at once; answers 200 without it [S]."""
        self._engine.runner.stop_session(self._one(call), graceful=False)
        return Answer(200, {})

    def tasks_of(self, call: Call) -> Answer:
        """List the task sessions of a session."""
        session = self._one(call)
        return self._tasks.answer(call, self._engine.sessions.tasks(session.id))

    def tasks(self, call: Call) -> Answer:
        """List task sessions."""
        return self._tasks.answer(call, self._shelf.all(Task))

    def task(self, call: Call) -> Answer:
        """Return a task session."""
        return Answer(200, self._task_model(self._shelf.get(Task, call.path["id"]), call))

    def task_logs(self, call: Call) -> Answer:
        """Return the log of a task session."""
        return _log(self._shelf.get(Task, call.path["id"]), call)

    def _one(self, call: Call) -> Session:
        found = self._shelf.get(Session, call.path["id"])
        if self._is_lost(found):
            what = "Session"
            raise not_found(what, found.id)
        return found

    def _is_lost(self, session: Session) -> bool:
        lost = self._engine.faults.take("veeam-session-lost", operation=session.type)
        return lost is not None

    def _task_model(self, item: Task, call: Call) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": item.id,
            "type": item.kind,
            "sessionId": item.session_id,
            "sessionType": item.session_type,
            "creationTime": iso(item.created_at),
            "name": item.name,
            "usn": item.usn,
            "state": item.state,
            "result": _result(item),
        }
        if item.ended_at is not None:
            body["endTime"] = iso(item.ended_at)
        if item.kind == "Backup":
            body |= self._backup_fields(item, call)
        return body

    def _backup_fields(self, item: Task, call: Call) -> dict[str, Any]:
        ended = item.ended_at or self._engine.now()
        seconds = (ended - item.created_at).total_seconds()
        body: dict[str, Any] = {
            "algorithm": item.algorithm,
            "repositoryId": item.repository_id,
            "progress": progress_model([item], seconds, item.percent),
        }
        if item.restore_point_id:
            body["restorePointId"] = item.restore_point_id
            body["restorePointReference"] = f"{API}/restorePoints/{item.restore_point_id}"
        if call.rev2:
            body |= {"platformType": HYPERV, "platformId": ZERO_ID}
        return body
