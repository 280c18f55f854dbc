"""Jobs: one, its details, lists, actions and events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from safepoint_lab.commvault.api.job_models import JobModels, started, vm_status
from safepoint_lab.commvault.backup import BackupWish
from safepoint_lab.commvault.bodies import flag, inside, integer, rows, text, texts
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import DETAILS, JOB_ACTION, TASK, Problem
from safepoint_lab.commvault.records import ChildJob, Event, Job, VmGroup
from safepoint_lab.commvault.vocabulary import HYPERV, Status
from safepoint_lab.commvault.wording import seconds

__all__ = ["JobCalls"]

_ONE = "Job/{id}"
_PAGE = 100
_DETAIL_CODE = 1


class JobCalls:
    """Handlers of jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._desk = engine.jobs
        self._shelf = engine.shelf
        self._models = JobModels(engine)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        actions = {
            "kill": self._desk.kill,
            "pause": self._desk.suspend,
            "resume": self._desk.resume,
        }
        return [
            Operation("GET", "Job", self.list_all),
            Operation("GET", _ONE, self.get),
            Operation("POST", "JobDetails", self.details, DETAILS, reads=True),
            Operation("POST", "Jobs", self.search, reads=True),
            Operation("GET", "Jobs/active", self.active),
            Operation("GET", "Events", self.events),
            Operation("POST", f"{_ONE}/action/Resubmit", self.resubmit, TASK),
            *(
                Operation("POST", f"{_ONE}/action/{name}", self._action(act), JOB_ACTION)
                for name, act in actions.items()
            ),
        ]

    def get(self, call: Call) -> Answer:
        """Return one job; none is a total of 0 [S]."""
        job, child = self._locate(call.ident())
        if job is None:
            return Answer({"totalRecordsWithoutPaging": 0})
        summary = self._models.summary(job) if child is None else self._models.child(job, child)
        return Answer({"totalRecordsWithoutPaging": 1, "jobs": [{"jobSummary": summary}]})

    def details(self, call: Call) -> Answer:
        """Return what happened in a job, VM by VM."""
        ident = integer(call.body, "jobId")
        job, child = self._locate(ident)
        if job is None:
            message = f"Job [{ident}] does not exist (simulated text)"
            raise Problem(message, code=_DETAIL_CODE)
        vms = job.vms if child is None else [child]
        statuses = [vm_status(item) for item in vms]
        detail = {
            "generalInfo": {
                "jobId": ident,
                "operationType": job.kind,
                "jobStartedBy": job.user,
                "jobStartedFrom": "Interactive",
                "startTime": seconds(job.started_at),
                "vendor": HYPERV,
            },
            "progressInfo": {
                "state": job.text,
                "reasonForJobDelay": job.reason,
                "numOfFilesTransferred": sum(item.status is Status.COMPLETED for item in vms),
            },
            "detailInfo": {
                "startTime": seconds(job.started_at),
                "endTime": seconds(job.ended_at),
                "numOfObjects": sum(item.status is Status.COMPLETED for item in vms),
            },
            "attemptsInfo": [],
            "clientStatusInfo": {"vmStatus": statuses},
        }
        return Answer({"job": {"jobDetail": detail}})

    def list_all(self, call: Call) -> Answer:
        """List jobs, newest first; the page is asked for by headers or query [P][D]."""
        found = self._shelf.all(Job)
        client = call.number("clientId")
        kind = call.query.get("jobfilter", "").casefold()
        if client:
            found = [job for job in found if client in (job.hypervisor_id, job.client_id)]
        if kind:
            found = [job for job in found if job.kind.casefold() in kind.split(",")]
        lookup = call.number("completedJobLookupTime")
        if lookup:
            found = self._recent(found, lookup)
        limit = _count(call.headers, "limit") or call.number("limit", _PAGE)
        offset = _count(call.headers, "offset") or call.number("offset")
        return self._page(found, offset, limit, descending=True)

    def active(self, _: Call) -> Answer:
        """List the jobs that are not over."""
        found = [job for job in self._shelf.all(Job) if not job.ended]
        return self._page(found, 0, len(found), descending=True)

    def search(self, call: Call) -> Answer:
        """List jobs by a filter; `category` 1 are active ones, 2 finished ones."""
        paging = inside(call.body, "pagingConfig")
        limit = integer(paging, "limit") or _PAGE
        descending = integer(paging, "sortDirection", 1) == 1
        category = integer(call.body, "category")
        found = [
            job for job in self._shelf.all(Job) if category == 0 or job.ended == (category != 1)
        ]
        found = self._filtered(found, inside(call.body, "jobFilter"))
        return self._page(found, integer(paging, "offset"), limit, descending=descending)

    def events(self, call: Call) -> Answer:
        """List events, of one job or of all, newest first."""
        wanted = call.number("jobId")
        found = self._shelf.where(Event, lambda item: wanted in (0, item.job_id))
        listed = [
            {
                "id": item.id,
                "severity": item.severity,
                "eventCode": str(item.id),
                "eventCodeString": f"19:{item.id}",
                "jobId": item.job_id,
                "subsystem": "JobManager",
                "description": item.text,
                "timeSource": seconds(item.at),
                "clientEntity": {"clientId": 2, "clientName": self._engine.settings.name},
            }
            for item in sorted(found, key=lambda item: item.id, reverse=True)
        ]
        return Answer({"commservEvents": listed})

    def resubmit(self, call: Call) -> Answer:
        """Start an ended backup again, as a job of its own."""
        job = self._shelf.get(Job, call.ident())
        if job.kind != "Backup" or not job.ended:
            message = f"Job [{job.id}] cannot be resubmitted (simulated text)"
            raise Problem(message)
        group = self._shelf.get(VmGroup, job.group_id)
        wish = BackupWish(
            job.level.replace(" ", "_"), tuple(job.spec["vms"]), job.spec["incremental"]
        )
        made = self._engine.backups.start(group, wish, call.user)
        return started(made)

    def _action(self, act: Any) -> Any:
        def handle(call: Call) -> Answer:
            job = self._shelf.find(Job, call.ident())
            if job is None:
                message = f"Job [{call.path['id']}] does not exist (simulated text)"
                raise Problem(message)
            act(job)
            return Answer({"errors": [{"errList": [{"errorCode": 0, "errLogMessage": ""}]}]})

        return handle

    def _locate(self, ident: int) -> tuple[Job | None, ChildJob | None]:
        """Return the job of an id, or the job that the child job of this id belongs to."""
        job = self._shelf.find(Job, ident)
        if job is not None:
            return job, None
        for parent in self._shelf.all(Job):
            for child in parent.vms:
                if child.id == ident:
                    return parent, child
        return None, None

    def _filtered(self, jobs: list[Job], chosen: Mapping[str, Any]) -> list[Job]:
        lookup = integer(chosen, "completedJobLookupTime")
        found = self._recent(jobs, lookup) if lookup else jobs
        clients = {integer(item, "clientId") for item in rows(chosen, "clientList")}
        if clients:
            found = [job for job in found if clients & {job.hypervisor_id, job.client_id}]
        kinds = texts(chosen, "jobTypeList")
        if kinds:
            found = [job for job in found if job.kind in kinds]
        words = texts(chosen, "statusList")
        if words:
            found = [job for job in found if job.text in words]
        group = integer(inside(chosen, "entity"), "subclientId")
        if group:
            found = [job for job in found if job.group_id == group]
        if not flag(chosen, "showAgedJobs"):
            found = [job for job in found if not job.aged]
        return found

    def _recent(self, jobs: list[Job], lookup_seconds: int) -> list[Job]:
        limit = self._engine.now() - timedelta(seconds=lookup_seconds)
        return [job for job in jobs if job.ended_at is None or job.ended_at >= limit]

    def _page(self, jobs: list[Job], offset: int, limit: int, *, descending: bool) -> Answer:
        ordered = sorted(jobs, key=lambda job: job.id, reverse=descending)
        page = [
            {"jobSummary": self._models.summary(job)} for job in ordered[offset : offset + limit]
        ]
        return Answer({"totalRecordsWithoutPaging": len(jobs), "jobs": page})


def _count(headers: Mapping[str, str], name: str) -> int:
    value = text(headers, name)
    return int(value) if value.isascii() and value.isdigit() else 0
