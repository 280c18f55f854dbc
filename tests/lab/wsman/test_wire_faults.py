"""Ordered faults: what a client meets, and whether the call took effect."""

from __future__ import annotations

import threading
import time
import xml.etree.ElementTree as ET

import pytest
import requests
from tests.lab.wsman.conftest import (
    BASE,
    ENUMERATE,
    GET,
    GUIDS,
    PREFIXES,
    PULL,
    Host,
    Soap,
    StartHost,
    read_fault,
    selector_set,
    wql_filter,
)
from tests.lab.wsman.test_clients import pywinrm
from winrm.exceptions import InvalidCredentialsError

from safepoint_lab.wsman import Exchange, Moment, WireFault, WireFaultKind
from safepoint_lab.wsman.cimfault import quota_error_object, timed_out

URI = f"{BASE}/Toy_Machine"
KEYS = selector_set(CreationClassName="Toy_Machine", Name=GUIDS[0])
K = WireFaultKind


class Orders:
    """A fault hook: strikes once, on the first occasion of its moment and operation."""

    def __init__(self, fault: WireFault, moment: Moment = Moment.REQUEST, operation: str = ""):
        self.fault: WireFault | None = fault
        self.moment = moment
        self.operation = operation
        self.asked: list[tuple[Moment, Exchange]] = []

    def __call__(self, exchange: Exchange, moment: Moment) -> WireFault | None:
        self.asked.append((moment, exchange))
        if moment is not self.moment or not exchange.operation.startswith(self.operation):
            return None
        fault, self.fault = self.fault, None
        return fault


def get(soap: Soap) -> requests.Response:
    return soap.post(soap.envelope(GET, URI, selectors=KEYS))


def do(soap: Soap) -> requests.Response:
    uri = f"{BASE}/Toy_Service"
    body = f'<m:Do_INPUT xmlns:m="{uri}"><m:Name>{GUIDS[1]}</m:Name></m:Do_INPUT>'
    keys = selector_set(CreationClassName="Toy_Service")
    return soap.post(soap.envelope(f"{uri}/Do", uri, body, selectors=keys))


@pytest.mark.parametrize(
    ("fault", "status", "content"),
    [
        (WireFault(K.HTTP_STATUS, status=503), 503, "<html>"),
        (WireFault(K.HTTP_STATUS, status=500), 500, "<html>"),
        (WireFault(K.HTTP_STATUS, status=413), 413, ""),
        (WireFault(K.HTTP_STATUS, status=400), 400, ""),
        (WireFault(K.HTML_200), 200, "<html>"),
        (WireFault(K.SOAP_FAULT_200, fault=timed_out()), 200, "2150858793"),
        (WireFault(K.SOAP_FAULT, fault=timed_out()), 500, "2150858793"),
        (WireFault(K.SOAP_FAULT, fault=quota_error_object()), 500, "MSFT_WmiError"),
        (WireFault(K.DROP_LOGIN), 401, ""),
        (WireFault(K.UNAUTHORIZED), 401, ""),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_an_answer_is_replaced(
    start_host: StartHost, fault: WireFault, status: int, content: str, after: bool
) -> None:
    from dataclasses import replace

    orders = Orders(replace(fault, after_effect=after), operation="Toy_Service.Do")
    host = start_host(faults=orders)
    soap = Soap(host.url)
    assert get(soap).status_code == 200
    response = do(soap)
    assert response.status_code == status
    assert content in response.text
    assert bool(content) == bool(response.text)
    assert len(host.calls) == int(after)


def test_the_healthy_wire_is_back_after_the_fault(start_host: StartHost) -> None:
    soap = Soap(start_host(faults=Orders(WireFault(K.HTTP_STATUS))).url)
    assert [get(soap).status_code for _ in range(3)] == [503, 200, 200]


def test_malformed_xml_is_a_whole_http_answer(start_host: StartHost) -> None:
    response = get(Soap(start_host(faults=Orders(WireFault(K.MALFORMED_XML))).url))
    assert response.status_code == 200
    with pytest.raises(ET.ParseError):
        ET.fromstring(response.content)


@pytest.mark.parametrize("after", [False, True])
def test_a_reset_loses_the_answer_but_not_always_the_effect(
    start_host: StartHost, after: bool
) -> None:
    orders = Orders(WireFault(K.RESET, after_effect=after), operation="Toy_Service.Do")
    host = start_host(faults=orders)
    with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
        do(Soap(host.url))
    assert len(host.calls) == int(after)
    (record,) = host.server.calls.records(method="Do")
    assert (record.status, record.wire_fault) == (0, "reset")


def test_a_truncated_body(start_host: StartHost) -> None:
    host = start_host(faults=Orders(WireFault(K.TRUNCATED)))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(Soap(host.url))


def test_a_stall_ends_when_the_client_gives_up(start_host: StartHost) -> None:
    host = start_host(faults=Orders(WireFault(K.STALL, seconds=60)))
    soap = Soap(host.url)
    with pytest.raises(requests.exceptions.ReadTimeout):
        soap.session.post(
            host.url, data=soap.envelope(GET, URI, selectors=KEYS).encode(), timeout=0.2
        )
    soap.session.close()
    assert get(Soap(host.url)).status_code == 200


def test_a_stall_ends_when_the_server_stops(start_host: StartHost) -> None:
    orders = Orders(WireFault(K.STALL, after_effect=True))
    host = start_host(faults=orders)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            do(Soap(host.url))
        except requests.exceptions.ConnectionError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not host.calls:
        thread.join(0.01)
    host.server.stop()
    thread.join(5)
    assert len(errors) == 1


def test_a_delay_answers_late(start_host: StartHost) -> None:
    soap = Soap(start_host(faults=Orders(WireFault(K.DELAY, seconds=0.1))).url)
    start = time.monotonic()
    assert get(soap).status_code == 200
    assert time.monotonic() - start >= 0.1


def test_a_delay_over_the_operations_time_ends_in_timed_out(start_host: StartHost) -> None:
    soap = Soap(start_host(faults=Orders(WireFault(K.DELAY, seconds=5))).url)
    response = soap.post(soap.envelope(GET, URI, selectors=KEYS, timeout="PT0.05S"))
    assert read_fault(response) == ("w:TimedOut", 2150858793)


def test_an_empty_page_loses_nothing(start_host: StartHost) -> None:
    soap = Soap(start_host(faults=Orders(WireFault(K.EMPTY_PAGE), operation="Pull")).url)
    answer = soap.enumerate(wql_filter("SELECT * FROM Toy_Machine"))
    counts = []
    while context := answer.findtext("n:EnumerationContext", "", PREFIXES):
        inner = f"<n:EnumerationContext>{context}</n:EnumerationContext>"
        answer = soap.send(PULL, f"{BASE}/*", f"<n:Pull>{inner}</n:Pull>")
        counts.append(len(answer.find("n:Items", PREFIXES) or ()))
    assert counts == [0, 1, 1]


def test_a_restricted_account_sees_nothing(start_host: StartHost) -> None:
    soap = Soap(start_host(faults=Orders(WireFault(K.RESTRICTED))).url)
    assert soap.query("SELECT * FROM Toy_Machine") == []
    assert len(soap.query("SELECT * FROM Toy_Machine")) == 2


def test_an_answer_in_another_language(start_host: StartHost) -> None:
    soap = Soap(start_host(faults=Orders(WireFault(K.LOCALISED, locale="de-DE"))).url)
    assert 'xml:lang="de-DE"' in get(soap).text
    assert 'xml:lang="en-US"' in get(soap).text


def test_a_login_can_be_turned_down(start_host: StartHost) -> None:
    host = start_host(faults=Orders(WireFault(K.UNAUTHORIZED), Moment.LOGIN))
    with pytest.raises(InvalidCredentialsError):
        pywinrm(host.url).send_message("<x/>")
    soap = Soap(host.url)
    client = pywinrm(host.url)
    assert client.send_message(soap.envelope(GET, URI, selectors=KEYS))


def test_a_host_that_is_down_closes_at_once(start_host: StartHost) -> None:
    host = start_host(faults=Orders(WireFault(K.RESET), Moment.CONNECT))
    with pytest.raises(requests.exceptions.ConnectionError):
        get(Soap(host.url))
    assert get(Soap(host.url)).status_code == 200


def test_the_hook_learns_what_a_request_is_about(start_host: StartHost) -> None:
    orders = Orders(WireFault(K.HTML_200), operation="never")
    host = start_host(faults=orders)
    soap = Soap(host.url)
    do(soap)
    answer = soap.enumerate(wql_filter("SELECT * FROM Toy_Machine"))
    context = answer.findtext("n:EnumerationContext", "", PREFIXES)
    pull = f"<n:Pull><n:EnumerationContext>{context}</n:EnumerationContext></n:Pull>"
    soap.send(PULL, f"{BASE}/*", pull)
    path = f'Toy_Machine.CreationClassName="Toy_Machine",Name="{GUIDS[0]}"'
    soap.query(f"ASSOCIATORS OF {{{path}}} WHERE ResultClass = Toy_Setting")
    asked = [exchange for moment, exchange in orders.asked if moment is Moment.REQUEST]
    assert [exchange.operation for exchange in asked] == [
        "Toy_Service.Do",
        "Enumerate.Toy_Machine",
        "Pull.Toy_Machine",
        "Enumerate.Toy_Setting",
    ]
    assert asked[0].identifiers == (GUIDS[1],)
    assert asked[3].subject == GUIDS[0]
    assert {exchange.node for exchange in asked} == {"toy01"}


def test_the_log_tells_what_was_answered(host: Host) -> None:
    soap = Soap(host.url)
    get(soap)
    soap.fault(ENUMERATE, f"{BASE}/*", "<n:Enumerate/>")
    calls = host.server.calls
    assert [record.status for record in calls.records()] == [200, 500]
    assert calls.records(action="Enumerate")[0].fault_code == 2150858778
    assert calls.records(class_name="Toy_Machine", subject=GUIDS[0])[0].user == "svc"
    assert (calls.request_count, calls.requests_of("toy01"), calls.requests_of("x")) == (2, 2, 0)
    calls.clear()
    assert (calls.request_count, calls.records()) == (0, [])


def test_stopping_twice_is_fine(host: Host) -> None:
    host.server.stop()
    host.server.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        get(Soap(host.url))
