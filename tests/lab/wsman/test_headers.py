"""Which requests are taken, and with which fault the others are refused."""

from __future__ import annotations

import pytest
import requests
from tests.lab.wsman.conftest import BASE, GET, GUIDS, Host, Soap, read_fault, selector_set

KEYS = selector_set(CreationClassName="Toy_Machine", Name=GUIDS[0])
URI = f"{BASE}/Toy_Machine"
UNDERSTAND = 's:mustUnderstand="true"'


@pytest.mark.parametrize(
    ("parts", "subcode"),
    [
        ({"reply_to": ""}, "a:MessageInformationHeaderRequired"),
        (
            {"reply_to": "<a:ReplyTo><a:Address>http://me</a:Address></a:ReplyTo>"},
            "w:UnsupportedFeature",
        ),
        ({"message_id": ""}, "a:InvalidMessageInformationHeader"),
        ({"headers": f'<w:Locale xml:lang="en-US" {UNDERSTAND}/>'}, "w:UnsupportedFeature"),
        ({"headers": f'<x:New xmlns:x="urn:x" {UNDERSTAND}/>'}, "s:MustUnderstand"),
        ({"headers": '<x:New xmlns:x="urn:x" s:mustUnderstand="yes"/>'}, "s:Sender"),
        ({"limit": "<w:MaxEnvelopeSize>8191</w:MaxEnvelopeSize>"}, "w:EncodingLimit"),
        ({"limit": "<w:MaxEnvelopeSize>big</w:MaxEnvelopeSize>"}, "w:EncodingLimit"),
        ({"timeout": "soon"}, "w:SchemaValidationError"),
    ],
)
def test_a_wrong_header_is_refused(soap: Soap, parts: dict[str, str], subcode: str) -> None:
    assert soap.fault(GET, URI, selectors=KEYS, **parts)[0] == subcode


@pytest.mark.parametrize(
    "headers",
    [
        '<w:Locale xml:lang="en-US" s:mustUnderstand="false"/>',
        '<w:Locale xml:lang="en-US" mustUnderstand="true"/>',
        '<x:New xmlns:x="urn:x" mustUnderstand="true"/>',
        f"<w:OptionSet {UNDERSTAND}/>",
    ],
)
def test_only_the_soap_attribute_counts(soap: Soap, headers: str) -> None:
    assert len(soap.send(GET, URI, selectors=KEYS, headers=headers))


@pytest.mark.parametrize(
    ("uri", "selectors", "subcode", "code"),
    [
        (f"{BASE}/Toy_Nothing", KEYS, "a:DestinationUnreachable", 2150858752),
        (f"{BASE}/toy_machine", KEYS, "a:DestinationUnreachable", 2150858752),
        (f"{BASE}x/Toy_Machine", KEYS, "a:DestinationUnreachable", 2150858752),
        ("urn:nonsense", KEYS, "a:DestinationUnreachable", 2150858752),
        (URI, "", "w:InvalidSelectors", 2150858842),
        (URI, selector_set(Colour="red"), "w:InvalidSelectors", 2150858843),
        (
            URI,
            selector_set(Name=GUIDS[0], __cimnamespace="root/other"),
            "w:InternalError",
            2150859010,
        ),
        (URI, selector_set(Name="gone"), "a:DestinationUnreachable", 2150858752),
    ],
)
def test_a_resource_that_is_not_there(
    soap: Soap, uri: str, selectors: str, subcode: str, code: int
) -> None:
    assert soap.fault(GET, uri, selectors=selectors) == (subcode, code)


def test_selectors_are_compared_without_case(soap: Soap) -> None:
    keys = selector_set(creationclassname="TOY_MACHINE", name=GUIDS[0].lower())
    assert soap.send(GET, URI, selectors=keys).findtext("{*}Name") == GUIDS[0]


@pytest.mark.parametrize("operation", ["Put", "Create", "Delete"])
def test_other_transfer_operations_are_not_supported(soap: Soap, operation: str) -> None:
    action = f"http://schemas.xmlsoap.org/ws/2004/09/transfer/{operation}"
    assert soap.fault(action, URI, selectors=KEYS)[0] == "a:ActionNotSupported"


@pytest.mark.parametrize("text", ["", "<html/>", "<s:Envelope", "<!DOCTYPE x><x/>"])
def test_what_is_no_envelope_is_refused(soap: Soap, text: str) -> None:
    response = soap.post(text or " ")
    assert read_fault(response)[0] == "w:SchemaValidationError"


def test_utf_16_is_taken(host: Host, soap: Soap) -> None:
    data = soap.envelope(GET, URI, selectors=KEYS).encode("utf-16")
    headers = {"Content-Type": "application/soap+xml;charset=UTF-16"}
    response = soap.session.post(host.url, data=data, headers=headers, timeout=5)
    assert response.status_code == 200


def test_a_request_over_the_limit_is_413(host: Host, soap: Soap) -> None:
    response = soap.post("x" * (500 * 1024 + 1))
    assert (response.status_code, response.content) == (413, b"")


def test_other_paths_are_not_there(host: Host, soap: Soap) -> None:
    response = soap.session.post(host.url.replace("/wsman", "/other"), data=b"", timeout=5)
    assert response.status_code == 404


def test_identify_needs_the_header_to_go_without_login(host: Host) -> None:
    body = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:i="http://schemas.'
        'dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/>'
        "</s:Body></s:Envelope>"
    )
    with requests.Session() as session:
        session.trust_env = False
        assert session.post(host.url, data=body, timeout=5).status_code == 401
        anonymous = {"WSMANIDENTIFY": "unauthenticated"}
        masked = session.post(host.url, data=body, headers=anonymous, timeout=5)
        assert masked.status_code == 200
        assert "OS: 0.0.0" in masked.text
        session.auth = ("svc", "Pass word-1")
        open_ = session.post(host.url, data=body, timeout=5)
        assert "OS: 10.0.20348" in open_.text
        assert "SecurityProfiles" in open_.text


def test_the_anonymous_header_opens_nothing_else(host: Host, soap: Soap) -> None:
    with requests.Session() as session:
        session.trust_env = False
        text = soap.envelope(GET, URI, selectors=KEYS)
        anonymous = {"WSMANIDENTIFY": "unauthenticated"}
        response = session.post(host.url, data=text, headers=anonymous, timeout=5)
    assert response.status_code == 401
