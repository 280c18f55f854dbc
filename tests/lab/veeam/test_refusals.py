"""What a job may not say, how lists page and filter, and what faults do on the wire."""

from __future__ import annotations

import copy

import pytest
import requests

from safepoint.errors import UnknownNameError

GHOST = "5a6d9f30-4c1e-4b0a-9a7d-1b2c3d4e5006"


@pytest.fixture
def draft(client):
    """A job body that is good, to be spoiled."""
    root = client.cluster()
    return client.job_body(client.objects(root, "VirtualMachine"))


def put(body, path, value):
    *parents, last = path.split(".")
    for name in parents:
        body = body[int(name)] if name.isdecimal() else body.setdefault(name, {})
    if value is None:
        del body[last]
    else:
        body[last] = value


def test_a_job_that_cannot_be_is_refused_with_the_field(client, draft):
    wrong = [
        ("name", None, "name"),
        ("name", " ", "name"),
        ("description", None, "description"),
        ("surprise", 1, "surprise"),
        ("isHighPriority", "yes", "isHighPriority"),
        ("virtualMachines.includes", [], "virtualMachines.includes"),
        ("virtualMachines.includes.0.objectId", GHOST, "virtualMachines.includes[0].objectId"),
        ("virtualMachines.includes.0.type", "Tag", "virtualMachines.includes[0].objectId"),
        ("virtualMachines.includes.0.hostName", "x", "virtualMachines.includes[0].hostName"),
        ("storage.backupRepositoryId", GHOST, "storage.backupRepositoryId"),
        ("storage.backupRepositoryId", "no-uuid", "storage.backupRepositoryId"),
        ("storage.retentionPolicy.type", "Ever", "storage.retentionPolicy.type"),
        ("storage.retentionPolicy.quantity", 0, "storage.retentionPolicy.quantity"),
        ("storage.backupProxies.proxyType", "OffHost", "storage.backupProxies.offHostSettings"),
        ("storage.gfsPolicy", {"isEnabled": True}, "storage.gfsPolicy"),
        (
            "storage.advancedSettings",
            {"backupModeType": "Incremental", "syntheticFulls": {"isEnabled": False}},
            "storage.advancedSettings.syntheticFulls",
        ),
        ("schedule.runAutomatically", True, "schedule"),
        ("schedule.daily", {"isEnabled": True, "localTime": "25:00"}, "schedule.daily.localTime"),
    ]
    for path, value, field in wrong:
        body = copy.deepcopy(draft)
        put(body, path, value)
        answer = client.call("POST", "/jobs", body)
        assert answer.status_code == 400, (path, answer.text)
        error = answer.json()
        assert error["errorCode"] == "UnexpectedContent"
        assert error["data"]["invalidParams"].startswith(f"Name: {field};"), (path, error)
    assert client.get("/jobs")["data"] == []


def test_names_are_unique_and_put_needs_the_id(client, draft):
    job = client.post("/jobs", draft)
    assert client.call("POST", "/jobs", draft).status_code == 400
    without = {name: value for name, value in job.items() if name != "id"}
    refused = client.call("PUT", f"/jobs/{job['id']}", without)
    assert refused.json()["message"] == "'Id' must not be empty."
    changed = client.call("PUT", f"/jobs/{job['id']}", job | {"description": "new"}).json()
    assert changed == job | {"description": "new"}


def test_put_replaces_what_it_leaves_out_by_defaults(client, draft):
    draft["storage"]["gfsPolicy"] = {
        "isEnabled": True,
        "weekly": {"isEnabled": True, "keepForNumberOfWeeks": 2},
    }
    job = client.post("/jobs", draft)
    del job["storage"]["gfsPolicy"]
    changed = client.call("PUT", f"/jobs/{job['id']}", job).json()
    assert changed["storage"]["gfsPolicy"] == {"isEnabled": False}


def test_a_server_in_use_is_not_removed(client, draft):
    client.post("/jobs", draft)
    path = "/backupInfrastructure/managedServers"
    server = client.get(path)["data"][0]
    session = client.finished(client.call("DELETE", f"{path}/{server['id']}").json())
    assert session["result"]["result"] == "Failed"
    assert client.call("DELETE", f"/credentials/{server['credentialsId']}").status_code == 500
    assert len(client.get(path)["data"]) == 1


def test_filters_come_before_paging(client):
    for _ in range(5):
        client.credential()
    first = client.get("/credentials", skip=0, limit=2)
    assert first["pagination"] == {"total": 5, "count": 2, "skip": 0, "limit": 2}
    last = client.get("/credentials", skip=4, limit=2)
    assert last["pagination"]["count"] == 1
    assert client.get("/credentials")["pagination"]["limit"] == 200
    assert client.get("/credentials", nameFilter="*svc")["pagination"]["total"] == 5
    assert client.get("/credentials", nameFilter="nobody*")["pagination"]["total"] == 0
    linux = client.get("/credentials", typeFilter=["Linux", "ManagedService"])
    assert linux["pagination"]["total"] == 0
    assert client.call("GET", "/credentials", limit=0).status_code == 400
    assert client.call("GET", "/credentials", skip="two").status_code == 400


def test_the_inventory_is_stale_until_it_is_reset(client, world):
    root = client.cluster()
    vm = world.vm_named("web01")
    world.live_migrate(vm.guid, "hv02" if vm.node == "hv01" else "hv01")

    def parents(**query):
        body = {"hierarchyType": "HostsAndVMs"}
        rows = client.post(f"/inventory/{root}", body, 200, **query)["data"]
        return {row["name"]: row["parentObjectId"] for row in rows}

    before = parents()
    assert parents()["web01"] == before["web01"]
    assert parents(resetCache="true")["web01"] != before["web01"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("veeam-token-expired", 401),
        ("veeam-503", 503),
        ("veeam-500", 500),
        ("veeam-forbidden", 403),
        ("veeam-rate-limit", 429),
    ],
)
def test_a_fault_strikes_once_with_its_status(client, fault, status):
    client.server.faults.arm(fault)
    assert client.call("GET", "/jobs").status_code == status
    assert client.call("GET", "/jobs").status_code == 200


def test_faults_that_break_the_answer(client):
    faults = client.server.faults
    faults.arm("veeam-html")
    assert client.call("GET", "/jobs").headers["Content-Type"].startswith("text/html")
    faults.arm("veeam-malformed")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        client.call("GET", "/jobs").json()
    faults.arm("veeam-refused-connection", operation="POST /credentials")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.credential()
    assert client.get("/credentials")["data"] == []
    for _ in range(3):
        client.credential()
    faults.arm("veeam-broken-paging")
    assert client.get("/credentials", skip=0, limit=2)["pagination"]["count"] == 2
    broken = client.get("/credentials", skip=2, limit=2)
    assert (broken["data"], broken["pagination"]["total"]) == ([], 3)


def test_an_unknown_fault_is_refused_with_a_suggestion(client):
    with pytest.raises(UnknownNameError) as caught:
        client.server.faults.arm("veeam-5O3")
    assert "veeam-503" in caught.value.hint
