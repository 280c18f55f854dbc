"""Plans, VM groups, jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from safepoint.errors import NotFoundError
from safepoint_commvault.caller import Query
from safepoint_commvault.client.group import Group
from safepoint_commvault.wire.base import as_list
from safepoint_commvault.wire.objects import PlanRow, Started, VmGroupState
from safepoint_commvault.wire.work import (
    VSA_APPLICATION,
    Job,
    JobDetails,
    SubclientEntity,
    VmGroup,
)

__all__ = ["LOOKBACK_SECONDS", "Jobs", "Plans", "VmGroups"]

#: How far back lists of finished jobs go: longer than any retention of job history by default.
LOOKBACK_SECONDS: Final = 400 * 86_400
_PAGE: Final = 500
_BACKUP: Final = 2
#: Everything about a subclient that a list may tell [S].
_LIST_LEVEL: Final = 20


class Plans(Group):
    """Server plans (V4): schedule, copies, retention."""

    def all(self) -> list[PlanRow]:
        """List every plan of every type."""
        return self._rows(PlanRow, self._caller.call("plans"), "plans")

    def get(self, ident: str) -> dict[str, Any]:
        """Read one as it comes: `ServerPlan`."""
        return self._caller.call("plan", id=ident)

    def create(self, body: Mapping[str, Any]) -> str:
        """Create by `CreateServerPlan` and return its id."""
        answer = self._caller.call("create-plan", body=body)
        return self._created("create-plan", answer, "plan.id")

    def modify(self, ident: str, body: Mapping[str, Any]) -> None:
        """Change by `UpdateServerPlan`; schedules are added and deleted one by one."""
        self._caller.call("modify-plan", body=body, id=ident)

    def modify_copy(self, ident: str, copy: str, body: Mapping[str, Any]) -> None:
        """Change the retention of one copy by `UpdatePlanBackupDestination`."""
        self._caller.call("modify-plan-copy", body=body, id=ident, copy=copy)

    def delete(self, ident: str) -> None:
        """Delete; refused while something uses it."""
        self._caller.call("delete-plan", id=ident)


class VmGroups(Group):
    """VM groups in the legacy dialect, the only one with a description [S]."""

    def of_hypervisor(self, client: str) -> list[VmGroup]:
        """List the VM groups of a hypervisor; content and settings may be left out."""
        query: Query = {
            "clientId": client,
            "applicationId": VSA_APPLICATION,
            "propertyLevel": _LIST_LEVEL,
        }
        return self._rows(VmGroup, self._caller.call("vm-groups", query=query), _KEY)

    def get(self, ident: str) -> VmGroup:
        """Read one, whole.

        Raises:
            NotFoundError: there is none.
        """
        rows = self._rows(VmGroup, self._caller.call("vm-group", id=ident), _KEY)
        if not rows:
            msg = f"{self._caller.transport.system}: no VM group with id {ident}"
            raise NotFoundError(msg, operation="vm-group", system=self._caller.transport.system)
        return rows[0]

    def parent(self, client: str) -> SubclientEntity:
        """Return where new VM groups of a hypervisor hang: its instance and backup set.

        Raises:
            NotFoundError: the hypervisor has none, which its registration should have made.
        """
        query: Query = {"clientId": client, "applicationId": VSA_APPLICATION}
        rows = as_list(self._caller.call("backup-sets", query=query).get("backupsetProperties"))
        for row in rows:
            entity = row.get("backupSetEntity") if isinstance(row, dict) else None
            if isinstance(entity, dict):
                return SubclientEntity.read({"subclientId": "", **entity})
        system = self._caller.transport.system
        msg = f"{system}: hypervisor {client} has no backup set for VMs"
        raise NotFoundError(msg, operation="backup-sets", system=system)

    def states(self, hypervisor: str) -> list[VmGroupState]:
        """List the last backup of every VM group of a hypervisor (V4)."""
        query = {"hypervisorId": hypervisor}
        return self._rows(
            VmGroupState, self._caller.call("vm-group-states", query=query), "vmGroups"
        )

    def create(self, properties: Mapping[str, Any]) -> str:
        """Create by `subClientProperties` and return its id."""
        answer = self._caller.call("create-vm-group", body={"subClientProperties": properties})
        return self._created(
            "create-vm-group", answer, "response.entity.subclientId", "entity.subclientId"
        )

    def modify(self, ident: str, properties: Mapping[str, Any]) -> None:
        """Change what the properties name; the rest stays."""
        self._caller.call("modify-vm-group", body={"subClientProperties": properties}, id=ident)

    def delete(self, ident: str) -> None:
        """Delete it. What it backed up goes with it."""
        self._caller.call("delete-vm-group", id=ident)


_KEY: Final = "subClientProperties"


class Jobs(Group):
    """Jobs of any kind."""

    def get(self, ident: str) -> Job | None:
        """Look once; None when the CommServe does not know it."""
        answer = self._caller.call("job", id=ident)
        rows = _summaries(answer)
        return rows[0] if rows else None

    def details(self, ident: str) -> JobDetails:
        """Look at the VMs of a job."""
        body = {"jobId": int(ident), "showAttempt": True}
        return JobDetails.read(self._caller.call("job-details", body=body))

    def listed(
        self,
        *,
        clients: Sequence[str] = (),
        kinds: Sequence[str] = (),
        subclient: str = "",
        only_active: bool = False,
        since_seconds: int = LOOKBACK_SECONDS,
        limit: int | None = None,
    ) -> list[Job]:
        """List jobs, newest first, page by page; the jobs of single VMs are left out.

        Args:
            clients: Only of these hypervisors, by id.
            kinds: Only of these types, such as `Backup`.
            subclient: Only of this VM group.
            only_active: Leave out what has ended.
            since_seconds: How far back finished jobs are looked for.
            limit: Stop after that many.
        """
        chosen: dict[str, Any] = {
            "completedJobLookupTime": since_seconds,
            "showAgedJobs": False,
            "hideAdminJobs": False,
        }
        if clients:
            chosen["clientList"] = [{"clientId": int(one)} for one in clients]
        if kinds:
            chosen["jobTypeList"] = list(kinds)
        if subclient:
            chosen["entity"] = {"subclientId": int(subclient)}
        found: dict[str, Job] = {}
        offset = 0
        while limit is None or len(found) < limit:
            body = _page(chosen, offset, only_active=only_active)
            rows = _summaries(self._caller.call("jobs", body=body))
            fresh = [row for row in rows if row.id not in found]
            found |= {row.id: row for row in fresh}
            offset += len(rows)
            if len(rows) < _PAGE or not fresh:
                break
        mains = [job for job in found.values() if job.is_visible and not job.is_child]
        mains.sort(key=lambda job: int(job.id), reverse=True)
        return mains if limit is None else mains[:limit]

    def start(self, subclient: str, level: str) -> Started:
        """Back up a VM group: full, incremental, differential or synthetic_full."""
        query = {"backupLevel": level, "collectMetaInfo": "False"}
        return Started.read(self._caller.call("back-up", query=query, id=subclient))

    def start_for(self, group: SubclientEntity, level: str, guids: Sequence[str]) -> Started:
        """Back up single VMs of a VM group [S]."""
        options = {
            "backupOpts": {
                "backupLevel": level,
                "vsaBackupOptions": {"selectiveVMInfo": [{"vmGuid": one} for one in guids]},
            }
        }
        task = {
            "associations": [group.association()],
            "task": {"taskType": 1, "initiatedFrom": 2, "taskFlags": {"disabled": False}},
            "subTasks": [
                {
                    "subTask": {"subTaskType": 2, "operationType": _BACKUP},
                    "options": options,
                }
            ],
        }
        return self.start_task(task)

    def start_task(self, task: Mapping[str, Any]) -> Started:
        """Start any task and return its jobs."""
        return Started.read(self._caller.call("create-task", body={"taskInfo": task}))

    def kill(self, ident: str) -> None:
        """Ask a job to end."""
        self._caller.call("kill-job", id=ident)

    def suspend(self, ident: str) -> None:
        """Ask a job to pause."""
        self._caller.call("suspend-job", id=ident)

    def resume(self, ident: str) -> None:
        """Let a paused job go on."""
        self._caller.call("resume-job", id=ident)


def _page(chosen: Mapping[str, Any], offset: int, *, only_active: bool) -> dict[str, Any]:
    paging = {"sortDirection": 1, "sortField": "jobId", "offset": offset, "limit": _PAGE}
    category = 1 if only_active else 0
    return {"scope": 1, "category": category, "pagingConfig": paging, "jobFilter": dict(chosen)}


def _summaries(answer: Mapping[str, Any]) -> list[Job]:
    rows = [row for row in as_list(answer.get("jobs")) if isinstance(row, dict)]
    return [Job.read(row.get("jobSummary")) for row in rows]
