"""Enumerate, Pull and Release: pages, contexts, modes, filters."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from tests.lab.wsman.conftest import (
    BASE,
    ENUMERATE,
    GET,
    GUIDS,
    PREFIXES,
    PULL,
    RELEASE,
    Soap,
    StartHost,
    epr,
    setting,
    wql_filter,
)

ALL = f"{BASE}/*"
SETTINGS = f"{BASE}/Toy_Setting"
OPTIMISED = "<w:OptimizeEnumeration/><w:MaxElements>{}</w:MaxElements>"
ASSOCIATION = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"


def pull(soap: Soap, context: str, body: str = "", **parts: str) -> ET.Element:
    inner = f"<n:EnumerationContext>{context}</n:EnumerationContext>{body}"
    return soap.send(PULL, ALL, f"<n:Pull>{inner}</n:Pull>", **parts)


def context_of(answer: ET.Element) -> str:
    return answer.findtext("n:EnumerationContext", "", PREFIXES)


def items_of(answer: ET.Element) -> list[ET.Element]:
    found = answer.find("n:Items", PREFIXES)
    assert found is not None
    return list(found)


def test_without_max_elements_each_pull_has_one_item_and_a_new_context(soap: Soap) -> None:
    context = context_of(soap.enumerate("", SETTINGS))
    seen = [context]
    for last in (False, False, True):
        answer = pull(soap, seen[-1])
        assert len(items_of(answer)) == 1
        assert (answer.find("n:EndOfSequence", PREFIXES) is not None) is last
        seen.append(context_of(answer))
    assert seen[-1] == ""
    assert len(set(seen)) == 4


def test_a_context_is_good_for_one_pull(soap: Soap) -> None:
    context = context_of(soap.enumerate("", SETTINGS))
    pull(soap, context)
    body = f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext></n:Pull>"
    assert soap.fault(PULL, ALL, body) == ("n:InvalidEnumerationContext", 2150858779)


def test_max_elements_is_obeyed(soap: Soap) -> None:
    context = context_of(soap.enumerate("", SETTINGS))
    answer = pull(soap, context, "<n:MaxElements>2</n:MaxElements>")
    assert len(items_of(answer)) == 2
    rest = pull(soap, context_of(answer), "<n:MaxElements>20</n:MaxElements>")
    assert len(items_of(rest)) == 1
    assert rest.find("n:EndOfSequence", PREFIXES) is not None


def test_the_optimised_form_answers_at_once(soap: Soap) -> None:
    answer = soap.enumerate(OPTIMISED.format(10), SETTINGS)
    context = answer.find("n:EnumerationContext", PREFIXES)
    assert context is not None
    assert not context.text
    assert len(answer.find("w:Items", PREFIXES) or ()) == 3
    assert answer.find("w:EndOfSequence", PREFIXES) is not None


def test_the_optimised_form_goes_on_with_pull(soap: Soap) -> None:
    answer = soap.enumerate(OPTIMISED.format(2), SETTINGS)
    assert answer.find("w:EndOfSequence", PREFIXES) is None
    assert len(items_of(pull(soap, context_of(answer)))) == 1


def test_an_empty_listing_ends_with_the_first_pull(soap: Soap) -> None:
    query = "SELECT * FROM Toy_Setting WHERE InstanceID = 'no'"
    answer = pull(soap, context_of(soap.enumerate(wql_filter(query))))
    assert items_of(answer) == []
    assert answer.find("n:EndOfSequence", PREFIXES) is not None


def test_release_ends_a_listing(soap: Soap) -> None:
    context = context_of(soap.enumerate("", SETTINGS))
    body = f"<n:Release><n:EnumerationContext>{context}</n:EnumerationContext></n:Release>"
    assert soap.send(RELEASE, ALL, body).tag == "empty"
    assert soap.fault(RELEASE, ALL, body)[1] == 2150858779


def test_an_idle_context_expires(start_host: StartHost) -> None:
    seconds = [0.0]
    soap = Soap(start_host(clock=lambda: seconds[0]).url)
    context = context_of(soap.enumerate("", SETTINGS))
    seconds[0] = 61.0
    body = f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext></n:Pull>"
    assert soap.fault(PULL, ALL, body)[1] == 2150858779


def test_the_envelope_limit_makes_pages(start_host: StartHost) -> None:
    many = [setting(f"Toy:{'x' * 400}:{n}", n) for n in range(40)]
    soap = Soap(start_host(many).url)
    limit = "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>"
    answer = soap.enumerate(OPTIMISED.format(100), SETTINGS, limit=limit)
    count = len(answer.find("w:Items", PREFIXES) or ())
    assert 3 < count < 20
    while context_of(answer):
        answer = pull(soap, context_of(answer), "<n:MaxElements>100</n:MaxElements>", limit=limit)
        assert len(ET.tostring(answer)) < 8192
        count += len(items_of(answer))
    assert count == 40


def test_an_item_over_the_limit_can_be_had_with_a_larger_one(start_host: StartHost) -> None:
    soap = Soap(start_host([setting("x" * 9000, 1)]).url)
    limit = "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>"
    context = context_of(soap.enumerate("", SETTINGS))
    body = f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext></n:Pull>"
    assert soap.fault(PULL, ALL, body, limit=limit) == ("w:EncodingLimit", 2150858824)
    assert len(items_of(pull(soap, context))) == 1


def test_a_get_over_the_limit_is_refused(start_host: StartHost) -> None:
    soap = Soap(start_host([setting("x" * 9000, 1)]).url)
    keys = (
        f'<w:SelectorSet><w:Selector Name="InstanceID">{"x" * 9000}</w:Selector></w:SelectorSet>'
    )
    limit = "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>"
    fault = soap.fault(GET, SETTINGS, selectors=keys, limit=limit)
    assert fault == ("w:EncodingLimit", 2150858824)


@pytest.mark.parametrize(
    ("mode", "tags"),
    [
        ("EnumerateEPR", ["EndpointReference"] * 3),
        ("EnumerateObjectAndEPR", ["Item"] * 3),
        ("EnumerateObject", ["Toy_Setting"] * 3),
    ],
)
def test_enumeration_modes(soap: Soap, mode: str, tags: list[str]) -> None:
    body = OPTIMISED.format(10) + f"<w:EnumerationMode>{mode}</w:EnumerationMode>"
    items = soap.enumerate(body, SETTINGS).find("w:Items", PREFIXES)
    assert items is not None
    assert [item.tag.rpartition("}")[2] for item in items] == tags
    if "EPR" in mode:
        selector = items.find(".//w:Selector", PREFIXES)
        assert selector is not None
        assert selector.text == rf"Toy:{GUIDS[0]}\0\D"


def test_a_class_listing_includes_derived_classes(soap: Soap) -> None:
    items = soap.query("SELECT * FROM Toy_Machine")
    assert len(items) == 2


def test_a_projection_is_a_fragment_without_namespaces(soap: Soap) -> None:
    items = soap.query(f"SELECT Name, OnTime, comment FROM Toy_Machine WHERE Name = '{GUIDS[1]}'")
    (fragment,) = items
    assert fragment.tag == f"{{{PREFIXES['w']}}}XmlFragment"
    assert [child.tag for child in fragment] == ["Comment", "Name", "OnTime"]
    assert fragment.findtext("OnTime") == "7"


def test_wql_needs_the_star(soap: Soap) -> None:
    body = f"<n:Enumerate>{wql_filter('SELECT * FROM Toy_Setting')}</n:Enumerate>"
    assert soap.fault(ENUMERATE, SETTINGS, body) == ("w:CannotProcessFilter", 2150858778)
    assert soap.fault(ENUMERATE, ALL, "<n:Enumerate/>")[1] == 2150858778


def test_an_unknown_dialect_is_refused(soap: Soap) -> None:
    body = '<n:Enumerate><w:Filter Dialect="urn:x">x</w:Filter></n:Enumerate>'
    fault = soap.fault(ENUMERATE, ALL, body)
    assert fault == ("n:FilterDialectRequestedUnavailable", 2150858777)


def test_a_bad_max_elements_is_refused(soap: Soap) -> None:
    body = f"<n:Enumerate>{OPTIMISED.format(0)}</n:Enumerate>"
    assert soap.fault(ENUMERATE, SETTINGS, body)[0] == "w:SchemaValidationError"


@pytest.mark.parametrize(
    ("kind", "tail", "count"),
    [
        ("AssociatedInstances", "", 2),
        (
            "AssociatedInstances",
            (
                "<b:AssociationClassName>Toy_SettingOf</b:AssociationClassName>"
                "<b:ResultClassName>Toy_Setting</b:ResultClassName>"
            ),
            2,
        ),
        ("AssociatedInstances", "<b:ResultClassName>Toy_Machine</b:ResultClassName>", 0),
        ("AssociatedInstances", "<b:Role>Dependent</b:Role>", 0),
        ("AssociationInstances", "<b:ResultClassName>Toy_SettingOf</b:ResultClassName>", 2),
    ],
)
def test_the_association_filter(soap: Soap, kind: str, tail: str, count: int) -> None:
    source = epr("Toy_Machine", CreationClassName="Toy_Machine", Name=GUIDS[0])
    body = (
        f'{OPTIMISED.format(10)}<w:Filter Dialect="{ASSOCIATION}"><b:{kind} xmlns:b="http://'
        'schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd">'
        f"<b:Object>{source}</b:Object>{tail}</b:{kind}></w:Filter>"
    )
    assert len(soap.enumerate(body).find("w:Items", PREFIXES) or ()) == count


def test_an_association_row_references_its_ends(soap: Soap) -> None:
    path = f'Toy_Machine.CreationClassName="Toy_Machine",Name="{GUIDS[0]}"'
    row = soap.query(f"REFERENCES OF {{{path}}} WHERE ResultClass = Toy_SettingOf")[0]
    assert [child.tag.rpartition("}")[2] for child in row] == ["Antecedent", "Dependent"]
    assert row.findtext(".//{*}Antecedent//w:Selector[2]", "", PREFIXES) == GUIDS[0]
