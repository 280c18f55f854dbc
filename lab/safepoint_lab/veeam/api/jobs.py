"""Jobs, their states, and starting and stopping them."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.api.sessions import progress_model, session_model
from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.jobs.schedule import next_run
from safepoint_lab.veeam.listing import Listing, after, any_of, before, like
from safepoint_lab.veeam.problems import conflict, invalid
from safepoint_lab.veeam.profiles import REV2
from safepoint_lab.veeam.records import Job, Repository, Session
from safepoint_lab.veeam.wording import iso

__all__ = ["JobCalls"]

_PATH = f"{API}/jobs"
_ONE = f"{_PATH}/{{id}}"
_TYPE = "HyperVBackup"


class JobCalls:
    """Handlers of jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        filters = {
            "nameFilter": lambda item, v: like(v[0], item.name),
            "typeFilter": lambda _, v: any_of(v, _TYPE),
        }
        columns = {
            "name": lambda item: item.name.casefold(),
            "type": lambda _: _TYPE,
            "isdisabled": lambda item: item.disabled,
            "description": lambda item: item.body["description"],
        }
        self._listing = Listing[Job](self._model, lambda item: item.name, filters, columns)
        self._states = Listing[Job](
            self._state,
            lambda item: item.name,
            {
                **filters,
                "idFilter": lambda item, v: any_of(v, item.id),
                "statusFilter": lambda item, v: any_of(v, self._status(item)),
                "lastResultFilter": lambda item, v: any_of(v, self._last_result(item)),
                "workloadFilter": lambda _, v: any_of(v, "Vm"),
                "repositoryIdFilter": lambda item, v: any_of(v, item.repository_id),
                "lastRunAfterFilter": lambda item, v: after(self._last_run(item), v),
                "lastRunBeforeFilter": lambda item, v: before(self._last_run(item), v),
            },
            {**columns, "status": self._status, "lastresult": self._last_result},
        )

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _PATH, self.list_all),
            Operation(
                "POST", _PATH, self.create, shape={_TYPE: "HyperVBackupJobSpec"}, hyperv=True
            ),
            Operation("GET", f"{_PATH}/states", self.states),
            Operation(
                "POST",
                f"{_PATH}/quickBackup/hyperV",
                self.quick,
                shape="HyperVObjectModel",
                hyperv=True,
                revisions=(REV2,),
            ),
            Operation("GET", _ONE, self.get),
            Operation("PUT", _ONE, self.replace, shape="HyperVBackupJobModel", hyperv=True),
            Operation("DELETE", _ONE, self.delete, deletion=True),
            Operation("POST", f"{_ONE}/enable", self.enable),
            Operation("POST", f"{_ONE}/disable", self.disable),
            Operation("POST", f"{_ONE}/clone", self.clone, hyperv=True),
            Operation(
                "POST", f"{_ONE}/start", self.start, shape="JobStartSpec", optional_body=True
            ),
            Operation("POST", f"{_ONE}/stop", self.stop, shape="JobStopSpec", optional_body=True),
            Operation(
                "POST", f"{_ONE}/retry", self.retry, shape="JobRetrySpec", optional_body=True
            ),
        ]

    def list_all(self, call: Call) -> Answer:
        """List jobs."""
        return self._listing.answer(call, self._shelf.all(Job))

    def states(self, call: Call) -> Answer:
        """List what every job does now, did last and does next."""
        return self._states.answer(call, self._shelf.all(Job))

    def create(self, call: Call) -> Answer:
        """Create a job at once."""
        job = self._engine.jobs.create(call.body, rev2=call.rev2)
        return Answer(201, self._model(job, call))

    def get(self, call: Call) -> Answer:
        """Return a job."""
        return Answer(200, self._model(self._one(call), call))

    def replace(self, call: Call) -> Answer:
        """Replace a job by its full model."""
        job = self._engine.jobs.replace(self._one(call), call.body, rev2=call.rev2)
        return Answer(200, self._model(job, call))

    def delete(self, call: Call) -> Answer:
        """Delete a job."""
        self._engine.jobs.delete(self._one(call))
        return Answer(204)

    def enable(self, call: Call) -> Answer:
        """Let a job be scheduled."""
        self._engine.jobs.switch(self._one(call), disabled=False)
        return Answer(204)

    def disable(self, call: Call) -> Answer:
        """Keep a job from being scheduled."""
        self._engine.jobs.switch(self._one(call), disabled=True)
        return Answer(204)

    def clone(self, call: Call) -> Answer:
        """Copy a job."""
        return Answer(201, self._model(self._engine.jobs.clone(self._one(call)), call))

    def start(self, call: Call) -> Answer:
        """Start a job; without anything to process 1.3-rev2 answers 204 [S], before 400 [X]."""
        active = call.body.get("performActiveFull", False)
        session = self._engine.runner.start(self._one(call), call.user, active=active)
        if session is None and call.rev2:
            return Answer(204)
        if session is None:
            message = "The job has no objects to process (simulated text)"
            raise conflict(message=message)
        return Answer(201, session_model(session, call))

    def stop(self, call: Call) -> Answer:
        """Tell a job to stop."""
        graceful = call.body.get("gracefulStop", True)
        session = self._engine.runner.stop(self._one(call), graceful=graceful)
        return Answer(201, session_model(session, call))

    def retry(self, call: Call) -> Answer:
        """Run again what failed."""
        session = self._engine.runner.retry(self._one(call), call.user)
        return Answer(201, session_model(session, call))

    def quick(self, call: Call) -> Answer:
        """Back one VM up now, into the job that protects it (1.3-rev2)."""
        ident = call.body["objectId"]
        for job in sorted(self._shelf.all(Job), key=lambda item: item.created_at):
            if self._engine.jobs.running(job) is None:
                session = self._engine.runner.start(job, call.user, vm=ident)
                if session is not None:
                    return Answer(201, session_model(session, call))
        raise invalid(field="objectId", reason="No job protects this VM.", value=ident)

    def _one(self, call: Call) -> Job:
        return self._shelf.get(Job, call.path["id"])

    def _model(self, item: Job, call: Call) -> dict[str, Any]:
        return self._engine.jobs.model(item, rev2=call.rev2)

    def _session(self, item: Job) -> Session | None:
        return self._shelf.find(Session, item.last_session) if item.last_session else None

    def _status(self, item: Job) -> str:
        session = self._engine.jobs.running(item)
        if session is not None:
            words = {"Starting": "Starting", "Stopping": "Stopping"}
            return words.get(session.state, "Running")
        if item.disabled:
            return "Disabled"
        ran, scheduled = item.last_session, item.body["schedule"]["runAutomatically"]
        return "Stopped" if ran and not scheduled else "Inactive"

    def _last_result(self, item: Job) -> str:
        session = self._session(item)
        return session.result if session is not None else "None"

    def _last_run(self, item: Job) -> Any:
        session = self._session(item)
        return session.created_at if session is not None else None

    def _state(self, item: Job, call: Call) -> dict[str, Any]:
        repository = self._shelf.find(Repository, item.repository_id)
        session = self._session(item)
        body: dict[str, Any] = {
            "id": item.id,
            "name": item.name,
            "type": _TYPE,
            "description": item.body["description"],
            "status": self._status(item),
            "lastResult": self._last_result(item),
            "workload": "Vm",
            "repositoryId": item.repository_id,
            "repositoryName": repository.name if repository is not None else "",
            "objectsCount": len(item.body["virtualMachines"]["includes"]),
            "highPriority": item.body["isHighPriority"],
            "progressPercent": session.percent if session is not None else 0,
            "isStorageSnapshot": False,
            "nextRunPolicy": "<Not scheduled>",
        }
        if session is not None:
            body |= {"lastRun": iso(session.created_at), "sessionId": session.id}
            body["sessionProgress"] = self._progress(session)
        when = None if item.disabled else next_run(item.body["schedule"], self._engine.now())
        if when is not None:
            body |= {"nextRun": iso(when), "nextRunPolicy": f"{when:%m/%d/%Y %I:%M %p}"}
        after_job = item.body["schedule"]["afterThisJob"]
        if after_job.get("isEnabled"):
            body["runAfterJob"] = {"jobName": after_job["jobName"]}
        return body | ({"targetName": body["repositoryName"]} if call.rev2 else {})

    def _progress(self, session: Session) -> dict[str, Any]:
        ended = session.ended_at or self._engine.now()
        seconds = (ended - session.created_at).total_seconds()
        return progress_model(self._engine.sessions.tasks(session.id), seconds, session.percent)
