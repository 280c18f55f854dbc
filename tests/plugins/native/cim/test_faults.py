"""Faults: every documented number has its class, and words never decide."""

from __future__ import annotations

import pytest

from safepoint.errors import (
    BusyError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    SafepointError,
    ThrottledError,
    TransientError,
    UnreachableError,
    VendorFaultError,
)
from safepoint_native.cim.document import read_xml
from safepoint_native.cim.faults import (
    FAULT_RULES,
    SUBCODE_RULES,
    WMI_RULES,
    AnswerTooLargeError,
    ClassAbsentError,
    EnumerationLostError,
    Fault,
    fault_error,
    read_fault,
)

#: The documented fault codes and the class each must become, written down here a second time.
EXPECTED = {
    5: PermissionDeniedError,
    **dict.fromkeys((2150858752,), NotFoundError),
    **dict.fromkeys((2150858770, 2150858772), UnreachableError),
    **dict.fromkeys((2150858779, 2150858780), EnumerationLostError),
    **dict.fromkeys(
        (2150858790, 2150858805, 2150858823, 2150858824, 2150858825), AnswerTooLargeError
    ),
    **dict.fromkeys((2150858793, 2150858815, 2150859174), ThrottledError),
    2150858802: BusyError,
    2150859010: TransientError,
    **dict.fromkeys(
        (
            *(2150858753, 2150858754, 2150858771, 2150858776, 2150858777, 2150858778),
            *(2150858810, 2150858813, 2150858817, 2150858819, 2150858836, 2150858837),
            *(2150858842, 2150858843),
        ),
        InvalidRequestError,
    ),
}
EXPECTED_WMI = {
    0x80041001: TransientError,
    0x80041002: NotFoundError,
    0x80041003: PermissionDeniedError,
    0x80041008: InvalidRequestError,
    0x8004100E: ClassAbsentError,
    0x80041010: ClassAbsentError,
    0x80041017: InvalidRequestError,
    0x8004102F: InvalidRequestError,
    0x8004106C: ThrottledError,
}
EXTENDED = """
<s:Fault xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Code><s:Value>s:Sender</s:Value>
<s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code><s:Detail>
<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150859010">
<f:Message><f:ProviderFault><f:WSManFault Code="1"/><f:ExtendedError>
<p:__ExtendedStatus xmlns:p="urn:x"><p:StatusCode>{status}</p:StatusCode></p:__ExtendedStatus>
</f:ExtendedError></f:ProviderFault></f:Message></f:WSManFault></s:Detail></s:Fault>
"""
MI_ERROR = """
<s:Fault xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Code><s:Value>s:Receiver</s:Value>
<s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code><s:Detail>
<p:MSFT_WmiError xmlns:p="urn:x"><p:CIMStatusCode>27</p:CIMStatusCode>
<p:error_Code>2150859174</p:error_Code></p:MSFT_WmiError></s:Detail></s:Fault>
"""


def error_of(fault: Fault, *, changes: bool = False) -> SafepointError:
    return fault_error(fault, operation="CreateSnapshot", node="hv01", changes=changes)


def test_no_documented_code_is_unmapped_and_none_is_invented() -> None:
    assert set(FAULT_RULES) == set(EXPECTED)
    assert set(WMI_RULES) == set(EXPECTED_WMI)


@pytest.mark.parametrize(("code", "kind"), EXPECTED.items())
def test_each_code_becomes_its_class(code: int, kind: type[DriverError]) -> None:
    error = error_of(Fault(code, "Whatever", "Wörter"))

    assert type(error) is kind
    assert error.operation == "CreateSnapshot"
    assert error.system == "hv01"
    assert error.native_code
    assert error.native_message == "Wörter"
    assert error.native_code in error.message


@pytest.mark.parametrize(("status", "kind"), EXPECTED_WMI.items())
def test_a_wmi_status_inside_tells_more_than_the_code_outside(
    status: int, kind: type[DriverError]
) -> None:
    assert type(error_of(Fault(2150859010, "InternalError", "", wmi_status=status))) is kind


@pytest.mark.parametrize("subcode", SUBCODE_RULES)
def test_a_fault_without_known_number_is_judged_by_its_subcode(subcode: str) -> None:
    assert type(error_of(Fault(None, subcode, ""))) is SUBCODE_RULES[subcode].error


def test_a_missing_class_is_told_from_a_missing_object() -> None:
    assert type(error_of(Fault(2150858752, "DestinationUnreachable", ""))) is NotFoundError
    absent = Fault(2150858752, "DestinationUnreachable", "", detail="InvalidResourceURI")
    assert type(error_of(absent)) is ClassAbsentError


def test_what_nobody_knows_is_the_vendors_fault() -> None:
    assert type(error_of(Fault(4711, "Strange", ""))) is VendorFaultError


@pytest.mark.parametrize("code", [2150858793, 2150859010, 4711])
def test_after_a_change_an_uncertain_fault_is_an_unknown_outcome(code: int) -> None:
    assert type(error_of(Fault(code, "", ""), changes=True)) is OutcomeUnknownError


@pytest.mark.parametrize("code", [5, 2150858752, 2150858815, 2150858817, 2150858837])
def test_after_a_change_a_refusal_stays_a_refusal(code: int) -> None:
    assert type(error_of(Fault(code, "", ""), changes=True)) is EXPECTED[code]


@pytest.mark.parametrize("status", ["2147749891", "-2147217405", "0x80041003"])
def test_a_status_is_read_in_every_spelling(status: str) -> None:
    fault = read_fault(read_xml(EXTENDED.format(status=status), what="a fault"))

    assert fault.code == 2150859010
    assert fault.wmi_status == 0x80041003
    assert fault.number == "0x80041003"


def test_an_empty_status_counts_as_none() -> None:
    fault = read_fault(read_xml(EXTENDED.format(status=""), what="a fault"))

    assert fault.wmi_status is None
    assert fault.number == "0x80338102"


def test_the_error_object_of_the_newer_interface_is_read() -> None:
    fault = read_fault(read_xml(MI_ERROR, what="a fault"))

    assert fault.code == 2150859174
    assert type(error_of(fault)) is ThrottledError


def test_a_small_code_is_shown_as_it_is() -> None:
    assert Fault(5, "AccessDenied", "").number == "5"
