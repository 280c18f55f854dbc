"""Faults at the HTTP level, and the shapes of refusals, family by family."""

from __future__ import annotations

import pytest
import requests

from safepoint.errors import UnknownNameError


@pytest.fixture
def world(quiet_world):
    return quiet_world


def arm(client, name, **more):
    client.server.faults.arm(f"commvault-{name}", **more)


def test_a_lost_answer_comes_after_the_deed(client):
    arm(client, "lost-answer", operation="POST V4/Credential")
    body = {"accountType": "WINDOWSACCOUNT", "name": "svc", "userAccount": "LAB\\svc"}
    with pytest.raises(requests.ConnectionError):
        client.call("POST", "V4/Credential", body)
    assert client.get("V4/Credential/svc")["name"] == "svc"


def test_a_lost_answer_never_strikes_a_read_or_a_login(client):
    arm(client, "lost-answer")
    client.get("Client")
    client.post("Jobs", {})
    client.login()
    assert client.server.faults.armed()


def test_a_refused_connection_comes_before_the_deed(client):
    arm(client, "refused-connection", operation="POST V4/Credential")
    body = {"accountType": "WINDOWSACCOUNT", "name": "svc", "userAccount": "LAB\\svc"}
    with pytest.raises(requests.ConnectionError):
        client.call("POST", "V4/Credential", body)
    assert client.get("V4/Credential") == {"credentialManager": []}


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("503", 503, "Service Unavailable"),
        ("500", 500, "Internal Server Error"),
        ("forbidden", 403, "Access denied"),
        ("html", 200, "<html>"),
        ("malformed", 200, '{"jobs": ['),
        ("session-expired", 401, "Access denied"),
    ],
)
def test_a_fault_spoils_one_answer(client, fault, status, text):
    arm(client, fault)
    answer = client.call("GET", "Job")
    assert answer.status_code == status
    assert text in answer.text
    assert client.call("GET", "Job").status_code == 200


def test_a_page_after_the_first_can_be_empty(client):
    client.install()
    client.install()
    arm(client, "broken-paging")
    first = client.call("GET", "Job", headers={"limit": "1", "offset": "0"}).json()
    assert len(first["jobs"]) == 1
    later = client.call("GET", "Job", headers={"limit": "1", "offset": "1"}).json()
    assert later["totalRecordsWithoutPaging"] == 2
    assert later["jobs"] == []


def test_lists_of_one_become_objects_and_empty_ones_vanish(client):
    arm(client, "lists-as-objects", times=2)
    assert isinstance(client.get("V2/Plan")["plans"], dict)
    assert client.get("V4/Credential") == {}


def test_an_attribute_list_is_added(client):
    arm(client, "processing-info")
    assert "processinginstructioninfo" in client.get("Client")


@pytest.mark.parametrize(
    ("method", "path", "find"),
    [
        ("POST", "Login", lambda body: body["errList"][0]),
        ("POST", "Client", lambda body: body["response"]),
        ("POST", "Client/2", lambda body: body["response"][0]),
        ("POST", "CreateTask", lambda body: body),
        ("POST", "Job/1/action/kill", lambda body: body["errors"][0]["errList"][0]),
        ("POST", "JobDetails", lambda body: body["error"]["errList"][0]),
        ("POST", "DoBrowse", lambda body: body["browseResponses"][0]["messages"][0]),
        ("GET", "V2/Plan", lambda body: body["error"]),
    ],
)
def test_an_error_has_the_shape_of_its_family_with_http_200(client, method, path, find):
    arm(client, "error-code", operation=f"{method} *")
    answer = client.call(method, path, {} if method == "POST" else None)
    assert answer.status_code == 200
    assert find(answer.json())["errorCode"] == 587205848


def test_the_v4_family_uses_the_status(client):
    arm(client, "error-code")
    answer = client.call("GET", "V4/Hypervisor")
    assert answer.status_code == 500
    assert answer.json()["errorCode"] == 587205848
    assert client.call("GET", "V4/Hypervisor/999").status_code == 404
    assert client.call("GET", "GetId", clientname="nobody").status_code == 404


def test_a_refused_renewal_has_its_own_shape(client):
    arm(client, "renewal-refused")
    old = client.http.headers["Authtoken"]
    answer = client.post("RenewLoginToken", {"sessionId": old})
    assert answer["error"]["errLogMessage"]
    assert client.post("RenewLoginToken", {"sessionId": old})["token"]


def test_an_unknown_job_is_a_total_of_nothing(client):
    assert client.get("Job/99999") == {"totalRecordsWithoutPaging": 0}


def test_wrong_tasks_are_refused(client):
    assert client.post("CreateTask", {})["errorCode"] != 0
    task = {"subTask": {"subTaskType": 9, "operationType": 9}}
    answer = client.post("CreateTask", {"taskInfo": {"subTasks": [task]}})
    assert "not supported" in answer["errorMessage"]
    package = {"packageId": 9999}
    entity = {"clientName": "hv01", "hostName": "hv01"}
    wrong = client.post("InstallClient", {"entities": [entity], "packages": [package]})
    assert "9999" in wrong["errorMessage"]


def test_a_name_that_is_no_fault_is_refused_with_a_hint(client):
    with pytest.raises(UnknownNameError) as caught:
        client.server.faults.arm("commvault-lost-anser")
    assert "commvault-lost-answer" in caught.value.hint


def test_no_secret_is_in_any_record(client):
    client.hypervisor()
    body = {
        "accountType": "WINDOWSACCOUNT",
        "name": "svc",
        "userAccount": "LAB\\svc",
        "password": "c2VjcmV0",
    }
    client.post("V4/Credential", body)
    shelf = client.engine.shelf
    from safepoint_lab.commvault.records import Credential, Hypervisor, Job

    shown = repr([shelf.all(kind) for kind in (Credential, Hypervisor, Job)])
    assert "secret" not in shown
    assert "c2VjcmV0" not in shown
