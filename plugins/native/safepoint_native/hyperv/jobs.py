"""Following what a host works on: one look at a time, and what a failure means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safepoint.errors import NotFoundError, SafepointError, VendorFaultError
from safepoint.models.checkpoints import OperationState
from safepoint_native.cim.client import CimClient, InvokeResult
from safepoint_native.cim.faults import Rule, make_error
from safepoint_native.cim.hresults import hresults_in, rule_for_hresults
from safepoint_native.cim.jobs import JobState, JobStatus
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.return_codes import return_code_error
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import object_path
from safepoint_native.hyperv.schema import V2, VSSD, vm_ref

__all__ = [
    "JobLook",
    "Started",
    "cancel_job",
    "created_elements",
    "failure_of",
    "jobs_of_machine",
    "look_at_job",
]

_CREATED = 5
_TERMINATE = 4


@dataclass(frozen=True)
class Started:
    """What an asynchronous call answered."""

    operation: str
    """The method, for messages."""
    job: CimRef | None
    """None when the host did it at once."""
    outputs: CimRow

    @classmethod
    def of(cls, operation: str, result: InvokeResult) -> Started:
        """Wrap the answer of `CimClient.invoke`."""
        return cls(operation, result.job, result.outputs)


@dataclass(frozen=True)
class JobLook:
    """One look at a job."""

    state: OperationState
    """UNKNOWN when the host forgot the job: it may have ended any way; look for the effect."""
    percent: int = 0
    error: SafepointError | None = None
    """For FAILED: what it means."""
    warnings: tuple[str, ...] = ()
    """For SUCCEEDED: the host's own words, possibly localised."""
    native_state: str = ""
    job_type: int = 0


def look_at_job(client: CimClient, job: CimRef, *, operation: str) -> JobLook:
    """Look once.

    Jobs vanish minutes after their end, on a restart of the service, and when their VM moves to
    another node: a vanished job is UNKNOWN, never failed.
    """
    try:
        status = client.job(job)
    except NotFoundError:
        return JobLook(OperationState.UNKNOWN)
    native = str(status.native_state)
    if not status.is_over:
        state = OperationState.RUNNING
        return JobLook(state, status.percent, native_state=native, job_type=status.job_type)
    if status.has_succeeded:
        warnings = _messages(client.job_errors(job)) if status.has_warnings else ()
        state = OperationState.SUCCEEDED
        return JobLook(
            state, 100, warnings=warnings, native_state=native, job_type=status.job_type
        )
    error = failure_of(client, status, operation=operation)
    return JobLook(
        OperationState.FAILED,
        status.percent,
        error,
        native_state=native,
        job_type=status.job_type,
    )


def failure_of(client: CimClient, status: JobStatus, *, operation: str) -> SafepointError:
    """Return what the failure of a job means.

    A Windows error number in the job's texts says more than its general code, so it comes
    first; the texts themselves are only passed on.
    """
    texts = [*_messages(client.job_errors(status.ref)), status.description]
    words = next((text for text in texts if text), "")
    known = rule_for_hresults(hresults_in(texts), operation)
    if known is not None:
        number, rule = known
        return make_error(
            rule,
            operation=operation,
            node=client.node,
            native_code=f"0x{number:08X}",
            native_message=words,
        )
    if status.error_code == 0:
        stopped = status.state in {JobState.TERMINATED, JobState.KILLED}
        why = "the job was stopped on the host" if stopped else "the job failed without a code"
        rule = Rule(
            VendorFaultError, why, "See the host's Hyper-V-VMMS event log, then run again."
        )
        return make_error(
            rule,
            operation=operation,
            node=client.node,
            native_code=f"JobState {status.native_state}",
            native_message=words,
        )
    return return_code_error(
        status.error_code,
        operation=operation,
        node=client.node,
        changes=False,
        native_message=words,
    )


def created_elements(
    client: CimClient, started: Started, output: str, class_name: str = VSSD
) -> tuple[CimRef, ...]:
    """Return what a finished call created.

    Hosts leave the output out of the answer and list the result under the job once it has
    ended [recorded]; both places are read. Empty when the host forgot the job.

    Args:
        client: The node the call went to.
        started: Its answer.
        output: The name of the output that would hold the result.
        class_name: The class of the result.
    """
    told = [item for item in started.outputs.items(output) if isinstance(item, CimRef)]
    if told or started.job is None:
        return tuple(told)
    try:
        rows = client.affected_elements(started.job)
    except NotFoundError:
        return ()
    return tuple(
        ref for ref, effects in rows if ref.class_name == class_name and _CREATED in effects
    )


def jobs_of_machine(client: CimClient, vm_id: str) -> list[JobStatus]:
    """Return the jobs the host still remembers for a VM.

    For finished jobs; hosts link a job to its VM only when it has ended [recorded].
    """
    path = object_path(vm_ref(vm_id).class_name, dict(vm_ref(vm_id).keys))
    wql = f"ASSOCIATORS OF {path} WHERE AssocClass = Msvm_AffectedJobElement"
    found = []
    for row in client.query(V2, wql):
        if "JobState" in row:
            keys = (("InstanceID", row.need_text("InstanceID")),)
            found.append(JobStatus.from_row(CimRef(V2, row.class_name, keys), row))
    return found


def cancel_job(client: CimClient, job: CimRef) -> None:
    """Ask a job to stop; one that has ended or is forgotten stays as it is.

    Raises:
        ConflictError: the job cannot be stopped now.
    """
    try:
        status = client.job(job)
        if not status.is_over:
            client.invoke(job, "RequestStateChange", {"RequestedState": _TERMINATE}, changes=True)
    except NotFoundError:
        # It ended and was forgotten between our looks: there is nothing left to stop.
        return


def _messages(errors: Sequence[CimRow]) -> tuple[str, ...]:
    return tuple(text for row in errors if (text := row.text("Message")))
