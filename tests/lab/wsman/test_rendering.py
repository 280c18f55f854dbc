"""Answers look the way recordings of real hosts look."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.lab.wsman.conftest import BASE, GET, GUIDS, PREFIXES, Host, Soap, selector_set


def _names(instance: ET.Element) -> list[str]:
    return [child.tag.rpartition("}")[2] for child in instance]


def _get(soap: Soap, guid: str) -> ET.Element:
    return soap.get("Toy_Machine", CreationClassName="Toy_Machine", Name=guid)


def test_an_instance_lists_its_properties_in_alphabetical_order(soap: Soap) -> None:
    names = _names(_get(soap, GUIDS[0]))
    assert names == sorted(names)
    assert names.count("Statuses") == 2


def test_the_element_is_in_the_namespace_of_its_class(soap: Soap) -> None:
    instance = _get(soap, GUIDS[0])
    assert instance.tag == f"{{{BASE}/Toy_Machine}}Toy_Machine"
    assert instance.get(f"{{{PREFIXES['xsi']}}}type") == "p:Toy_Machine_Type"


def test_null_scalars_are_nil_and_null_arrays_absent(soap: Soap) -> None:
    instance = _get(soap, GUIDS[1])
    comment = instance.find("{*}Comment")
    assert comment is not None
    assert comment.get(f"{{{PREFIXES['xsi']}}}nil") == "true"
    assert instance.find("{*}Notes") is None
    assert instance.find("{*}Statuses") is None


def test_times_are_cim_children(soap: Soap) -> None:
    instance = _get(soap, GUIDS[0])
    assert (
        instance.findtext("{*}Started/cim:Datetime", "", PREFIXES) == "2026-01-12T22:00:01.250000Z"
    )
    assert instance.findtext("{*}UpTime/cim:Interval", "", PREFIXES) == "P1DT2H0M3.5S"


def test_scalars_keep_their_text(soap: Soap) -> None:
    instance = _get(soap, GUIDS[0])
    assert instance.findtext("{*}OnTime") == "18446744073709551615"
    assert instance.findtext("{*}Enabled") == "true"
    assert instance.findtext("{*}Comment") == "a<b&c"


def test_references_have_no_wrapper(soap: Soap) -> None:
    output = soap.invoke("Do")
    job = output.find("{*}Job")
    assert job is not None
    assert _names(job) == ["Address", "ReferenceParameters"]
    selector = job.find("a:ReferenceParameters/w:SelectorSet/w:Selector", PREFIXES)
    assert selector is not None
    assert (selector.get("Name"), selector.text) == ("InstanceID", "job-1")


def test_outputs_are_alphabetical_with_unset_ones_left_out(soap: Soap) -> None:
    output = soap.invoke("Do")
    assert output.tag == f"{{{BASE}/Toy_Service}}Do_OUTPUT"
    assert _names(output) == ["Job", "Notes", "Notes", "ReturnValue"]


def test_the_envelope_carries_the_servers_locale(host: Host, soap: Soap) -> None:
    keys = selector_set(CreationClassName="Toy_Machine", Name=GUIDS[0])
    response = soap.post(soap.envelope(GET, f"{BASE}/Toy_Machine", selectors=keys))
    root = ET.fromstring(response.content)
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en-US"
    assert root.findtext("s:Header/a:Action", "", PREFIXES) == f"{GET}Response"
