"""How jobs, and their parts that concern one VM, look on the wire."""

from __future__ import annotations

from typing import Any

from safepoint_lab.commvault.calls import Answer
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.records import ChildJob, Hypervisor, Job, Plan, VmGroup
from safepoint_lab.commvault.vocabulary import VIRTUAL_SERVER, Status
from safepoint_lab.commvault.wording import seconds

__all__ = ["JobModels", "started", "vm_status"]

_LEVELS = {"": 0, "Full": 1, "Incremental": 2, "Differential": 4, "Synthetic Full": 64}
"""`backupLevel` of a summary; 4 and 64 are a convention [?]."""
_WAITING_STATUS, _FAILED_STATUS = 3, 1


class JobModels:
    """Renders jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def summary(self, job: Job) -> dict[str, Any]:
        """Return the summary of a job."""
        size = sum(_application_bytes(job, child) for child in job.vms)
        written = sum(child.written_bytes for child in job.vms)
        failed = sum(child.status is Status.FAILED for child in job.vms)
        now = self._engine.now()
        found: dict[str, Any] = {
            "jobId": job.id,
            "status": job.text,
            "localizedStatus": job.text,
            "percentComplete": job.percent,
            "currentPhase": 4 if job.phase else 0,
            "currentPhaseName": job.phase,
            "jobType": job.kind,
            "opType": 4,
            "localizedOperationName": job.kind,
            "appTypeName": "Virtual Server",
            "backupLevel": _LEVELS[job.level],
            "backupLevelName": job.level,
            "localizedBackupLevelName": job.level,
            "jobStartTime": seconds(job.started_at),
            "jobEndTime": seconds(job.ended_at),
            "lastUpdateTime": seconds(job.updated_at or job.started_at),
            "jobElapsedTime": int(((job.ended_at or now) - job.started_at).total_seconds()),
            "pendingReason": job.reason,
            "pendingReasonErrorCode": job.reason_code,
            "sizeOfApplication": size,
            "sizeOfMediaOnDisk": written,
            "percentSavings": round(100 - written * 100 / size, 1) if size else 0.0,
            "totalNumOfFiles": sum(child.status is Status.COMPLETED for child in job.vms),
            "totalFailedFiles": failed,
            "totalFailedFolders": 0,
            "isVisible": True,
            "isAged": job.aged,
            "isPreemptable": True,
            "errorType": 0,
            "alertColorLevel": 0,
            "statusColor": "black",
            "userName": {"userName": job.user, "userId": 1},
            "destClientName": job.client_name,
        }
        if job.retain_until is not None:
            found["retainUntil"] = seconds(job.retain_until)
        return found | self._tree(job)

    def _tree(self, job: Job) -> dict[str, Any]:
        """Return where a job belongs to; groups and plans may be gone since."""
        hypervisor = self._engine.shelf.find(Hypervisor, job.hypervisor_id)
        group = self._engine.shelf.find(VmGroup, job.group_id)
        if hypervisor is None or group is None:
            return {}
        plan = self._engine.shelf.find(Plan, group.plan_id)
        return {
            "subclientName": group.name,
            "backupSetName": "defaultBackupSet",
            "storagePolicy": {"storagePolicyName": "" if plan is None else plan.name},
            "subclient": {
                "clientId": hypervisor.id,
                "clientName": hypervisor.name,
                "applicationId": VIRTUAL_SERVER,
                "appName": "Virtual Server",
                "instanceId": hypervisor.instance_id,
                "instanceName": "Hyper-V",
                "backupsetId": hypervisor.backupset_id,
                "backupsetName": "defaultBackupSet",
                "subclientId": group.id,
                "subclientName": group.name,
            },
        }

    def child(self, job: Job, child: ChildJob) -> dict[str, Any]:
        """Return the job of one VM, which points to the job it is a part of [D]."""
        return {
            **self.summary(job),
            "jobId": child.id,
            "status": child.status.value,
            "localizedStatus": child.status.value,
            "percentComplete": child.percent,
            "pendingReason": child.reason,
            "jobStartTime": seconds(child.started_at or job.started_at),
            "jobEndTime": seconds(child.ended_at),
            "sizeOfApplication": _application_bytes(job, child),
            "sizeOfMediaOnDisk": child.written_bytes,
            "destClientName": child.name,
            "vsaParentJobID": job.id,
        }


def _application_bytes(job: Job, child: ChildJob) -> int:
    """Return what a job handled of a VM: of a backup what it read, the changes of an increment [?]."""
    return child.read_bytes if job.kind == "Backup" else child.size_bytes


def started(*jobs: Job) -> Answer:
    """Return the answer to started jobs, with the task of the first; ids of jobs are text [S]."""
    return Answer({"taskId": jobs[0].task_id, "jobIds": [str(job.id) for job in jobs]})


def vm_status(child: ChildJob) -> dict[str, Any]:
    """Return the row of a VM. What the numbers of `Status` mean is not documented [?]."""
    numbers = {Status.COMPLETED: 0, Status.FAILED: _FAILED_STATUS}
    return {
        "vmName": child.name,
        "GUID": child.vm,
        "Status": numbers.get(child.status, _WAITING_STATUS),
        "jobID": child.id,
        "Agent": child.agent,
        "FailureReason": child.reason,
        "TransportMode": "",
        "CBTStatus": child.changed_blocks,
        "PercentComplete": child.percent,
        "UsedSpace": child.size_bytes,
        "BackupStartTime": seconds(child.started_at),
        "BackupEndTime": seconds(child.ended_at),
    }
