"""Starting, following and cancelling the product's own jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from safepoint.drivers.once import Once
from safepoint.errors import (
    BusyError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    UnsupportedError,
    VendorFaultError,
)
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel, RunQuery, RunRequest, RunState
from safepoint.models.workloads import Workload
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import look
from safepoint_veeam.points import document_of, job_documents
from safepoint_veeam.revisions import is_at_least
from safepoint_veeam.run_states import to_run
from safepoint_veeam.stopping import stop_session
from safepoint_veeam.vms import Vms
from safepoint_veeam.wire.objects import JobState, Session, TaskSession

__all__ = ["Runs"]

_BACKUP: Final = "BackupJob"
_NEWEST: Final = 500
#: Where active sessions are looked for; those that began earlier are known to their jobs.
_NEWEST_ACTIVE: Final = 100
_BUSY: Final = frozenset({"running", "starting", "stopping"})


class Runs:
    """Runs of one backup server.

    Args:
        client: The connection.
        connection: Its name.
        vms: Who is meant by a name.
        now: The clock.
    """

    def __init__(
        self, client: VeeamClient, connection: str, vms: Vms, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._connection = connection
        self._vms = vms
        self._now = now
        self._once: Once[Ref] = Once()
        self._begun: dict[str, datetime] = {}
        self._documents: dict[str, str] = {}

    # -- starting -----------------------------------------------------------------------------

    def start(self, request: RunRequest, key: str) -> Ref:
        """Start a job, or the quick backup of one VM."""
        return self._once(key, lambda: self._start(request))

    def _start(self, request: RunRequest) -> Ref:
        if request.level is RunLevel.SYNTHETIC_FULL:
            msg = "Veeam makes synthetic fulls by the job's own schedule only"
            raise UnsupportedError(msg, hint="Use `syntheticFulls` in the job's vendor block.")
        if request.workloads:
            self._check_quick(request)
        state = self._job(request.job)
        if _is_busy(state):
            raise self._busy(request.job)
        row = self._row(request.workloads[0]) if request.workloads else None
        try:
            session = self._begin(state, request, row)
        except (InvalidRequestError, ConflictError, VendorFaultError) as error:
            # No revision says how "it runs already" is answered [X]; the state does.
            if _is_busy(self._job(request.job)):
                raise self._busy(request.job) from error
            raise
        if session.creation_time is not None:
            self._begun[session.id] = session.creation_time
        return Ref(kind="run", system=self._connection, id=session.id)

    def _begin(
        self, state: JobState, request: RunRequest, row: dict[str, object] | None
    ) -> Session:
        if row is not None:
            return self._client.jobs.quick_backup(row)
        session = self._client.jobs.start(state.id, full=request.level is RunLevel.FULL)
        if session is not None:
            return session
        msg = f"job {request.job} has no VM to process"
        raise ConflictError(msg, operation="start-run", system=self._connection)

    def _check_quick(self, request: RunRequest) -> None:
        if not is_at_least(self._client.revision, "1.3-rev2"):
            msg = f"REST revision {self._client.revision} cannot back up single VMs"
            hint = "It came with VBR 13.1 (1.3-rev2). Run the whole job."
            raise UnsupportedError(msg, hint=hint)
        if len(request.workloads) > 1:
            msg = "Veeam's quick backup takes one VM at a time"
            raise UnsupportedError(msg, hint="Name one VM, or run the whole job.")
        if request.level is RunLevel.FULL:
            msg = "Veeam's quick backup of a VM is always incremental"
            raise UnsupportedError(msg, hint="Run the whole job with --full.")

    def _row(self, workload: Workload) -> dict[str, object]:
        known = look(self._client)
        roots = {known.root_of(server).name for server in known.protectable()}
        for root in sorted(roots):
            for row in self._client.inventory.below(root):
                if str(row.get("objectId", "")).upper() == workload.ref.id:
                    return row
        msg = f"Veeam does not list the VM {workload.name}"
        raise NotFoundError(msg, operation="start-run", system=self._connection)

    def _job(self, document: str) -> JobState:
        states = list(self._client.jobs.states())
        by_marker = [s for s in states if document_of(s.description, "") == document]
        found = by_marker or [s for s in states if s.name == document and not _is_marked(s)]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} jobs stand for" if found else "Veeam has no job for"
        msg = f"{what} {document}"
        hint = "`safepoint apply` makes it." if not found else "Remove all markers but one."
        raise NotFoundError(msg, hint=hint, operation="start-run", system=self._connection)

    def _busy(self, job: str) -> BusyError:
        msg = f"job {job} runs in Veeam already"
        return BusyError(msg, operation="start-run", system=self._connection)

    # -- looking ------------------------------------------------------------------------------

    def all(self, query: RunQuery) -> Iterator[Run]:
        """List backup sessions, newest first."""
        filters: dict[str, str | list[str]] = {"typeFilter": [_BACKUP]}
        states = list(self._client.jobs.states())
        documents = self._documents = job_documents(states)
        if query.job is not None:
            states = [one for one in states if documents[one.id] == query.job][:1]
            if not states:
                return
            filters["jobIdFilter"] = states[0].id
        if query.since is not None:
            filters["createdAfterFilter"] = query.since.isoformat()
        count = min(query.limit, _NEWEST_ACTIVE) if query.only_active else query.limit
        sessions = self._client.sessions.newest(count, filters)
        if query.only_active:
            sessions = self._active(sessions, states, query)
        for session in sessions:
            tasks: list[TaskSession] = []
            if query.with_tasks:
                tasks = list(self._client.sessions.tasks(session.id))
                self._vms.knowing({task.name for task in tasks})
            yield self._run(session, tasks, documents)

    def _active(
        self, newest: Iterable[Session], states: Iterable[JobState], query: RunQuery
    ) -> list[Session]:
        """Return what has not ended; what began before the newest sessions is known to its job."""
        found = {one.id: one for one in newest}
        for state in states:
            ident = state.session_id
            if ident and ident not in found and _is_busy(state):
                older = self._one(ident)
                found |= {ident: older} if older is not None else {}
        active = [one for one in found.values() if not one.is_finished]
        if query.since is not None:
            active = [one for one in active if _began(one) >= query.since]
        return sorted(active, key=_began, reverse=True)[: query.limit]

    def follow(self, runs: tuple[Ref, ...]) -> Iterator[Run]:
        """Look once at all of them: two listings, however many runs there are."""
        if not runs:
            return
        sessions, tasks = self._look_at(runs)
        self._vms.knowing({task.name for rows in tasks.values() for task in rows})
        documents = self._names(sessions.values())
        for run in runs:
            session = sessions.get(run.id)
            if session is None:
                yield self._forgotten(run)
            else:
                yield self._run(session, tasks.get(run.id, []), documents)

    def _look_at(
        self, runs: tuple[Ref, ...]
    ) -> tuple[dict[str, Session], dict[str, list[TaskSession]]]:
        wanted = {run.id for run in runs}
        unknown = wanted - self._begun.keys()
        sessions = self._newest(unknown)
        asked = unknown - sessions.keys()
        rest = wanted - unknown
        if len(rest) == 1:
            asked |= rest
        elif rest:
            since = min(self._begun[ident] for ident in rest)
            query = {"typeFilter": _BACKUP, "createdAfterFilter": since.isoformat()}
            listed = {one.id: one for one in self._client.sessions.all(query)}
            sessions |= {ident: listed[ident] for ident in rest if ident in listed}
        found = (self._one(ident) for ident in asked)
        sessions |= {one.id: one for one in found if one is not None}
        return sessions, self._tasks_of(sessions)

    def _newest(self, unknown: set[str]) -> dict[str, Session]:
        """Return those of several runs that are among the newest sessions: one request."""
        if len(unknown) < 2:
            return {}
        newest = self._client.sessions.newest(_NEWEST, {"typeFilter": _BACKUP})
        found = {one.id: one for one in newest if one.id in unknown}
        self._begun |= {i: one.creation_time for i, one in found.items() if one.creation_time}
        return found

    def _one(self, ident: str) -> Session | None:
        try:
            found = self._client.sessions.get(ident)
        except NotFoundError:
            return None
        if found.creation_time is not None:
            self._begun[ident] = found.creation_time
        return found

    def _tasks_of(self, sessions: Mapping[str, Session]) -> dict[str, list[TaskSession]]:
        if len(sessions) == 1:
            ident = next(iter(sessions))
            return {ident: list(self._client.sessions.tasks(ident))}
        times = [one.creation_time for one in sessions.values() if one.creation_time is not None]
        tasks: dict[str, list[TaskSession]] = {}
        for task in self._client.sessions.tasks_since(min(times)) if times else ():
            if task.session_id in sessions:
                tasks.setdefault(task.session_id, []).append(task)
        return tasks

    def _run(
        self, session: Session, tasks: list[TaskSession], documents: Mapping[str, str]
    ) -> Run:
        index = self._vms.index() if tasks else None
        job = documents.get(session.job_id, session.name)
        return to_run(session, tasks, index, connection=self._connection, job=job)

    def _forgotten(self, run: Ref) -> Run:
        return Run(
            id=run.id,
            job="",
            connection=self._connection,
            state=RunState.UNKNOWN,
            requested_at=self._begun.get(run.id) or self._now(),
            message="Veeam does not know this session any more",
            ref=run,
        )

    def _names(self, sessions: Iterable[Session]) -> Mapping[str, str]:
        """Return job ids and the documents they stand for; asked again for a new id only."""
        wanted = {one.job_id for one in sessions}
        if wanted - self._documents.keys():
            self._documents = job_documents(self._client.jobs.states())
            self._documents |= dict.fromkeys(wanted - self._documents.keys(), "")
        return {ident: name for ident, name in self._documents.items() if name}

    # -- cancelling ---------------------------------------------------------------------------

    def cancel(self, run: Ref) -> None:
        """Stop at once: the checkpoint of the VM in progress is removed, its point is lost [D]."""
        stop_session(self._client, run.id)


def _is_busy(state: JobState) -> bool:
    return state.status.casefold() in _BUSY


def _began(session: Session) -> datetime:
    assert session.creation_time is not None, "a session has a time of creation"
    return session.creation_time


def _is_marked(state: JobState) -> bool:
    """Tell whether a job bears a marker of some document."""
    return bool(document_of(state.description, ""))
