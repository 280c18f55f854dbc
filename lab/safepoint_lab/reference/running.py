"""`CanRunJobs` and `CanSuspendRuns` of the reference driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from typing_extensions import override

from safepoint.drivers import CanSuspendRuns
from safepoint.errors import BusyError, ConflictError, NotFoundError, UnsupportedError
from safepoint.estate.selectors import Selection
from safepoint.models.jobs import ProtectionJob
from safepoint.models.refs import Ref
from safepoint.models.runs import Phase, Run, RunLevel, RunQuery, RunRequest, RunState, Task
from safepoint_lab.reference.backups import JobRun, VmWork, Word
from safepoint_lab.reference.managing import address_of
from safepoint_lab.reference.product import ProductObject
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["RunningSession"]

_STATES: Final[Mapping[str, RunState]] = {
    Word.QUEUED: RunState.QUEUED,
    Word.WORKING: RunState.RUNNING,
    Word.SUSPENDED: RunState.SUSPENDED,
    Word.DONE: RunState.SUCCEEDED,
    Word.PARTLY: RunState.PARTIAL,
    Word.FAILED: RunState.FAILED,
    Word.STOPPED: RunState.CANCELLED,
}
_PHASES: Final = {Word.QUEUED: Phase.WAITING, Word.WORKING: Phase.COPYING}
#: What this product offers; a synthetic full needs a chain, which its storage has not.
_LEVELS: Final = frozenset({RunLevel.AUTO, RunLevel.FULL, RunLevel.INCREMENTAL})


class RunningSession(ReferenceSession, CanSuspendRuns):
    """Runs jobs of the product in memory; they act on the machines' checkpoints."""

    # --- start --------------------------------------------------------------------------------

    @override
    def start_run(self, request: RunRequest, /, *, key: str) -> Ref:
        return self._ask("start_run", request.job, lambda: self._start_job(request, key))

    def _start_job(self, request: RunRequest, key: str) -> Ref:
        backups = self._world.backups
        if key not in backups.keys:
            job = self._job(request.job)
            if request.level not in _LEVELS:
                msg = f"the product has no {request.level} run"
                raise UnsupportedError(msg)
            if backups.active(job.name) is not None:
                msg = f"job {job.name} runs already"
                raise BusyError(msg, operation="start_run", system=self._context.connection)
            machines = self._machines(job, request)
            run = backups.start(self._world, job.name, machines, request.level)
            backups.keys[key] = run.id
        return self._run_ref(backups.keys[key])

    def _job(self, name: str) -> ProductObject:
        for one in self._world.product.objects.values():
            if address_of(one) == f"job/{name}":
                return one
        msg = f"the product has no job {name}"
        raise NotFoundError(msg, operation="start_run", system=self._context.connection)

    def _machines(self, job: ProductObject, request: RunRequest) -> list[str]:
        chosen = {"include": job.body["include"], "exclude": job.body.get("exclude", [])}
        spec = {"connection": "self", "cluster": self._world.cluster, "policy": "any", **chosen}
        content = {"metadata": {"name": "job"}, "spec": spec}
        selection = Selection(ProtectionJob.model_validate(content, by_alias=True))
        every = self._world.machines.values()
        members = [one.id for one in every if selection.includes(self._workload(one))]
        if not request.workloads:
            return members
        wanted = [one.ref.id for one in request.workloads]
        strange = [one for one in wanted if one not in members]
        if strange:
            msg = f"job {job.name} has no VM {strange[0]}"
            raise NotFoundError(msg, operation="start_run", system=self._context.connection)
        return wanted

    # --- following ----------------------------------------------------------------------------

    @override
    def runs(self, query: RunQuery, /) -> Iterator[Run]:
        def wanted(run: JobRun) -> bool:
            began = self._world.moment(run.asked_seconds)
            is_of_job = query.job is None or run.job == self._name_of(query.job)
            is_recent = query.since is None or began >= query.since
            is_there = run.is_active or not query.only_active
            return is_of_job and is_recent and is_there and not run.is_forgotten

        def read() -> list[Run]:
            newest = reversed(self._world.backups.runs.values())
            found = [run for run in newest if wanted(run)][: query.limit]
            return [self._run(run, with_tasks=query.with_tasks) for run in found]

        return self._list("runs", read)

    def _name_of(self, job: str) -> str:
        try:
            return self._job(job).name
        except NotFoundError:
            return job  # it may have been deleted since; its runs remain

    @override
    def follow_runs(self, runs: tuple[Ref, ...], /) -> Iterator[Run]:
        return self._list("follow_runs", lambda: [self._followed(ref) for ref in runs])

    def _followed(self, ref: Ref) -> Run:
        run = self._world.backups.runs.get(ref.id)
        if run is not None and not run.is_forgotten:
            return self._run(run, with_tasks=True)
        return Run(
            id=ref.id,
            job="",
            connection=self._context.connection,
            state=RunState.UNKNOWN,
            requested_at=self._context.now(),
            ref=ref,
        )

    def _run(self, run: JobRun, *, with_tasks: bool) -> Run:
        word = run.word
        asked = self._world.moment(run.asked_seconds)
        ends = [one.ended_seconds for one in run.work if one.ended_seconds is not None]
        has_ended = not run.is_active and ends
        now = self._world.clock.monotonic()
        return Run(
            id=run.id,
            job=run.job,
            connection=self._context.connection,
            state=_STATES.get(word, RunState.UNKNOWN),
            requested_at=asked,
            started_at=asked,
            ended_at=self._world.moment(max(ends)) if has_ended else None,
            native_state=word,
            level=run.level,
            percent=sum(one.percent(now) for one in run.work) // max(1, len(run.work)),
            ref=self._run_ref(run.id),
            tasks=tuple(self._task(run, one) for one in run.work) if with_tasks else (),
        )

    def _task(self, run: JobRun, one: VmWork) -> Task:
        world = self._world
        machine = world.machines.get(one.machine) or world.removed[one.machine]
        size = sum(map(len, machine.contents.values()))
        is_done = one.word is Word.DONE
        at = self._world.moment
        failure = one.failure if one.word is Word.FAILED else None
        # As products that do not say what became of each machine: only the whole has a word.
        is_odd = is_done and run.word not in _STATES
        return Task(
            id=f"{run.id}/{machine.id}",
            run=run.id,
            workload=Ref(kind="workload", system=machine.cluster, id=machine.id),
            workload_name=machine.name,
            node=machine.node,
            state=RunState.UNKNOWN if is_odd else _STATES[one.word],
            phase=_PHASES.get(one.word, Phase.DONE),
            consistency=one.frozen.consistency.value if is_done and one.frozen else "",
            size_bytes=size,
            read_bytes=size if is_done else 0,
            stored_bytes=size if is_done else 0,
            point=Ref(kind="point", system="repository", id=one.point) if one.point else None,
            percent=one.percent(self._world.clock.monotonic()),
            native_state=one.word,
            message=failure.message if failure else "",
            started_at=at(one.began_seconds) if one.frozen else None,
            ended_at=at(one.ended_seconds) if one.ended_seconds is not None else None,
        )

    def _run_ref(self, ident: str) -> Ref:
        return Ref(kind="run", system=self._context.connection, id=ident)

    # --- stopping and pausing -----------------------------------------------------------------

    @override
    def cancel_run(self, run: Ref, /, *, key: str) -> None:
        def write() -> None:
            found = self._known_run(run, "cancel_run")
            self._world.backups.stop(self._world, found)

        self._ask("cancel_run", run.id, write)

    @override
    def suspend_run(self, run: Ref, /, *, key: str) -> None:
        def write() -> None:
            self._world.backups.hold(self._world, self._active(run, "suspend_run"))

        self._ask("suspend_run", run.id, write)

    @override
    def resume_run(self, run: Ref, /, *, key: str) -> None:
        def write() -> None:
            self._world.backups.go_on(self._world, self._active(run, "resume_run"))

        self._ask("resume_run", run.id, write)

    def _known_run(self, ref: Ref, call: str) -> JobRun:
        run = self._world.backups.runs.get(ref.id)
        if run is None or run.is_forgotten:
            msg = f"the product knows no run {ref.id}"
            raise NotFoundError(msg, operation=call, system=self._context.connection)
        return run

    def _active(self, ref: Ref, call: str) -> JobRun:
        run = self._known_run(ref, call)
        if not run.is_active:
            msg = f"run {ref.id} has ended"
            raise ConflictError(msg, operation=call, system=self._context.connection)
        return run
