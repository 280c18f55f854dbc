"""Software on nodes, hypervisors with access nodes, credentials, plans."""

from __future__ import annotations

import base64
from http import HTTPStatus

import pytest

PASSWORD = base64.b64encode(b"secret").decode()


def test_a_push_makes_clients_with_the_vsa(client):
    summary = client.install()
    assert summary["status"] == "Completed"
    assert summary["jobType"] == "Install"
    listed = client.get("VSAClientAndClientGroupList")["clients"]
    assert [item["hostName"] for item in listed] == client.nodes()
    agents = client.get("Agent", clientId=listed[0]["clientId"])["agentProperties"]
    assert {item["idaEntity"]["applicationId"] for item in agents} == {33, 106}


def test_one_node_that_fails_makes_the_job_end_with_errors(client):
    node = client.engine.world.nodes()[1].name
    client.server.faults.arm("commvault-install-fails-on-node", node=node)
    summary = client.install()
    assert summary["status"] == "Completed w/ one or more errors"
    assert node in summary["pendingReason"]
    assert len(client.get("VSAClientAndClientGroupList")["clients"]) == 1


def test_a_node_that_is_down_and_a_name_nobody_knows_fail(client):
    world = client.engine.world
    world.fail_node(world.nodes()[0].name)
    summary = client.install(world.nodes()[0].hostname, "nobody.lab.example.test")
    assert summary["status"] == "Failed"
    events = client.get("Events", jobId=summary["jobId"])["commservEvents"]
    assert len(events) == 2


def test_a_wrong_account_installs_nothing(serve, client_of):
    client = client_of(serve(fabric_username="LAB\\other", fabric_password="other"))
    client.login()
    assert client.install()["status"] == "Failed"
    assert client.get("V4/AccessNodes")["accesNodes"] == []


def test_a_node_that_needs_a_reboot_has_the_vsa_only_after_it(client):
    world = client.engine.world
    node = world.nodes()[0]
    client.server.faults.arm("commvault-install-needs-reboot", node=node.name)
    assert client.install()["status"] == "Completed w/ one or more warnings"
    assert len(client.get("V4/AccessNodes")["accesNodes"]) == 1
    states = {item["name"]: item["updateState"] for item in client.get("V4/Servers")["servers"]}
    assert states[node.name] == "REBOOT_PENDING"
    world.fail_node(node.name)
    world.restore_node(node.name)
    assert len(client.get("V4/AccessNodes")["accesNodes"]) == 2


def test_access_nodes_keep_their_order_and_unknown_ones_vanish_without_a_word(client):
    client.install()
    first, second = (item["name"] for item in client.get("V4/AccessNodes")["accesNodes"])
    body = client.hypervisor_body(second, "nobody", first)
    ident = client.post("V4/Hypervisor", body)["response"]["hypervisorId"]
    listed = client.get(f"V4/Hypervisor/{ident}")["accessNodeList"]["accessNode"]
    assert [item["name"] for item in listed] == [second, first]
    instance = client.get(f"V4/Hypervisor/{ident}")["instance"]["id"]
    properties = client.get(f"Instance/{instance}")["instanceProperties"][0]
    servers = properties["virtualServerInstance"]
    assert servers["vsInstanceType"] == 102
    members = servers["associatedClients"]["memberServers"]
    assert [item["client"]["clientName"] for item in members] == [second, first]


def test_the_fault_drops_an_access_node_that_is_good(client):
    node = client.engine.world.nodes()[0]
    client.server.faults.arm("commvault-drops-access-node", node=node.name)
    ident = client.hypervisor()
    listed = client.get(f"V4/Hypervisor/{ident}")["accessNodeList"]["accessNode"]
    assert len(listed) == 1


def test_the_legacy_dialect_registers_the_same_and_lists_it(client):
    client.install()
    nodes = client.get("VSAClientAndClientGroupList")["clients"]
    members = [
        {"client": {"clientName": item["clientName"], "clientId": item["clientId"]}}
        for item in nodes
    ]
    credentials = {"userName": "LAB\\svc", "password": PASSWORD}
    server = {"serverName": "hvc.lab.example.test", "credentials": credentials}
    info = {
        "vsInstanceType": 2,
        "hyperV": server,
        "associatedClients": {"memberServers": members},
    }
    properties = {"virtualServerInstanceInfo": info}
    body = {
        "clientInfo": {"clientType": 12, "virtualServerClientProperties": properties},
        "entity": {"clientName": "HVC"},
    }
    made = client.post("Client", body)["response"]
    assert made["errorCode"] == 0
    listed = client.get("Client", PseudoClientType="VSPseudo")["VSPseudoClientsList"]
    assert listed[0]["VSInstanceType"] == 2
    assert listed[0]["client"]["clientId"] == made["entity"]["clientId"]
    again = client.post("Client", body)["response"]
    assert again == {"errorCode": 2, "errorString": "Client already exists"}


def test_the_documented_xml_registers_a_hypervisor(client):
    client.install()
    node = client.engine.world.nodes()[0].name
    body = f"""<App_CreatePseudoClientRequest><clientInfo clientType="VIRTUAL_SERVER_CLIENT">
      <virtualServerClientProperties><virtualServerInstanceInfo vsInstanceType="2">
        <hyperV serverName="hvc"><credentials userName="LAB\\svc" password="{PASSWORD}"/></hyperV>
        <associatedClients><memberServers><client clientName="{node}"/></memberServers>
        </associatedClients></virtualServerInstanceInfo></virtualServerClientProperties>
      </clientInfo><entity clientName="HVC"/></App_CreatePseudoClientRequest>"""
    headers = {"Content-Type": "application/xml", "Accept": "application/xml"}
    answer = client.http.post(f"{client.base}/Client", data=body, headers=headers, timeout=30)
    assert 'errorCode="0"' in answer.text
    (made,) = client.engine.hypervisors.all()
    assert [item.name for item in client.engine.clients.named(made.access_nodes)] == [node]


def test_access_nodes_are_changed_by_command_and_by_v4(client):
    ident = client.hypervisor()
    nodes = client.get(f"V4/Hypervisor/{ident}")["accessNodeList"]["accessNode"]
    turned = list(reversed(nodes))
    instance = client.get(f"V4/Hypervisor/{ident}")["instance"]["id"]
    members = [{"client": {"clientName": item["name"]}} for item in turned]
    request = {
        "instanceProperties": {
            "virtualServerInstance": {"associatedClients": {"memberServers": members}}
        },
        "association": {"entity": [{"instanceId": instance, "_type": 5}]},
    }
    path = "QCommand/qoperation execute"
    client.post(path, {"App_UpdateInstancePropertiesRequest": request})
    assert client.get(f"V4/Hypervisor/{ident}")["accessNodeList"]["accessNode"] == turned
    client.call("PUT", f"V4/Hypervisor/{ident}", {"accessNode": nodes[:1]})
    assert client.get(f"V4/Hypervisor/{ident}")["accessNodeList"]["accessNode"] == nodes[:1]


def test_a_stored_credential_opens_the_cluster_and_is_never_told(client):
    body = {
        "accountType": "WINDOWSACCOUNT",
        "name": "svc",
        "userAccount": "LAB\\svc",
        "password": PASSWORD,
    }
    assert client.post("V4/Credential", body)["errorCode"] == 0
    stored = client.call("GET", "V4/Credential/SVC")
    assert PASSWORD not in stored.text
    assert "secret" not in stored.text
    client.install()
    wanted = client.hypervisor_body()
    del wanted["userName"], wanted["password"]
    ident = stored.json()["id"]
    wanted["credentials"] = {"id": ident, "name": "svc"}
    client.post("V4/Hypervisor", wanted)
    assert client.call("DELETE", "V4/Credential/svc").status_code == HTTPStatus.BAD_REQUEST


def test_validation_refuses_an_account_that_opens_nothing(serve, client_of):
    server = serve(fabric_username="svc", fabric_password="secret")
    client = client_of(server)
    client.login()
    client.install()
    body = client.hypervisor_body()
    body |= {"userName": "other", "skipCredentialValidation": False}
    answer = client.call("POST", "V4/Hypervisor", body)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "configured account" in answer.json()["errorMessage"]
    body["userName"] = "LAB\\svc"
    assert client.post("V4/Hypervisor", body)["response"]["errorCode"] == 0


@pytest.mark.parametrize("field", ["name", "serverName", "hypervisorType", "accessNodes"])
def test_a_hypervisor_without_something_it_needs_is_refused(client, field):
    client.install()
    body = client.hypervisor_body()
    del body[field]
    answer = client.call("POST", "V4/Hypervisor", body)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert field in answer.json()["errorMessage"]


def test_a_plan_is_made_read_changed_and_kept_while_it_is_used(client):
    daily = {"scheduleFrequencyType": "DAILY", "frequency": 1, "startTime": 75600}
    body = {
        "planName": "Gold",
        "backupDestinations": [
            {
                "backupDestinationName": "Primary",
                "storagePool": {"id": 3, "name": "DiskPool01"},
                "retentionRuleType": "RETENTION_PERIOD",
                "retentionPeriodDays": 14,
            }
        ],
        "rpo": {"backupFrequency": {"schedules": [{"schedulePattern": daily}]}},
    }
    made = client.post("V4/ServerPlan", body)["plan"]
    listed = client.get("V2/Plan")["plans"]
    assert [item["plan"]["planName"] for item in listed] == ["Server Plan", "Gold"]
    assert {item["subtype"] for item in listed} == {33554437}
    copy = client.get(f"V2/Plan/{made['id']}", propertyLevel=30)["plan"]["storage"]["copy"][0]
    assert copy["retentionRules"] == {"retainBackupDataForDays": 14}
    client.group(plan={"id": made["id"]})
    assert client.call("DELETE", f"V4/ServerPlan/{made['id']}").status_code == 400
    wrong = {**body, "planName": "Silver"}
    wrong["backupDestinations"] = [{"storagePool": {"id": 9}}]
    assert client.call("POST", "V4/ServerPlan", wrong).status_code == 400


def test_an_older_release_has_no_v4_dialect(serve, client_of):
    client = client_of(serve(v4=False))
    client.login()
    assert client.call("GET", "V4/Hypervisor").status_code == 404
    assert client.get("Client", PseudoClientType="VSPseudo") == {"VSPseudoClientsList": []}
