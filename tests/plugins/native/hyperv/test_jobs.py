"""Jobs: one look at a time; a vanished job is unknown, and numbers say why one failed."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.errors import (
    ConflictError,
    DriverError,
    PermissionDeniedError,
    QuiesceError,
    SafepointError,
    StorageFullError,
    UnreachableError,
    UnsupportedError,
    VendorFaultError,
)
from safepoint.models.checkpoints import OperationState
from safepoint_lab.wsman import MethodResult, Refused
from safepoint_native.cim import CimRef
from safepoint_native.hyperv.jobs import cancel_job, jobs_of_machine, look_at_job

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
JOB = CimRef("root/virtualization/v2", "Msvm_ConcreteJob", (("InstanceID", "J1"),))
ERROR = (
    '<INSTANCE CLASSNAME="Msvm_Error"><PROPERTY NAME="Message" TYPE="string">'
    "<VALUE>{}</VALUE></PROPERTY></INSTANCE>"
)


def job(host: Any, state: int, *messages: str, **properties: Any) -> None:
    host.job("J1", state, **properties)
    host.answers(
        "Msvm_ConcreteJob.GetErrorEx", 0, Errors=[ERROR.format(text) for text in messages]
    )


def look(host: Any) -> Any:
    return look_at_job(host.client, JOB, operation="CreateSnapshot")


@pytest.mark.parametrize("state", [2, 3, 4, 5, 6, 11, 4711])
def test_a_job_that_is_not_over_runs(host: Any, state: int) -> None:
    job(host, state)
    found = look(host)

    assert (found.state, found.percent) == (OperationState.RUNNING, 40)
    assert (found.native_state, found.job_type) == (str(state), 70)
    assert host.client.request_count == 1


def test_a_job_that_ended_well(host: Any) -> None:
    job(host, 7)
    found = look(host)

    assert (found.state, found.percent, found.warnings) == (OperationState.SUCCEEDED, 100, ())
    assert host.client.request_count == 1


def test_warnings_are_passed_on(host: Any) -> None:
    job(host, 32768, "Der Datenträger wurde ausgelassen.")
    found = look(host)

    assert found.state is OperationState.SUCCEEDED
    assert found.warnings == ("Der Datenträger wurde ausgelassen.",)


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("Die Datei existiert. (0x80070050).", ConflictError, "0x80070050"),
        ("Kein Platz (0x80070070)", StorageFullError, "0x80070070"),
        ("VSS (0x800423F4)", QuiesceError, "0x800423F4"),
        ("Netzpfad (0x80070035)", UnreachableError, "0x80070035"),
        ("Zugriff (0x80070005)", PermissionDeniedError, "0x80070005"),
        ("no number at all", VendorFaultError, "32768"),
        ("(0x12345678)", VendorFaultError, "32768"),
    ],
)
@pytest.mark.parametrize("where", ["errors", "description"])
def test_the_number_in_the_text_says_why(
    host: Any, text: str, kind: type[SafepointError], code: str, where: str
) -> None:
    if where == "errors":
        job(host, 10, text, ErrorCode=32768)
    else:
        job(host, 10, ErrorCode=32768, ErrorDescription=text)
    found = look(host)

    assert found.state is OperationState.FAILED
    assert type(found.error) is kind
    assert isinstance(found.error, DriverError)
    assert found.error.native_code == code
    assert found.error.native_message == text
    assert text not in found.error.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [(32775, ConflictError), (32769, PermissionDeniedError)],
)
def test_without_a_number_in_the_text_the_code_decides(
    host: Any, code: int, kind: type[SafepointError]
) -> None:
    job(host, 10, ErrorCode=code)

    assert type(look(host).error) is kind


def test_what_the_host_does_not_support_is_said_so(host: Any) -> None:
    job(host, 10, ErrorCode=32770)

    assert type(look(host).error) is UnsupportedError


@pytest.mark.parametrize("state", [8, 9])
def test_a_job_that_somebody_stopped(host: Any, state: int) -> None:
    job(host, state)
    found = look(host)

    assert found.state is OperationState.FAILED
    assert "stopped on the host" in found.error.message


def test_a_finished_state_with_an_error_code_is_a_failure(host: Any) -> None:
    job(host, 7, ErrorCode=32768)

    assert look(host).state is OperationState.FAILED


def test_a_vanished_job_is_unknown_and_not_failed(host: Any) -> None:
    found = look(host)

    assert (found.state, found.error) == (OperationState.UNKNOWN, None)


def test_a_running_job_is_asked_to_stop(host: Any) -> None:
    job(host, 4)
    host.answers("Msvm_ConcreteJob.RequestStateChange", 0)
    cancel_job(host.client, JOB)

    assert [call.arguments for call in host.calls] == [{"RequestedState": 4}]


@pytest.mark.parametrize("state", [7, 10, None])
def test_stopping_what_is_over_does_nothing(host: Any, state: int | None) -> None:
    if state is not None:
        job(host, state)
    cancel_job(host.client, JOB)

    assert host.calls == []


def test_a_job_that_cannot_be_stopped_says_so(host: Any) -> None:
    def refuse(_call: Any) -> MethodResult:
        raise Refused(4097)

    job(host, 4)
    host.methods["Msvm_ConcreteJob.RequestStateChange"] = refuse
    with pytest.raises(ConflictError, match="4097"):
        cancel_job(host.client, JOB)


def test_the_jobs_of_a_vm(host: Any) -> None:
    host.machine(A, "sql01")
    found = host.job("J1", 7, JobType=72)
    host.affected(
        found,
        host.ref("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=A),
        [0],
    )

    (status,) = jobs_of_machine(host.client, A)
    assert (status.ref.key("InstanceID"), status.job_type) == ("J1", 72)
