"""`Msvm_ConcreteJob` and `Msvm_StorageJob`: rows, errors, cancelling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safepoint_lab.hyperv import schemas
from safepoint_lab.hyperv.captions import job_caption, job_status
from safepoint_lab.hyperv.host import Host, instance
from safepoint_lab.world.enums import JobState
from safepoint_lab.world.model import JOB_REMOVAL, Job, NotHereError
from safepoint_lab.wsman import instance_text
from safepoint_lab.wsman.cimfault import Refused
from safepoint_lab.wsman.values import CimInstance, MethodCall, MethodResult

__all__ = [
    "CLASSES",
    "CONCRETE",
    "STORAGE",
    "concrete_rows",
    "get_error",
    "get_error_ex",
    "known",
    "request_state_change",
    "storage_rows",
]

CONCRETE = "Msvm_ConcreteJob"
STORAGE = "Msvm_StorageJob"
CLASSES = (CONCRETE, STORAGE)
_INVALID_TRANSITION = 4097
_OPERATIONAL = {JobState.EXCEPTION: 6, JobState.TERMINATED: 10, JobState.KILLED: 10}
_COMPLETED_STATUS = 17


def known(host: Host) -> list[Job]:
    """Return every job this node still remembers."""
    if host.restricted:
        return []
    return [*host.world.jobs(host.name), *host.desk.jobs(host.name, host.world.now())]


def concrete_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the jobs of the plain class."""
    return (_row(host, job) for job in known(host) if job.class_name == CONCRETE)


def storage_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the jobs of the image service."""
    return (_row(host, job) for job in known(host) if job.class_name == STORAGE)


def request_state_change(host: Host, call: MethodCall) -> MethodResult:
    """Terminate (4) or kill (5) a job."""
    job = _target(host, call)
    requested = call.arguments.get("RequestedState")
    if job.finished:
        raise Refused(_INVALID_TRANSITION)
    host.world.cancel_job(job.guid, requested if isinstance(requested, int) else 0, node=host.name)
    return MethodResult(0)


def get_error(host: Host, call: MethodCall) -> MethodResult:
    """Return the first error of a job as INSTANCE text; none when it has none."""
    texts = _errors(_target(host, call))
    return MethodResult(0, {"Error": texts[0]} if texts else {})


def get_error_ex(host: Host, call: MethodCall) -> MethodResult:
    """Return all errors and warnings of a job."""
    texts = _errors(_target(host, call))
    return MethodResult(0, {"Errors": list(texts)} if texts else {})


def _target(host: Host, call: MethodCall) -> Job:
    wanted = (call.target.key("InstanceID") or "").upper()
    for job in known(host):
        if job.guid.upper() == wanted:
            return job
    msg = f"no job {wanted} on {host.name}"
    raise NotHereError(msg)


def _row(host: Host, job: Job) -> CimInstance:
    end = job.finished_at or host.world.now()
    status = _COMPLETED_STATUS if job.finished else 2
    return instance(
        job.class_name,
        Cancellable=job.cancellable and not job.finished,
        Caption=job_caption(job.type, job.caption, host.locale),
        DeleteOnCompletion=False,
        ElapsedTime=end - job.started_at,
        ElementName=job_caption(job.type, job.caption, host.locale),
        ErrorCode=job.error_code,
        ErrorDescription=job.error_description,
        ErrorSummaryDescription=job.error_summary or job.error_description,
        HealthState=5,
        InstanceID=job.guid,
        JobState=int(job.state),
        JobStatus=job_status(job.state, host.locale),
        JobType=int(job.type),
        LocalOrUtcTime=2,
        OperationalStatus=[_OPERATIONAL.get(job.state, status)],
        PercentComplete=job.percent,
        StartTime=host.local(job.started_at),
        TimeBeforeRemoval=JOB_REMOVAL,
        TimeOfLastStateChange=host.local(end),
        TimeSubmitted=host.local(job.started_at),
    )


def _errors(job: Job) -> list[str]:
    schema = schemas.load(schemas.VIRTUALIZATION)
    messages = job.messages or [job.error_description or ""]
    rows = (
        instance(
            "Msvm_Error",
            CIMStatusCode=1,
            ErrorSource=(job.vm or "").partition("@")[0] or None,
            Message=message,
            MessageID=str(job.error_code),
            PerceivedSeverity=4 if job.error_code else 3,
        )
        for message in messages
        if message
    )
    return [instance_text.write(row, schema) for row in rows]
