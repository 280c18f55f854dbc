"""The client: complete lists or none, nothing repeated, and honest about lost answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from safepoint.errors import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    ThrottledError,
    UnreachableError,
    UnsupportedError,
)
from safepoint_native.cim import (
    AnswerLostError,
    AnswerTooLargeError,
    CimRef,
    ClassAbsentError,
    JobState,
)

V2 = "root/virtualization/v2"
VM = CimRef(V2, "Msvm_ComputerSystem", (("Name", "X"),))
JOB = CimRef(V2, "Msvm_ConcreteJob", (("InstanceID", "J1"),))
WQL = "SELECT * FROM C"
LOST = AnswerLostError("hv01: the connection broke", system="hv01")


def rows(soap: Any, *values: int) -> str:
    return "".join(soap.instance("C", f"<p:A>{value}</p:A>") for value in values)


def test_a_query_collects_all_pages_and_follows_the_newest_context(
    soap: Any, scripted: Any
) -> None:
    client, host = scripted(
        soap.answer(soap.first_page(rows(soap, 1, 2), context="uuid:1")),
        soap.answer(soap.next_page(rows(soap, 3), context="uuid:2")),
        soap.answer(soap.next_page("", context="uuid:3")),
        soap.answer(soap.next_page(rows(soap, 4), last=True)),
    )

    found = client.query(V2, WQL)

    assert [row.integer("A") for row in found] == [1, 2, 3, 4]
    assert [f"uuid:{n}</n:EnumerationContext>" in host.sent[n] for n in (1, 2, 3)] == [True] * 3
    assert client.requests == {"Enumerate": 1, "Pull": 3}
    assert client.request_count == 4


def test_a_query_that_fits_one_answer_is_one_request(soap: Any, scripted: Any) -> None:
    client, _ = scripted(soap.answer(soap.first_page(rows(soap, 1), last=True)))

    assert len(client.query(V2, WQL)) == 1
    assert client.request_count == 1


@pytest.mark.parametrize("break_at", [0, 1, 2])
def test_a_broken_list_raises_and_is_never_a_short_one(
    soap: Any, scripted: Any, break_at: int
) -> None:
    script: list[Any] = [
        soap.answer(soap.first_page(rows(soap, 1), context="uuid:1")),
        soap.answer(soap.next_page(rows(soap, 2), context="uuid:2")),
        soap.answer(soap.next_page(rows(soap, 3), last=True)),
    ]
    script[break_at] = LOST
    client, host = scripted(*script)

    with pytest.raises(UnreachableError):
        client.query(V2, WQL)
    assert len(host.sent) == break_at + 1


def test_a_forgotten_query_is_asked_anew_once(soap: Any, scripted: Any) -> None:
    forgotten = soap.answer(soap.fault(2150858779, subcode="n:InvalidEnumerationContext"))
    client, _ = scripted(
        soap.answer(soap.first_page(rows(soap, 1), context="uuid:1")),
        forgotten,
        soap.answer(soap.first_page(rows(soap, 1, 2), last=True)),
    )

    assert [row.integer("A") for row in client.query(V2, WQL)] == [1, 2]


def test_a_query_forgotten_twice_raises(soap: Any, scripted: Any) -> None:
    first = soap.answer(soap.first_page(rows(soap, 1), context="uuid:1"))
    forgotten = soap.answer(soap.fault(2150858779, subcode="n:InvalidEnumerationContext"))
    client, host = scripted(first, forgotten, first, forgotten)

    with pytest.raises(Exception, match="forgot the running query"):
        client.query(V2, WQL)
    assert len(host.sent) == 4


def test_an_answer_too_large_is_asked_for_in_smaller_pages(soap: Any, scripted: Any) -> None:
    too_large = soap.answer(soap.fault(2150858824, subcode="w:EncodingLimit"))
    client, host = scripted(
        too_large,
        too_large,
        soap.answer(soap.first_page(rows(soap, 1), context="uuid:1")),
        soap.answer(soap.next_page(rows(soap, 2), last=True)),
        page_rows=40,
    )

    assert [row.integer("A") for row in client.query(V2, WQL)] == [1, 2]
    asked = [text.partition("MaxElements>")[2].partition("<")[0] for text in host.sent]
    assert asked == ["40", "10", "2", "2"]


def test_a_single_row_too_large_raises(soap: Any, scripted: Any) -> None:
    too_large = soap.answer(soap.fault(2150858824, subcode="w:EncodingLimit"))
    client, _ = scripted(too_large, too_large, page_rows=3)

    with pytest.raises(AnswerTooLargeError):
        client.query(V2, WQL)


def test_a_list_without_end_and_without_rows_is_given_up(soap: Any, scripted: Any) -> None:
    empty = soap.answer(soap.next_page("", context="uuid:1"))
    client, _ = scripted(soap.answer(soap.first_page("", context="uuid:1")), *[empty] * 300)

    with pytest.raises(ProtocolError, match="without end"):
        client.query(V2, WQL)


def test_an_early_stop_releases_the_query(soap: Any, scripted: Any) -> None:
    client, host = scripted(
        soap.answer(soap.first_page(rows(soap, 1), context="uuid:1")),
        soap.answer(""),
    )

    assert len(client.query(V2, WQL, limit=1)) == 1
    assert "enumeration/Release<" in host.sent[1]


def test_a_refused_release_does_not_spoil_the_rows(soap: Any, scripted: Any) -> None:
    client, _ = scripted(soap.answer(soap.first_page(rows(soap, 1, 2), context="uuid:1")), LOST)

    assert len(client.query(V2, WQL, limit=1)) == 1


def test_a_fault_with_http_200_is_a_fault(soap: Any, scripted: Any) -> None:
    client, _ = scripted(soap.answer(soap.fault(5, subcode="w:AccessDenied")))

    with pytest.raises(PermissionDeniedError, match="hv01: Enumerate: access denied"):
        client.query(V2, WQL)


def test_get_returns_the_row_with_its_reference(soap: Any, scripted: Any) -> None:
    client, _ = scripted(soap.answer(soap.instance("Msvm_ComputerSystem", "<p:Name>X</p:Name>")))

    row = client.get(VM)
    assert row.text("Name") == "X"
    assert row.ref == VM


def test_a_method_done_at_once_has_no_job(soap: Any, scripted: Any) -> None:
    inner = '<p:Job xsi:nil="true"/><p:ReturnValue>0</p:ReturnValue><p:Size>5</p:Size>'
    client, _ = scripted(soap.answer(soap.outputs("GetSize", inner)))

    result = client.invoke(VM, "GetSize", changes=False)
    assert result.job is None
    assert result.outputs.integer("Size") == 5
    assert client.requests == {"GetSize": 1}


def test_a_started_job_is_returned(soap: Any, scripted: Any) -> None:
    job = soap.endpoint("Msvm_ConcreteJob", InstanceID="J1")
    inner = f"<p:Job>{job}</p:Job><p:ReturnValue>4096</p:ReturnValue>"
    client, _ = scripted(soap.answer(soap.outputs("CreateSnapshot", inner)))

    assert client.invoke(VM, "CreateSnapshot", changes=True).job == JOB


@pytest.mark.parametrize(
    ("value", "kind"),
    [(32775, ConflictError), (32770, UnsupportedError), (32769, PermissionDeniedError)],
)
def test_a_refusal_in_http_200_raises(soap: Any, scripted: Any, value: int, kind: type) -> None:
    inner = f"<p:ReturnValue>{value}</p:ReturnValue>"
    client, _ = scripted(soap.answer(soap.outputs("CreateSnapshot", inner)))

    with pytest.raises(kind, match=str(value)):
        client.invoke(VM, "CreateSnapshot", changes=True)


def garbage() -> list[Any]:
    return [
        LOST,
        b"<html>busy</html>",
        b"<s:Envelope",
        b"",
    ]


@pytest.mark.parametrize("answer", garbage())
def test_a_change_without_usable_answer_has_an_unknown_outcome(scripted: Any, answer: Any) -> None:
    client, host = scripted(answer)

    with pytest.raises(OutcomeUnknownError, match="CreateSnapshot was sent") as caught:
        client.invoke(VM, "CreateSnapshot", changes=True)
    assert "Look for the effect" in caught.value.hint
    assert len(host.sent) == 1


@pytest.mark.parametrize("answer", garbage())
def test_a_reading_call_without_usable_answer_keeps_its_own_error(
    scripted: Any, answer: Any
) -> None:
    client, _ = scripted(answer)

    with pytest.raises((UnreachableError, ProtocolError)):
        client.invoke(VM, "GetSize", changes=False)


@pytest.mark.parametrize("inner", ["", "<p:ReturnValue>words</p:ReturnValue>", "<p:Job>x</p:Job>"])
def test_a_change_with_an_answer_nobody_understands_has_an_unknown_outcome(
    soap: Any, scripted: Any, inner: str
) -> None:
    client, _ = scripted(soap.answer(soap.outputs("CreateSnapshot", inner)))

    with pytest.raises(OutcomeUnknownError):
        client.invoke(VM, "CreateSnapshot", changes=True)


def test_a_job_that_is_not_named_is_an_unknown_outcome(soap: Any, scripted: Any) -> None:
    inner = '<p:Job xsi:nil="true"/><p:ReturnValue>4096</p:ReturnValue>'
    client, _ = scripted(soap.answer(soap.outputs("CreateSnapshot", inner)))

    with pytest.raises(OutcomeUnknownError, match="without saying which"):
        client.invoke(VM, "CreateSnapshot", changes=True)


def test_an_operation_timeout_is_unknown_for_a_change_and_patience_for_a_read(
    soap: Any, scripted: Any
) -> None:
    timeout = soap.answer(soap.fault(2150858793, subcode="w:TimedOut"))
    client, _ = scripted(timeout, timeout)

    with pytest.raises(OutcomeUnknownError):
        client.invoke(VM, "CreateSnapshot", changes=True)
    with pytest.raises(ThrottledError):
        client.get(VM)


def test_nothing_sent_is_no_unknown_outcome(scripted: Any) -> None:
    client, _ = scripted(UnreachableError("hv01: cannot be reached", system="hv01"))

    with pytest.raises(UnreachableError):
        client.invoke(VM, "CreateSnapshot", changes=True)


def test_an_answer_to_another_request_is_refused(soap: Any, scripted: Any) -> None:
    other = soap.envelope(soap.instance("C", ""), relates_to="uuid:OTHER")
    client, _ = scripted(other)

    with pytest.raises(ProtocolError, match="another request"):
        client.get(VM)


def job_row(soap: Any, state: int, *, code: int = 0, more: str = "") -> Any:
    inner = (
        "<p:Cancellable>true</p:Cancellable>"
        f"<p:ErrorCode>{code}</p:ErrorCode><p:ErrorDescription>{more}</p:ErrorDescription>"
        f"<p:JobState>{state}</p:JobState><p:JobType>70</p:JobType>"
        "<p:PercentComplete>40</p:PercentComplete>"
        "<p:StartTime><cim:Datetime>2026-01-12T22:00:01Z</cim:Datetime></p:StartTime>"
    )
    return soap.answer(soap.instance("Msvm_ConcreteJob", inner))


@pytest.mark.parametrize(
    ("state", "code", "is_over", "has_succeeded"),
    [
        (2, 0, False, False),
        (3, 0, False, False),
        (4, 0, False, False),
        (5, 0, False, False),
        (6, 0, False, False),
        (7, 0, True, True),
        (7, 32768, True, False),
        (8, 0, True, False),
        (9, 0, True, False),
        (10, 32768, True, False),
        (11, 0, False, False),
        (32768, 0, True, True),
        (4711, 0, False, False),
    ],
)
def test_every_state_of_a_job(
    soap: Any, scripted: Any, state: int, code: int, is_over: bool, has_succeeded: bool
) -> None:
    client, _ = scripted(job_row(soap, state, code=code))
    status = client.job(JOB)

    assert (status.is_over, status.has_succeeded) == (is_over, has_succeeded)
    assert status.native_state == state
    assert status.has_warnings is (state == 32768)
    assert (status.percent, status.job_type, status.is_cancellable) == (40, 70, True)


def test_a_state_nobody_knows_is_unknown(soap: Any, scripted: Any) -> None:
    client, _ = scripted(job_row(soap, 4711))

    assert client.job(JOB).state is JobState.UNKNOWN


def test_a_vanished_job_is_not_found(soap: Any, scripted: Any) -> None:
    gone = soap.answer(soap.fault(2150858752, subcode="a:DestinationUnreachable"))
    client, _ = scripted(gone, gone)

    with pytest.raises(NotFoundError):
        client.job(JOB)
    assert client.job_errors(JOB) == []


def test_the_errors_of_a_job_are_read_from_their_text(soap: Any, scripted: Any) -> None:
    text = (
        '&lt;INSTANCE CLASSNAME="Msvm_Error"&gt;&lt;PROPERTY NAME="Message" TYPE="string"&gt;'
        "&lt;VALUE&gt;Datei existiert (0x80070050)&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;"
    )
    inner = (
        f"<p:Errors>{text}</p:Errors><p:Errors>{text}</p:Errors><p:ReturnValue>0</p:ReturnValue>"
    )
    client, _ = scripted(soap.answer(soap.outputs("GetErrorEx", inner)))

    assert [row.text("Message") for row in client.job_errors(JOB)] == [
        "Datei existiert (0x80070050)"
    ] * 2


def test_what_a_job_touched(soap: Any, scripted: Any) -> None:
    made = soap.endpoint("Msvm_VirtualSystemSettingData", InstanceID="Microsoft:1")
    rows = soap.instance(
        "Msvm_AffectedJobElement",
        f"<p:AffectedElement>{made}</p:AffectedElement><p:ElementEffects>5</p:ElementEffects>",
    )
    client, host = scripted(soap.answer(soap.first_page(rows, last=True)))

    found = client.affected_elements(JOB)

    assert [(ref.key("InstanceID"), effects) for ref, effects in found] == [
        ("Microsoft:1", frozenset({5}))
    ]
    assert 'REFERENCES OF {Msvm_ConcreteJob.InstanceID="J1"}' in host.sent[0]


def test_a_missing_class_is_told_apart(soap: Any, scripted: Any) -> None:
    fault = soap.fault(2150858752, subcode="a:DestinationUnreachable").replace(
        "<s:Detail>", "<s:Detail><w:FaultDetail>http://x/InvalidResourceURI</w:FaultDetail>"
    )
    client, _ = scripted(soap.answer(fault))

    with pytest.raises(ClassAbsentError):
        client.query("root/MSCluster", WQL)


def test_counts_are_right_under_many_threads(soap: Any, scripted: Any) -> None:
    client, _ = scripted(*[soap.answer(soap.instance("C", "")) for _ in range(200)])
    threads = [
        threading.Thread(target=lambda: [client.get(VM) for _ in range(25)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert client.request_count == 200


def test_closing_closes_the_transport(scripted: Any) -> None:
    client, host = scripted()
    client.close()

    assert host.closed == 1
