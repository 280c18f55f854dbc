"""Methods: arguments to Python values, and every form a real host rejects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.lab.wsman.conftest import BASE, GUIDS, Host, Soap, epr, machine_reference, selector_set

from safepoint_lab.wsman.values import CimInstance

ORDER = (
    '<INSTANCE CLASSNAME="Toy_Order">'
    '<PROPERTY NAME="Name" TYPE="string"><VALUE>n</VALUE></PROPERTY>'
    '<PROPERTY NAME="Count" TYPE="uint8"><VALUE>3</VALUE></PROPERTY>'
    '<PROPERTY NAME="Fast" TYPE="boolean"><VALUE>TRUE</VALUE></PROPERTY>'
    '<PROPERTY NAME="Until" TYPE="datetime"><VALUE>00000000003000.000000:000</VALUE></PROPERTY>'
    '<PROPERTY.ARRAY NAME="Paths" TYPE="string"><VALUE.ARRAY><VALUE>\\\\fs\\a</VALUE>'
    "</VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>"
)
MACHINE = epr("Toy_Machine", CreationClassName="Toy_Machine", Name=GUIDS[0])


def order(text: str) -> str:
    return f"<m:Order><![CDATA[{text}]]></m:Order>"


def test_every_kind_of_argument_arrives(host: Host, soap: Soap) -> None:
    soap.invoke(
        "Do",
        f"<m:Machine>{MACHINE}</m:Machine><m:Machines>{MACHINE}</m:Machines>"
        f"<m:Machines>{MACHINE}</m:Machines><m:Kind>32768</m:Kind><m:Numbers>1</m:Numbers>"
        "<m:Numbers>2</m:Numbers><m:Name>a &amp; b</m:Name><m:Fast>TRUE</m:Fast>"
        "<m:Until><cim:Datetime>2026-01-12T22:00:01Z</cim:Datetime></m:Until>" + order(ORDER),
    )
    (call,) = host.calls
    machine = machine_reference(GUIDS[0])
    assert call.target.class_name == "Toy_Service"
    assert call.arguments["Machine"] == machine
    assert call.arguments["Machines"] == [machine, machine]
    assert call.arguments["Kind"] == 32768
    assert call.arguments["Numbers"] == [1, 2]
    assert call.arguments["Name"] == "a & b"
    assert call.arguments["Fast"] is True
    assert call.arguments["Until"] == datetime(2026, 1, 12, 22, 0, 1, tzinfo=UTC)
    sent = call.arguments["Order"]
    assert isinstance(sent, CimInstance)
    assert sent.properties == {
        "Name": "n",
        "Count": 3,
        "Fast": True,
        "Until": timedelta(minutes=30),
        "Paths": ["\\\\fs\\a"],
    }


def test_absent_empty_and_nil_arguments_are_not_given(host: Host, soap: Soap) -> None:
    soap.invoke("Do", '<m:Order/><m:Name></m:Name><m:Kind xsi:nil="true"/><m:Machine/>')
    assert host.calls[0].arguments == {}


def test_escaped_text_and_cdata_are_equal(host: Host, soap: Soap) -> None:
    escaped = ORDER.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    soap.invoke("Do", f"<m:Order>{escaped}</m:Order>")
    soap.invoke("Do", order(ORDER))
    assert host.calls[0].arguments == host.calls[1].arguments


@pytest.mark.parametrize(
    ("arguments", "subcode"),
    [
        (
            f"<m:Machine><a:EndpointReference>{MACHINE}</a:EndpointReference></m:Machine>",
            "w:SchemaValidationError",
        ),
        ("<m:Order><Toy_Order><Name>n</Name></Toy_Order></m:Order>", "w:SchemaValidationError"),
        (order("<INSTANCE"), "w:SchemaValidationError"),
        (order("<OTHER/>"), "w:SchemaValidationError"),
        ("<m:Kind>1</m:Kind><m:Kind>2</m:Kind>", "w:SchemaValidationError"),
        ("<Kind>1</Kind>", "w:SchemaValidationError"),
        ("<m:kind>1</m:kind>", "w:InvalidParameter"),
        ("<m:Nonsense>1</m:Nonsense>", "w:InvalidParameter"),
        ("<m:Kind>many</m:Kind>", "w:InvalidParameter"),
        ("<m:Kind>65536</m:Kind>", "w:InvalidParameter"),
        ("<m:Kind>-1</m:Kind>", "w:InvalidParameter"),
        ("<m:Fast>perhaps</m:Fast>", "w:InvalidParameter"),
        ("<m:Until>tomorrow</m:Until>", "w:InvalidParameter"),
        (
            f"<m:Machine>{MACHINE.replace('/Toy_Machine<', '/toy_machine<')}</m:Machine>",
            "a:DestinationUnreachable",
        ),
    ],
)
def test_a_malformed_argument_is_refused(
    host: Host, soap: Soap, arguments: str, subcode: str
) -> None:
    assert soap.invoke_fault("Do", arguments)[0] == subcode
    assert host.calls == []


@pytest.mark.parametrize(
    ("change", "return_value"),
    [
        (("PROPERTY.ARRAY", "PROPERTY"), 32773),
        (('CLASSNAME="Toy_Order"', 'CLASSNAME="toy_order"'), 32773),
        (('CLASSNAME="Toy_Order"', 'CLASSNAME="Toy_Setting"'), 32773),
        (('NAME="Name"', 'NAME="name"'), 32773),
        (('NAME="Count" TYPE="uint8"', 'NAME="Count" TYPE="string"'), 32773),
        (('NAME="Until" TYPE="datetime"', 'NAME="Until" TYPE="string"'), 32768),
        (("<VALUE>n</VALUE>", "<VALUE>a&amp;b</VALUE>"), 32768),
        (("<VALUE>n</VALUE>", "<VALUE>a&lt;b</VALUE>"), 32773),
        (("<VALUE>3</VALUE>", "<VALUE>x</VALUE>"), 32773),
    ],
)
def test_an_instance_that_does_not_fit_is_refused_with_a_return_value(
    host: Host, soap: Soap, change: tuple[str, str], return_value: int
) -> None:
    output = soap.invoke("Do", order(ORDER.replace(*change)))
    assert output.findtext("{*}ReturnValue") == str(return_value)
    assert output.find("{*}Job") is None
    assert host.calls == []


def test_a_refusal_is_http_200_with_a_return_value(soap: Soap) -> None:
    output = soap.invoke("Refuse")
    assert [child.tag.rpartition("}")[2] for child in output] == ["ReturnValue"]
    assert output.findtext("{*}ReturnValue") == "32775"


def test_a_service_needs_its_selector(soap: Soap) -> None:
    assert soap.invoke_fault("Do", selectors="") == ("w:InternalError", 2150859010)


def test_a_service_is_found_by_its_class_alone(soap: Soap) -> None:
    keys = selector_set(CreationClassName="Toy_Service")
    assert soap.invoke("Refuse", selectors=keys).findtext("{*}ReturnValue") == "32775"
    other = selector_set(CreationClassName="Other")
    assert soap.invoke_fault("Refuse", selectors=other)[1] == 2150858752


def test_an_unknown_method_is_not_supported(soap: Soap) -> None:
    for method in ("Undo", "do"):
        assert soap.invoke_fault(method)[0] == "a:ActionNotSupported"


def test_the_body_must_name_the_method(soap: Soap) -> None:
    uri = f"{BASE}/Toy_Service"
    keys = selector_set(CreationClassName="Toy_Service")
    body = f'<m:do_INPUT xmlns:m="{uri}"/>'
    assert soap.fault(f"{uri}/Do", uri, body, selectors=keys)[0] == "w:SchemaValidationError"


def test_a_defect_of_the_provider_is_an_internal_error(
    soap: Soap, caplog: pytest.LogCaptureFixture
) -> None:
    assert soap.invoke_fault("Break") == ("w:InternalError", 2150859010)
    assert "a defect" in caplog.text
