"""Every error path of the client, without a server."""

from __future__ import annotations

import pytest
import requests
import responses
from pydantic import SecretStr
from urllib3.exceptions import NewConnectionError

from safepoint import errors
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.faults import ERROR_CODES, FAULTS, awaits_approval, error_of, fault_of
from safepoint_veeam.paging import pages

URL = "https://vbr.test:9419"
SECRET = "hunter2-secret"
TOKEN = {"access_token": "aaa-secret", "refresh_token": "rrr-secret", "expires_in": 900}
ENDS = {"jobs": f"{URL}/api/v1/jobs", "login": f"{URL}/api/oauth2/token"}


@pytest.fixture
def wire():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(wire):
    wire.post(ENDS["login"], json=TOKEN)
    return VeeamClient(URL, "svc", SecretStr(SECRET), api_version="1.3-rev1")


@pytest.mark.parametrize("code", ["", *ERROR_CODES])
def test_every_status_and_code_has_a_meaning(code):
    for status in range(300, 600):
        assert issubclass(fault_of(status, code).kind, errors.DriverError)
        assert fault_of(status, code) == fault_of(status, code.upper())


@pytest.mark.parametrize(("row", "fault"), FAULTS.items())
def test_every_row_is_what_is_raised(client, wire, row, fault):
    status, code = row
    if status == 401:
        wire.post(ENDS["login"], json=TOKEN)
    wire.get(f"{URL}/api/v1/license", json={"errorCode": code, "message": "why"}, status=status)
    with pytest.raises(fault.kind) as caught:
        client.license()
    assert type(caught.value) is fault.kind
    assert "secret" not in f"{caught.value.to_dict()}{client!r}"


@pytest.mark.parametrize("status", [429, 503])
def test_patience_carries_the_servers_own_figure(client, wire, status):
    wire.get(f"{URL}/api/v1/license", status=status, headers={"Retry-After": "7"})
    with pytest.raises(errors.ThrottledError) as caught:
        client.license()
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("body", ["", "<html>proxy</html>", "{", "[]"])
def test_an_unreadable_answer_is_never_taken_for_success(client, wire, body):
    wire.get(f"{URL}/api/v1/license", body=body)
    with pytest.raises(errors.ProtocolError):
        client.license()
    wire.post(ENDS["jobs"], body=body, status=201)
    with pytest.raises(errors.OutcomeUnknownError):
        client.jobs.create({"name": "x"})


def test_a_broken_connection_loses_the_outcome_of_a_write_only(client, wire):
    lost = requests.exceptions.ReadTimeout("no")
    wire.get(f"{URL}/api/v1/license", body=lost)
    wire.post(ENDS["jobs"], body=lost)
    with pytest.raises(errors.UnreachableError):
        client.license()
    with pytest.raises(errors.OutcomeUnknownError):
        client.jobs.create({"name": "x"})
    assert len(wire.calls) == 3


def test_a_write_that_never_left_is_unreachable(client, wire):
    never = requests.ConnectionError(NewConnectionError(None, "refused"))
    wire.post(ENDS["jobs"], body=never)
    with pytest.raises(errors.UnreachableError):
        client.jobs.create({"name": "x"})


def test_401_refreshes_once_then_logs_in_and_repeats(client, wire):
    wire.get(f"{URL}/api/v1/license", status=401)
    wire.post(ENDS["login"], json={"errorCode": "InvalidToken"}, status=401)
    wire.post(ENDS["login"], json=TOKEN)
    wire.get(f"{URL}/api/v1/license", json={"status": "Valid", "edition": "Enterprise"})
    assert client.license().status == "Valid"
    grants = [c.request.body for c in wire.calls if c.request.url == ENDS["login"]]
    assert [str(g).split("&")[0] for g in grants] == [
        "grant_type=password",
        "grant_type=refresh_token",
        "grant_type=password",
    ]


def test_negotiation_steps_down_and_a_wrong_password_stops_at_once(wire):
    no = {"errorCode": "NotImplemented", "message": "Unsupported RESTAPI version."}
    wire.post(ENDS["login"], json=no, status=400)
    wire.post(ENDS["login"], json={"errorCode": "AccessDenied"}, status=401)
    with pytest.raises(errors.AuthenticationError):
        VeeamClient(URL, "svc", SecretStr(SECRET)).license()
    sent = [c.request.headers["x-api-version"] for c in wire.calls]
    assert sent == ["1.3-rev2", "1.3-rev1"]


def test_no_common_revision_is_unsupported(wire):
    wire.post(ENDS["login"], json={"errorCode": "NotImplemented"}, status=400)
    with pytest.raises(errors.UnsupportedError):
        VeeamClient(URL, "svc", SecretStr(SECRET)).license()


def test_close_logs_out_once_and_ends_the_client(client, wire):
    wire.get(f"{URL}/api/v1/license", json={"status": "Valid", "edition": "Enterprise"})
    wire.post(f"{URL}/api/oauth2/logout", json={})
    client.license()
    client.close()
    client.close()
    assert len(wire.calls) == 3
    with pytest.raises(errors.ConflictError):
        client.license()


def page(ids, total, **frame):
    frame = {"total": total, "count": len(ids), **frame}
    return {"data": [{"id": i} for i in ids], "pagination": frame}


@pytest.mark.parametrize(
    "answers",
    [
        [{}],
        [page(["a"], 2), page([], 2)],
        [page(["a"], 2), page(["a"], 2)],
        [page(["a"], 2), page(["b"], 3)],
        [page(["a", "b"], 1)],
        [page(["a"], 1, count=2)],
        [page(["a"], 2), page(["b"], 2, skip=0)],
    ],
)
def test_a_broken_listing_raises(answers):
    left = iter(answers)
    with pytest.raises(errors.ProtocolError):
        list(pages(lambda _s, _l: next(left), operation="o", system="s"))


def test_a_gateways_failure_of_a_write_is_an_unknown_outcome():
    error = error_of(504, None, {}, operation="o", system="s", writes=True)
    assert isinstance(error, errors.OutcomeUnknownError)


def test_a_second_person_is_recognised():
    body = {"errorCode": "AccessDenied", "message": "Four-eyes authorization is on"}
    assert awaits_approval(error_of(403, body, {}, operation="o", system="s", writes=True))
