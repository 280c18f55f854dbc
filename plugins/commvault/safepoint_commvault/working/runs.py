"""The product's own jobs as runs: started, followed in few requests, never guessed at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from safepoint.drivers.once import Once
from safepoint.errors import (
    BusyError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    UnsupportedError,
)
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel, RunQuery, RunRequest, RunState
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.client.work import LOOKBACK_SECONDS
from safepoint_commvault.parallel import in_parallel
from safepoint_commvault.states import is_over, state_of
from safepoint_commvault.wire.work import Job, JobDetails, VmGroup
from safepoint_commvault.working import steering
from safepoint_commvault.working.places import Place, Places, job_name
from safepoint_commvault.working.tasks import tasks_of
from safepoint_commvault.working.vm_jobs import VmJob, VmJobs

__all__ = ["Runs"]

_LEVELS: Final = {
    RunLevel.AUTO: "incremental",
    RunLevel.INCREMENTAL: "incremental",
    RunLevel.FULL: "full",
    RunLevel.SYNTHETIC_FULL: "synthetic_full",
}
#: Words of the product, in lower case.
_LEVEL_OF: Final = {
    "full": RunLevel.FULL,
    "incremental": RunLevel.INCREMENTAL,
    "differential": RunLevel.INCREMENTAL,
    "synthetic full": RunLevel.SYNTHETIC_FULL,
}
_BACKUP: Final = "Backup"
#: Jobs that are followed have ended lately or not at all; older ones are asked for one by one.
_FOLLOWED_SECONDS: Final = 86_400

_NO_VMS: Final[Mapping[str, VmJob]] = {}

#: What changes whenever something of a job changes.
_Mark = tuple[str, datetime | None, int | None]


@dataclass(slots=True)
class Runs:
    """Jobs of one connection."""

    client: CommvaultClient
    places: Places
    connection: str
    _once: Once[Ref] = field(default_factory=Once)
    _names: tuple[Sequence[Place], dict[str, VmGroup]] = field(default_factory=lambda: ((), {}))
    _details: dict[str, tuple[_Mark, JobDetails]] = field(default_factory=dict)
    _vm_jobs: VmJobs = field(init=False)

    def __post_init__(self) -> None:
        self._vm_jobs = VmJobs(self.client)

    # -- starting -----------------------------------------------------------------------------

    def start(self, request: RunRequest, key: str) -> Ref:
        """Start a job for a VM group, or for single VMs of it."""
        return self._once(key, lambda: self._start(request))

    def _start(self, request: RunRequest) -> Ref:
        group = self._group_of(request.job)
        if self.client.jobs.listed(subclient=group.entity.id, only_active=True):
            msg = f"a job of VM group {group.entity.name!r} is running already"
            raise BusyError(msg, operation="start_run", system=self.connection)
        level = _LEVELS[request.level]
        if not request.workloads:
            started = self.client.jobs.start(group.entity.id, level)
        elif request.level is RunLevel.SYNTHETIC_FULL:
            msg = "a synthetic full is made of a whole VM group, not of single VMs"
            raise UnsupportedError(msg)
        else:
            guids = [one.ref.id for one in request.workloads]
            started = self.client.jobs.start_for(group.entity, level, guids)
        if not started.jobs:
            msg = f"{self.client.system}: a job was accepted and not named"
            raise OutcomeUnknownError(msg, operation="start_run", system=self.connection)
        return self._ref(started.jobs[0])

    def _group_of(self, job: str) -> VmGroup:
        groups = self.places.groups(self.places.all()).values()
        marked = [one for one in groups if one.description and job_name(one) == job]
        found = marked or [one for one in groups if job_name(one) == job]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"{len(found)} VM groups stand for job {job!r}"
            raise ConflictError(msg, operation="start_run", system=self.connection)
        msg = f"{self.client.system} has no VM group for job {job!r}"
        hint = "`safepoint apply` makes it."
        raise NotFoundError(msg, hint=hint, operation="start_run", system=self.connection)

    # -- steering -----------------------------------------------------------------------------

    def cancel(self, run: Ref) -> None:
        """Ask it to end; one that has ended, or is not known any more, is left alone."""
        steering.kill(self.client, _id_of(run))

    def suspend(self, run: Ref) -> None:
        """Ask it to pause."""
        steering.suspend(self.client, _id_of(run))

    def resume(self, run: Ref) -> None:
        """Let it go on; one that was not paused is left alone."""
        steering.resume(self.client, _id_of(run))

    # -- following ----------------------------------------------------------------------------

    def follow(self, runs: tuple[Ref, ...], now: datetime) -> Iterator[Run]:
        """Look once at several runs: one list of all jobs, then the VMs of those that moved."""
        wanted = [run.id for run in runs if run.id.isdecimal()]
        found = self._listed(wanted)
        places, groups = self._names_for(found.values())
        details = self.details([found[one] for one in wanted if one in found])
        for run in runs:
            job = found.get(run.id)
            if job is None:
                yield Run(
                    id=run.id,
                    job="",
                    connection=self.connection,
                    state=RunState.UNKNOWN,
                    requested_at=now,
                    message="the CommServe does not know this job any more",
                    ref=run,
                )
            else:
                told = details[job.id]
                vms = self._vm_jobs.of(job, told)
                yield self._run(job, groups, places, told, now, vms)

    def _listed(self, wanted: Sequence[str]) -> dict[str, Job]:
        if not wanted:
            return {}
        if len(wanted) == 1:
            one = self.client.jobs.get(wanted[0])
            return {one.id: one} if one is not None else {}
        # Not filtered by hypervisor: which ones there are would be one more question each time.
        rows = self.client.jobs.listed(kinds=(_BACKUP,), since_seconds=_FOLLOWED_SECONDS)
        found = {row.id: row for row in rows if row.id in set(wanted)}
        for ident in wanted:
            if ident not in found:
                one = self.client.jobs.get(ident)
                if one is not None:
                    found[ident] = one
        return found

    def _names_for(self, jobs: Iterable[Job]) -> tuple[Sequence[Place], dict[str, VmGroup]]:
        """Return hypervisors and VM groups; asked for anew when a job is of an unknown one."""
        places, groups = self._names
        subclients = {job.subclient.id for job in jobs if job.subclient is not None}
        if not subclients <= groups.keys():
            found = self.places.all()
            places, groups = self._names = (found, self.places.groups(found))
        return places, groups

    def list(self, query: RunQuery, now: datetime) -> Iterator[Run]:
        """Yield the product's runs, newest first."""
        places = self.places.all()
        if not places:
            return
        groups = self.places.groups(places)
        jobs = self._candidates(query, places, now)
        if query.job is not None:
            jobs = [job for job in jobs if _job_of(job, groups) == query.job]
        if query.since is not None:
            jobs = [job for job in jobs if job.started_at and job.started_at >= query.since]
        jobs = jobs[: query.limit]
        details = self.details(jobs) if query.with_tasks else {}
        for job in jobs:
            yield self._run(job, groups, places, details.get(job.id), now)

    def _candidates(
        self, query: RunQuery, places: Sequence[Place], now: datetime
    ) -> Sequence[Job]:
        since_seconds = LOOKBACK_SECONDS
        if query.since is not None:
            # A minute more: this clock is ours, that of the list is the product's.
            since_seconds = max(int((now - query.since).total_seconds()), 0) + 60
        return self.client.jobs.listed(
            clients=[place.id for place in places],
            kinds=(_BACKUP,),
            only_active=query.only_active,
            since_seconds=since_seconds,
            limit=query.limit if query.job is None and query.since is None else None,
        )

    def _has_moved(self, job: Job) -> bool:
        known = self._details.get(job.id)
        return known is None or known[0] != _mark(job)

    def details(self, jobs: Sequence[Job]) -> dict[str, JobDetails]:
        """Return the VMs of several jobs; only those are asked for that moved since last time."""
        moved = [job for job in jobs if self._has_moved(job)]
        found = in_parallel(lambda job: self.client.jobs.details(job.id), moved)
        self._details |= {job.id: (_mark(job), one) for job, one in zip(moved, found, strict=True)}
        return {job.id: self._details[job.id][1] for job in jobs}

    def _run(
        self,
        job: Job,
        groups: dict[str, VmGroup],
        places: Sequence[Place],
        details: JobDetails | None,
        now: datetime,
        vms: Mapping[str, VmJob] = _NO_VMS,
    ) -> Run:
        client = job.subclient.client_id if job.subclient is not None else ""
        place = next((one for one in places if one.id == client), None)
        state = state_of(job.status)
        return Run(
            id=job.id,
            job=_job_of(job, groups),
            connection=self.connection,
            state=state,
            requested_at=job.started_at or now,
            started_at=job.started_at,
            ended_at=job.ended_at if is_over(job.status) else None,
            native_state=job.status,
            level=_LEVEL_OF.get((job.level or "").casefold(), RunLevel.AUTO),
            percent=job.percent,
            message=_message(job),
            ref=self._ref(job.id),
            tasks=tasks_of(job, details, place, vms, self.connection) if details else (),
        )

    def _ref(self, ident: str) -> Ref:
        return Ref(kind="run", system=self.connection, id=ident)


def _mark(job: Job) -> _Mark:
    """Return what changes whenever something of a job changes."""
    return job.status, job.updated_at, job.percent


def _message(job: Job) -> str:
    parts = [part for part in (job.reason_code, job.reason) if part]
    return ": ".join(parts)


def _job_of(job: Job, groups: dict[str, VmGroup]) -> str:
    if job.subclient is None:
        return ""
    group = groups.get(job.subclient.id)
    return job_name(group) if group is not None else job.subclient.name


def _id_of(run: Ref) -> str:
    if run.kind != "run" or not run.id.isdecimal():
        msg = f"{run} is no run of this driver"
        raise InvalidRequestError(msg)
    return run.id
