"""Requests: every part where a strict host expects it, and data that stays data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from safepoint.errors import InvalidRequestError
from safepoint_native.cim import CimRef, EmbeddedInstance, names
from safepoint_native.cim.envelope import EnvelopeBuilder, Request
from safepoint_native.cim.instance_text import string, uint8

NS = {
    "s": names.SOAP,
    "a": names.ADDRESSING,
    "w": names.WSMAN,
    "n": names.ENUMERATION,
    "cim": names.CIM_COMMON,
}
V2 = "root/virtualization/v2"
VM = CimRef(
    V2, "Msvm_ComputerSystem", (("CreationClassName", "Msvm_ComputerSystem"), ("Name", "A&B"))
)
BUILD = EnvelopeBuilder("https://hv01:5986/wsman", max_envelope_bytes=9000, timeout_seconds=30)


def tree(request: Request) -> ET.Element:
    return ET.fromstring(request.text)


def text(request: Request, path: str) -> str:
    return tree(request).findtext(path, "", NS)


def test_headers_are_complete_and_marked_with_the_soap_attribute() -> None:
    root = tree(BUILD.get(VM))

    understood = {
        element.tag.rpartition("}")[2]
        for element in root.iter()
        if element.get(f"{{{names.SOAP}}}mustUnderstand") == "true"
    }
    assert understood == {"Address", "Action", "ResourceURI", "MaxEnvelopeSize"}
    assert root.findtext("s:Header/a:To", "", NS) == "https://hv01:5986/wsman"
    assert root.findtext("s:Header/a:ReplyTo/a:Address", "", NS) == names.ANONYMOUS
    assert root.findtext("s:Header/w:MaxEnvelopeSize", "", NS) == "9000"
    assert root.findtext("s:Header/w:OperationTimeout", "", NS) == "PT30S"


def test_get_names_the_object_by_its_keys() -> None:
    root = tree(BUILD.get(VM))

    keys = {e.get("Name"): e.text for e in root.iterfind(".//w:Selector", NS)}
    assert keys == {"CreationClassName": "Msvm_ComputerSystem", "Name": "A&B"}
    assert root.findtext("s:Header/w:ResourceURI", "", NS).endswith("/v2/Msvm_ComputerSystem")
    assert root.findtext("s:Header/a:Action", "", NS).endswith("/transfer/Get")


def test_every_request_has_an_id_of_its_own() -> None:
    first, second = BUILD.get(VM), BUILD.get(VM)

    assert first.message_id != second.message_id
    assert first.message_id.startswith("uuid:")
    assert text(first, "s:Header/a:MessageID") == first.message_id


def test_identify_carries_no_addressing() -> None:
    request = BUILD.identify()

    assert request.message_id == ""
    assert len(tree(request).find("s:Header", NS) or ()) == 0


def test_queries_go_to_all_classes_and_ask_for_pages() -> None:
    wql = 'SELECT * FROM C WHERE A < "1" AND B = "x&y"'
    request = BUILD.enumerate(V2, wql, max_elements=7)

    assert text(request, "s:Header/w:ResourceURI").endswith("/virtualization/v2/*")
    assert text(request, ".//w:Filter") == wql
    assert text(request, ".//w:MaxElements") == "7"
    assert tree(request).find(".//w:OptimizeEnumeration", NS) is not None
    assert tree(request).find(".//w:EnumerationMode", NS) is None


def test_references_are_asked_for_only_when_wanted() -> None:
    request = BUILD.enumerate(V2, "SELECT * FROM C", max_elements=7, with_refs=True)

    assert text(request, ".//w:EnumerationMode") == "EnumerateObjectAndEPR"


@pytest.mark.parametrize("step", ["pull", "release"])
def test_following_requests_name_the_newest_context(step: str) -> None:
    request = (
        BUILD.pull(V2, "uuid:<1>", max_elements=3)
        if step == "pull"
        else BUILD.release(V2, "uuid:<1>")
    )

    assert text(request, ".//n:EnumerationContext") == "uuid:<1>"
    assert text(request, "s:Header/a:Action").endswith(f"/{step.capitalize()}")


def test_arguments_are_sorted_typed_and_left_out_when_none() -> None:
    request = BUILD.invoke(
        VM,
        "Method",
        {"Zulu": "a<b", "Alpha": True, "Count": 32768, "Gone": None, "List": [1, 2], "Nil": []},
    )

    root = tree(request).find("s:Body/*", NS)
    assert root is not None
    assert root.tag.endswith("}Method_INPUT")
    assert [(e.tag.rpartition("}")[2], e.text) for e in root] == [
        ("Alpha", "true"),
        ("Count", "32768"),
        ("List", "1"),
        ("List", "2"),
        ("Zulu", "a<b"),
    ]
    assert len({e.tag.partition("}")[0] for e in (root, *root)}) == 1


def test_a_reference_stands_in_the_parameter_without_wrapper() -> None:
    request = BUILD.invoke(VM, "Method", {"AffectedSystem": VM})

    parameter = tree(request).find("s:Body/*/*", NS)
    assert parameter is not None
    assert [e.tag.rpartition("}")[2] for e in parameter] == ["Address", "ReferenceParameters"]
    assert parameter.findtext(".//w:Selector[@Name='Name']", "", NS) == "A&B"


def test_an_embedded_instance_is_text() -> None:
    instance = EmbeddedInstance("C", (uint8("A", 1), string("B", 'say "x"')))
    request = BUILD.invoke(VM, "Method", {"Settings": instance})

    parameter = tree(request).find("s:Body/*/*", NS)
    assert parameter is not None
    assert len(parameter) == 0
    assert parameter.text == instance.to_text()


def test_times_are_elements_of_the_common_schema() -> None:
    request = BUILD.invoke(
        VM,
        "Method",
        {"At": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "For": timedelta(days=1, seconds=90)},
    )

    assert text(request, ".//cim:Datetime") == "2026-01-02T03:04:05.000000Z"
    assert text(request, ".//cim:Interval") == "P1DT90.000000S"


def test_names_of_methods_and_arguments_cannot_carry_markup() -> None:
    with pytest.raises(InvalidRequestError, match="not a CIM name"):
        BUILD.invoke(VM, "Method><x", {})
    with pytest.raises(InvalidRequestError, match="not a CIM name"):
        BUILD.invoke(VM, "Method", {"A><x": 1})


def test_values_that_xml_cannot_carry_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"U\+0000"):
        BUILD.invoke(VM, "Method", {"A": "\x00"})


@pytest.mark.parametrize(
    "namespace", ["root/virtualization/v2", r"root\virtualization\v2", "/root/virtualization/v2/"]
)
def test_namespaces_are_taken_with_either_slash(namespace: str) -> None:
    assert names.class_uri(namespace, "C") == f"{names.WMI_PREFIX}root/virtualization/v2/C"
    assert names.split_class_uri(names.class_uri(namespace, "C")) == (V2, "C")


def test_an_empty_namespace_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no resource URI"):
        names.class_uri("", "C")
