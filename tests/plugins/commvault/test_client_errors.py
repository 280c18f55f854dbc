"""Every error path of the client, without a server."""

from __future__ import annotations

import base64
import json

import pytest
import requests
import responses
from pydantic import SecretStr
from urllib3.exceptions import NewConnectionError

from safepoint import errors
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.faults import Complaint, complaint_of, error_of, fault_of
from safepoint_commvault.operations import OPERATIONS
from safepoint_commvault.wire.base import as_list

URL = "https://commserve01.test"
API = f"{URL}/commandcenter/api"
SECRET = "hunter2-secret"
TOKEN = {"token": "QSDK aaaa-secret", "userName": "svc"}
SERVE = {"hostName": "commserve01", "commcell": {"commCellId": 2, "commCellName": "commserve01"}}


@pytest.fixture
def wire():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(wire):
    wire.post(f"{API}/Login", json=TOKEN)
    return CommvaultClient(URL, "CORP\\svc", SecretStr(SECRET))


SHAPES = {
    "top": {"errorCode": 7, "errorMessage": "why"},
    "text code": {"errorCode": "7", "errorMessage": "why"},
    "response": {"response": {"errorCode": 7, "errorString": "why"}},
    "response list": {"response": [{"errorCode": 0}, {"errorCode": 7, "errorMessage": "why"}]},
    "error": {"error": {"errorCode": 7, "errorMessage": "why"}},
    "error list": {"error": {"errList": [{"errorCode": 7, "errLogMessage": "why"}]}},
    "errors lists": {"errors": [{"errList": [{"errorCode": 7, "errLogMessage": "why"}]}]},
    "errors status": {"errors": [{"status": {"errorCode": 7, "errorMessage": "why"}}]},
    "component": {"errors": [{"component": "x", "errorCode": 7, "errorMessage": "why"}]},
    "login": {"errList": [{"errorCode": 7, "errLogMessage": "why"}]},
    "one for a list": {"errList": {"errorCode": 7, "errLogMessage": "why"}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_of_an_error_is_found_in_an_http_200(client, wire, shape):
    """Status 200 is no success when the body says otherwise; the code and words are kept."""
    assert complaint_of(shape) == Complaint("7", "why")
    wire.post(f"{API}/Job/9/action/kill", json=shape)
    with pytest.raises(errors.VendorFaultError) as caught:
        client.jobs.kill("9")
    assert (caught.value.native_code, caught.value.native_message) == ("7", "why")
    assert "secret" not in f"{caught.value.to_dict()}{client!r}"


def test_a_browse_and_a_renewal_complain_in_words_alone():
    browse = {"browseResponses": [{"respType": 1, "messages": [{"errorMessage": "no index"}]}]}
    assert complaint_of(browse) == Complaint("unknown", "no index")
    renewal = {"error": {"errLogMessage": "token expired"}}
    assert complaint_of(renewal) == Complaint("unknown", "token expired")


@pytest.mark.parametrize(
    "body",
    [
        {},
        None,
        [],
        {"errorCode": 0, "errorMessage": ""},
        {"errorCode": "0", "warningCode": 5, "warningMessage": "look"},
        {"response": [{"errorCode": 0}]},
        {"errors": [{"errList": [{"errorCode": 0, "errLogMessage": ""}]}]},
        {"plan": {"id": 1}, "errors": [{"errorCode": 587207454, "errorMessage": "a warning"}]},
        {"browseResponses": [{"browseResult": {}, "messages": [{"errorMessage": "aged"}]}]},
    ],
)
def test_zero_and_warnings_are_no_errors(body):
    assert complaint_of(body) is None


@pytest.mark.parametrize("complaint", [None, Complaint("7", "why"), Complaint("1116", "x")])
def test_every_status_has_a_meaning(complaint):
    for status in [200, *range(300, 600)]:
        assert issubclass(fault_of(status, complaint).kind, errors.DriverError)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Client already exists", errors.ConflictError),
        ("A backup is already running for it", errors.BusyError),
        ("Backup activity is disabled on the client", errors.ConflictError),
        ("Access denied", errors.PermissionDeniedError),
        ("Subclient not found", errors.NotFoundError),
        ("anything else", errors.VendorFaultError),
    ],
)
def test_known_words_choose_the_kind(words, kind):
    assert fault_of(200, Complaint("2", words)).kind is kind


@pytest.mark.parametrize("body", ["", "<html>proxy</html>", "{", "[]"])
def test_an_unreadable_answer_is_never_taken_for_success(client, wire, body):
    wire.get(f"{API}/CommServ", body=body)
    with pytest.raises(errors.ProtocolError):
        client.machines.comm_serve()
    wire.post(f"{API}/Subclient", body=body)
    with pytest.raises(errors.OutcomeUnknownError):
        client.vm_groups.create({})


def test_a_broken_connection_loses_the_outcome_of_a_write_only(client, wire):
    lost = requests.exceptions.ReadTimeout("no")
    wire.get(f"{API}/CommServ", body=lost)
    wire.post(f"{API}/Subclient", body=lost)
    with pytest.raises(errors.UnreachableError):
        client.machines.comm_serve()
    with pytest.raises(errors.OutcomeUnknownError):
        client.vm_groups.create({})
    assert len(wire.calls) == 3


def test_a_write_that_never_left_is_unreachable(client, wire):
    never = requests.ConnectionError(NewConnectionError(None, "refused"))
    wire.post(f"{API}/Subclient", body=never)
    with pytest.raises(errors.UnreachableError):
        client.vm_groups.create({})


def test_a_gateways_failure_of_a_write_is_an_unknown_outcome():
    error = error_of(504, None, {}, operation="o", system="s", writes=True)
    assert isinstance(error, errors.OutcomeUnknownError)


@pytest.mark.parametrize("status", [429, 503])
def test_patience_carries_the_servers_own_figure(client, wire, status):
    wire.get(f"{API}/CommServ", status=status, headers={"Retry-After": "7"})
    with pytest.raises(errors.ThrottledError) as caught:
        client.machines.comm_serve()
    assert caught.value.retry_after_seconds == 7


def test_401_renews_once_with_the_lapsed_token_and_repeats(client, wire):
    wire.get(f"{API}/CommServ", status=401)
    wire.post(f"{API}/RenewLoginToken", json={"token": "QSDK bbbb"})
    wire.get(f"{API}/CommServ", json=SERVE)
    assert client.machines.comm_serve().comm_cell_id == 2
    renewal = wire.calls[2].request
    assert renewal.headers["Authtoken"] == TOKEN["token"]
    assert json.loads(renewal.body)["sessionId"] == TOKEN["token"]
    assert wire.calls[3].request.headers["Authtoken"] == "QSDK bbbb"


def test_a_refused_renewal_logs_in_anew_and_no_more(client, wire):
    wire.get(f"{API}/CommServ", status=401)
    wire.post(f"{API}/RenewLoginToken", json={"error": {"errLogMessage": "expired"}})
    wire.post(f"{API}/Login", json={"token": "QSDK cccc"})
    wire.get(f"{API}/CommServ", status=401)
    with pytest.raises(errors.AuthenticationError):
        client.machines.comm_serve()
    asked = [call.request.url.rpartition("/")[2] for call in wire.calls]
    assert asked == ["Login", "CommServ", "RenewLoginToken", "Login", "CommServ"]


def test_a_wrong_password_is_an_http_200_and_is_tried_once(wire):
    no = {"errList": [{"errorCode": 1116, "errLogMessage": "Username/Password are incorrect"}]}
    wire.post(f"{API}/Login", json=no)
    with pytest.raises(errors.AuthenticationError) as caught:
        CommvaultClient(URL, "svc", SecretStr(SECRET)).machines.comm_serve()
    assert caught.value.native_code == "1116"
    assert len(wire.calls) == 1
    assert SECRET not in str(caught.value.to_dict())


def test_a_locked_account_says_how_long(wire):
    wire.post(f"{API}/Login", json={"isAccountLocked": True, "remainingLockTime": 300})
    with pytest.raises(errors.AuthenticationError) as caught:
        CommvaultClient(URL, "svc", SecretStr(SECRET)).machines.comm_serve()
    assert "locked" in caught.value.message
    assert "300 s" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"body": "<html>"}, errors.ProtocolError),
        ({"status": 503}, errors.ThrottledError),
        (
            {"json": {"errorCode": 5, "errorMessage": "x"}, "status": 403},
            errors.AuthenticationError,
        ),
    ],
)
def test_other_ends_of_a_login(wire, answer, kind):
    wire.post(f"{API}/Login", **answer)
    with pytest.raises(kind):
        CommvaultClient(URL, "svc", SecretStr(SECRET)).machines.comm_serve()


def test_a_login_sends_domain_and_encoded_password(client, wire):
    wire.get(f"{API}/CommServ", json=SERVE)
    client.machines.comm_serve()
    sent = json.loads(wire.calls[0].request.body)
    assert (sent["domain"], sent["username"]) == ("CORP", "svc")
    assert base64.b64decode(sent["password"]).decode() == SECRET


def test_close_logs_out_once_and_ends_the_client(client, wire):
    wire.get(f"{API}/CommServ", json=SERVE)
    wire.post(f"{API}/Logout", body="User logged out")
    client.machines.comm_serve()
    client.close()
    client.close()
    assert len(wire.calls) == 3
    with pytest.raises(errors.ConflictError):
        client.machines.comm_serve()


def test_a_url_with_a_path_is_taken_as_it_is(wire):
    wire.post(f"{URL}/webconsole/api/Login", json=TOKEN)
    wire.get(f"{URL}/webconsole/api/CommServ", json=SERVE)
    other = CommvaultClient(f"{URL}/webconsole/api/", "svc", SecretStr(SECRET))
    assert other.machines.comm_serve().name == "commserve01"
    assert other.system == "commserve01.test"


def test_a_created_object_without_an_id_is_no_success(client, wire):
    wire.post(f"{API}/Subclient", json={"response": {"errorCode": 0}})
    with pytest.raises(errors.OutcomeUnknownError):
        client.vm_groups.create({})


def test_a_row_we_cannot_read_raises(client, wire):
    wire.get(f"{API}/VSAClientAndClientGroupList", json={"clients": [{"clientName": "hv01"}]})
    with pytest.raises(errors.ProtocolError):
        client.machines.access_nodes()


def test_a_list_of_vms_that_ends_early_raises(client, wire):
    row = {"name": "a", "strGUID": "g1"}
    wire.get(f"{API}/VM", json={"totalRecords": 2, "vmStatusInfoList": [row]})
    wire.get(f"{API}/VM", json={"totalRecords": 2})
    with pytest.raises(errors.ProtocolError):
        client.vms.known("17")


@pytest.mark.parametrize(
    ("value", "wanted"), [(None, []), ("", []), ({"a": 1}, [{"a": 1}]), ([1, 2], [1, 2])]
)
def test_single_or_list(value, wanted):
    assert as_list(value) == wanted


def test_every_write_is_marked_as_one():
    """A POST that only asks is named here; everything else that is no GET changes something."""
    asking = {"job-details", "jobs", "browse"}
    for row in OPERATIONS.values():
        assert row.writes is (row.method != "GET" and row.name not in asking), row.name
