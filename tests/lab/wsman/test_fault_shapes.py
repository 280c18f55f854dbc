"""The three shapes of a SOAP fault."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from tests.lab.wsman.conftest import PREFIXES

from safepoint_lab.wsman import cimfault
from safepoint_lab.wsman.answers import Stamp, fault
from safepoint_lab.wsman.cimfault import CimFault

STATUS = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/toy/v1/__ExtendedStatus"
NIL = f"{{{PREFIXES['xsi']}}}nil"


def detail_of(error: CimFault) -> ET.Element:
    root = ET.fromstring(fault(Stamp("toy01", "de-DE"), "uuid:1", error, "root/toy/v1"))
    assert root.findtext("s:Header/a:RelatesTo", "", PREFIXES) == "uuid:1"
    reason = root.find("s:Body/s:Fault/s:Reason/s:Text", PREFIXES)
    assert reason is not None
    assert reason.get("{http://www.w3.org/XML/1998/namespace}lang") == "de-DE"
    found = root.find("s:Body/s:Fault/s:Detail", PREFIXES)
    assert found is not None
    return found


def test_a_plain_fault_has_a_code_and_a_message() -> None:
    plain = detail_of(cimfault.timed_out()).find("f:WSManFault", PREFIXES)
    assert plain is not None
    assert (plain.get("Code"), plain.get("Machine")) == ("2150858793", "toy01")
    assert plain.findtext("f:Message", "", PREFIXES)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (cimfault.not_found(), None),
        (cimfault.invalid_class(), None),
        (cimfault.access_denied(cimfault.WMI_ACCESS_DENIED), str(0x80041003)),
        (cimfault.invalid_namespace(), str(0x8004100E)),
        (cimfault.invalid_query(), str(0x80041017)),
    ],
)
def test_a_provider_fault_nests_the_status(error: CimFault, status: str | None) -> None:
    provider = detail_of(error).find("f:WSManFault/f:Message/f:ProviderFault", PREFIXES)
    assert provider is not None
    inner = provider.find("f:WSManFault", PREFIXES)
    assert inner is not None
    assert inner.get("Code") == str(error.code)
    extended = provider.find(f"f:ExtendedError/{{{STATUS}}}__ExtendedStatus", PREFIXES)
    assert extended is not None
    code = extended[-1]
    assert code.tag == f"{{{STATUS}}}StatusCode"
    assert code.text == status
    assert (code.get(NIL) == "true") is (status is None)


def test_an_error_object_has_no_wsman_fault() -> None:
    detail = detail_of(cimfault.quota_error_object())
    assert detail.find("f:WSManFault", PREFIXES) is None
    assert detail.findtext("*/{*}error_Code") == "2150859174"
    assert detail.findtext("*/{*}MessageID") == "HRESULT 0x803381a6"


@pytest.mark.parametrize(
    ("error", "tail"),
    [
        (cimfault.invalid_context(), "enumeration/fault"),
        (cimfault.not_found(), "wsman/fault"),
        (cimfault.action_not_supported(), "addressing/fault"),
    ],
)
def test_the_action_of_a_fault_goes_by_its_subcode(error: CimFault, tail: str) -> None:
    root = ET.fromstring(fault(Stamp("toy01", "en-US"), "", error, ""))
    assert root.findtext("s:Header/a:Action", "", PREFIXES).endswith(tail)
