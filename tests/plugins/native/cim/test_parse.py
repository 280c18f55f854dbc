"""Answers: nothing is believed before it is checked, and every variant of NULL is NULL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from safepoint.errors import ProtocolError
from safepoint_native.cim import CimRef, names
from safepoint_native.cim.faults import Fault
from safepoint_native.cim.parse import read_body, read_identity, read_outputs, read_page, read_row


def body(soap: Any, inner: str) -> Element:
    found = read_body(soap.envelope(inner, relates_to="uuid:1"), message_id="uuid:1", node="hv01")
    assert not isinstance(found, Fault)
    return found


def test_an_html_page_is_refused_with_a_hint() -> None:
    with pytest.raises(ProtocolError, match="hv01 is an HTML page") as caught:
        read_body(b"<html><body>Welcome</body></html>", message_id="", node="hv01")

    assert "proxy" in caught.value.hint


@pytest.mark.parametrize(
    "answer", [b"<x/>", b"not xml", b"", b"<!DOCTYPE html><html></html>", b"<Envelope/>"]
)
def test_what_is_no_envelope_is_refused(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_body(answer, message_id="", node="hv01")


def test_an_answer_to_another_request_is_refused(soap: Any) -> None:
    with pytest.raises(ProtocolError, match="another request"):
        read_body(soap.envelope("<x/>", relates_to="uuid:2"), message_id="uuid:1", node="hv01")


def test_the_relation_is_compared_without_case(soap: Any) -> None:
    answer = soap.envelope("<x/>", relates_to="UUID:AB")

    assert read_body(answer, message_id="uuid:ab", node="hv01") is not None


def test_an_envelope_without_body_is_refused() -> None:
    answer = f'<s:Envelope xmlns:s="{names.SOAP}"/>'.encode()

    with pytest.raises(ProtocolError, match="no SOAP body"):
        read_body(answer, message_id="", node="hv01")


def test_a_fault_is_a_fault_whatever_it_relates_to(soap: Any) -> None:
    answer = soap.envelope(soap.fault(5, subcode="w:AccessDenied"), relates_to="")

    assert read_body(answer, message_id="uuid:1", node="hv01") == Fault(
        5, "AccessDenied", "Zugriff verweigert."
    )


def test_an_instance_with_every_kind_of_value(soap: Any) -> None:
    inner = (
        "<p:Caption>Virtueller Computer</p:Caption>"
        "<p:Created><cim:Datetime>2025-12-17T09:55:22.702341Z</cim:Datetime></p:Created>"
        "<p:Empty></p:Empty>"
        "<p:Lasts><cim:Interval>P0DT0H5M0S</cim:Interval></p:Lasts>"
        "<p:Name>5F3A</p:Name>"
        '<p:Nothing xsi:nil="true"/>'
        "<p:OperationalStatus>2</p:OperationalStatus><p:OperationalStatus>32772</p:OperationalStatus>"
        f"<p:Owner>{soap.endpoint('Msvm_ComputerSystem', Name='X')}</p:Owner>"
        '<p:Private xsi:type="q:Props_Type"><p:VmID>V</p:VmID></p:Private>'
    )
    row = read_row(body(soap, soap.instance("Msvm_ComputerSystem", inner)))

    assert (row.class_name, row.namespace) == ("Msvm_ComputerSystem", "root/virtualization/v2")
    assert row.moment("Created") == datetime(2025, 12, 17, 9, 55, 22, 702341, tzinfo=UTC)
    assert row.duration("Lasts") == timedelta(minutes=5)
    assert row.text("Empty") == ""
    assert row.text("Nothing") is None
    assert row.integers("OperationalStatus") == (2, 32772)
    assert row.reference("Owner") == CimRef(
        "root/virtualization/v2", "Msvm_ComputerSystem", (("Name", "X"),)
    )
    nested = row.nested("Private")
    assert nested is not None
    assert (nested.class_name, nested.text("VmID")) == ("Props", "V")


def test_the_class_of_a_row_is_that_of_its_element_not_of_the_query(soap: Any) -> None:
    row = read_row(body(soap, soap.instance("Msvm_StorageJob", "<p:A>1</p:A>")))

    assert row.class_name == "Msvm_StorageJob"


def test_references_with_the_wrapper_of_old_servers_are_read(soap: Any) -> None:
    wrapped = f"<a:EndpointReference>{soap.endpoint('C', A='1')}</a:EndpointReference>"
    row = read_row(body(soap, soap.instance("D", f"<p:Ref>{wrapped}</p:Ref>")))

    assert row.reference("Ref") == CimRef("root/virtualization/v2", "C", (("A", "1"),))


def test_outputs_are_found_by_suffix(soap: Any) -> None:
    outputs = read_outputs(
        body(soap, soap.instance("Some_Class_OUTPUT", "<p:ReturnValue>0</p:ReturnValue>"))
    )

    assert outputs.need_integer("ReturnValue") == 0


@pytest.mark.parametrize("inner", ["", "<x/>", "<a_OUTPUT/><b_OUTPUT/>"])
def test_an_answer_without_outputs_is_refused(soap: Any, inner: str) -> None:
    with pytest.raises(ProtocolError, match="without its outputs"):
        read_outputs(body(soap, inner))


@pytest.mark.parametrize("inner", ["", "<x/><y/>"])
def test_a_get_answered_with_other_than_one_object_is_refused(soap: Any, inner: str) -> None:
    with pytest.raises(ProtocolError, match="objects instead of one"):
        read_row(body(soap, inner))


def test_pages_end_or_go_on(soap: Any) -> None:
    item = soap.instance("C", "<p:A>1</p:A>")
    middle = read_page(body(soap, soap.first_page(item, context="uuid:next")))
    last = read_page(body(soap, soap.next_page(item, last=True)))

    assert (len(middle.rows), middle.context, middle.is_last) == (1, "uuid:next", False)
    assert (len(last.rows), last.context, last.is_last) == (1, "", True)


def test_a_page_that_neither_ends_nor_goes_on_is_refused(soap: Any) -> None:
    with pytest.raises(ProtocolError, match="neither an end nor a way to go on"):
        read_page(body(soap, soap.next_page(soap.instance("C", ""))))


def test_rows_with_references(soap: Any) -> None:
    item = (
        f"<w:Item>{soap.instance('C', '<p:A>1</p:A>')}<a:EndpointReference>"
        f"{soap.endpoint('C', InstanceID='1')}</a:EndpointReference></w:Item>"
    )
    page = read_page(body(soap, soap.first_page(item, last=True)))

    assert page.rows[0].text("A") == "1"
    assert page.rows[0].ref == CimRef("root/virtualization/v2", "C", (("InstanceID", "1"),))


def test_a_projection_is_refused_because_it_has_no_class(soap: Any) -> None:
    with pytest.raises(ProtocolError, match="XmlFragment"):
        read_page(
            body(soap, soap.first_page("<w:XmlFragment><A>1</A></w:XmlFragment>", last=True))
        )


def test_a_reference_without_resource_is_refused(soap: Any) -> None:
    inner = "<p:Ref><a:Address>x</a:Address><a:ReferenceParameters/></p:Ref>"

    with pytest.raises(ProtocolError, match="without resource"):
        read_row(body(soap, soap.instance("C", inner)))


def test_text_mixed_with_elements_is_refused(soap: Any) -> None:
    with pytest.raises(ProtocolError, match="mixes text and elements"):
        read_row(body(soap, soap.instance("C", "<p:A>text<p:B/></p:A>")))


def test_a_typed_output_wrapped_in_its_class_is_read(soap: Any) -> None:
    inner = f"<p:Info>{soap.instance('Msvm_SummaryInformation', '<p:Name>X</p:Name>', prefix='q')}</p:Info>"
    nested = read_row(body(soap, soap.instance("C", inner.replace("p:Name", "q:Name")))).nested(
        "Info"
    )

    assert nested is not None
    assert (nested.class_name, nested.text("Name")) == ("Msvm_SummaryInformation", "X")


def test_identity(soap: Any) -> None:
    inner = (
        f'<i:IdentifyResponse xmlns:i="{names.IDENTITY}"><i:ProductVendor>Microsoft</i:ProductVendor>'
        "<i:ProductVersion>OS: 10.0.20348 SP: 0.0 Stack: 3.0</i:ProductVersion></i:IdentifyResponse>"
    )

    assert read_identity(body(soap, inner))["ProductVendor"] == "Microsoft"
    with pytest.raises(ProtocolError, match="did not identify itself"):
        read_identity(body(soap, "<x/>"))
