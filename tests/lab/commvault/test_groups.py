"""Content rules in both dialects, filters, and what they mean on the world."""

from __future__ import annotations

import pytest

from safepoint_lab.commvault.groups.modern import read_content, write_content


@pytest.fixture
def hypervisor(client):
    return client.hypervisor()


def preview(client, hypervisor, *rules, match="ANY", filters=None):
    body = {"content": {"ruleGroups": [{"matchRule": match, "rules": list(rules)}]}}
    if filters:
        body["filters"] = {"ruleGroups": [{"matchRule": "ANY", "rules": filters}]}
    found = client.post("V4/VmGroup/Preview", body, hypervisorId=hypervisor)
    assert found["ProtectedVMCount"] == len(found["vmList"])
    return {item["name"] for item in found["vmList"]}


def rule(kind, condition, name, **more):
    return {"type": kind, "condition": condition, "name": name, **more}


def test_rules_choose_by_name_host_share_and_power(client, hypervisor):
    world = client.engine.world
    first, second = world.vms()
    both = {first.name, second.name}
    share = world.clusters()[0].shares[0]
    host = world.node(first.node).hostname
    ask = lambda *rules, **more: preview(client, hypervisor, *rules, **more)
    assert ask(rule("VM_NAME", "STARTS_WITH", first.name[:3])) == {first.name}
    assert ask(rule("VM_NAME", "DOES_NOT_EQUAL", first.name)) == {second.name}
    assert ask(rule("SERVER", "EQUALS", host)) == {first.name}
    assert ask(rule("SMB_SHARE", "EQUALS", share.unc)) == both
    assert ask(rule("FILE_SERVER", "EQUALS", share.server)) == both
    assert ask(rule("CLUSTER", "EQUALS", world.clusters()[0].fqdn)) == both
    assert ask(rule("UNPROTECTED_VMS", "EQUALS", "any")) == both
    assert ask(rule("TAG", "EQUALS", "gold")) == set()
    world.stop_vm(first.guid)
    on = rule("VM_POWER_STATE", "EQUALS", "on", value="1")
    assert ask(on) == {second.name}
    named = rule("VM_NAME", "EQUALS", first.name)
    assert ask(on, named) == both
    assert ask(on, named, match="ALL") == set()
    assert ask(rule("VM_NAME", "CONTAINS", "0"), filters=[named]) == {second.name}


def test_content_survives_the_way_there_and_back():
    content = {
        "virtualMachines": [{"name": "a", "GUID": "G-1", "type": "VM"}],
        "ruleGroups": [
            {
                "matchRule": "ALL",
                "rules": [
                    rule("VM_NAME", condition, "sql", displayName="sql", value="")
                    for condition in (
                        "EQUALS",
                        "DOES_NOT_EQUAL",
                        "CONTAINS",
                        "DOES_NOT_CONTAIN",
                        "STARTS_WITH",
                        "ENDS_WITH",
                    )
                ],
            }
        ],
    }
    assert write_content(read_content(content)) == content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"ruleGroups": [{"matchRule": "SOME", "rules": []}]}, "matchRule"),
        ({"ruleGroups": [{"rules": [{"type": "MOON", "name": "x"}]}]}, "MOON"),
        ({"ruleGroups": [{"rules": [{"type": "VM_NAME"}]}]}, "name"),
        ({"ruleGroups": [{"rules": [rule("VM_NAME", "IS", "x")]}]}, "IS"),
        ({"virtualMachines": [{"type": "VM"}]}, "GUID"),
    ],
)
def test_rules_that_cannot_be_are_refused(client, hypervisor, content, reason):
    body = {"name": "gold", "Hypervisor": {"id": hypervisor}, "content": content}
    answer = client.call("POST", "V4/VmGroup", body)
    assert answer.status_code == 400
    assert reason in answer.json()["errorMessage"]


def legacy(name, children, **more):
    return {
        "subClientProperties": {
            "vmContentOperationType": 2,
            "vmContent": {"children": children},
            "subClientEntity": {
                "clientName": "hvc",
                "appName": "virtual server",
                "instanceName": "hyper-v",
                "backupsetName": "defaultbackupset",
                "subclientName": name,
            },
            "planEntity": {"planName": "server plan"},
            **more,
        }
    }


def test_the_legacy_dialect_makes_changes_and_deletes_groups(client, hypervisor):
    first, second = client.engine.world.vms()
    pick = [{"type": 9, "name": vm.guid, "displayName": vm.name} for vm in (first, second)]
    made = client.post("Subclient", legacy("gold", pick[:1]))["response"]
    assert made["errorCode"] == 0
    ident = made["entity"]["subclientId"]
    assert client.post("Subclient", legacy("GOLD", pick))["response"]["errorCode"] != 0

    added = {"vmContentOperationType": "ADD", "vmContent": {"children": pick[1:]}}
    client.post(f"Subclient/{ident}", {"subClientProperties": added})
    shown = client.get(f"Subclient/{ident}")["subClientProperties"][0]
    assert [item["name"] for item in shown["vmContent"]["children"]] == [first.guid, second.guid]
    assert shown["planEntity"]["planName"] == "Server Plan"
    gone = {"vmContentOperationType": "DELETE", "vmContent": {"children": pick[:1]}}
    client.post(f"Subclient/{ident}", {"subClientProperties": gone})
    switches = {"quiesceGuestFileSystemAndApplications": False}
    changes = {"vsaSubclientProp": switches, "commonProperties": {"enableBackup": False}}
    client.post(f"Subclient/{ident}", {"subClientProperties": changes})
    modern = client.get(f"V4/VmGroup/{ident}")
    assert [item["GUID"] for item in modern["content"]["virtualMachines"]] == [second.guid]
    assert modern["settings"]["vmBackupType"] == "CRASH_CONSISTENT"
    assert modern["activityControl"] == {"enableBackup": False, "enableRestore": True}

    assert client.call("DELETE", f"Subclient/{ident}").json() == {"response": [{"errorCode": 0}]}
    listed = client.get("Subclient", clientId=hypervisor)["subClientProperties"]
    assert [item["subClientEntity"]["subclientName"] for item in listed] == ["default"]
    default = listed[0]["subClientEntity"]["subclientId"]
    refused = client.call("DELETE", f"Subclient/{default}").json()["response"][0]
    assert refused["errorCode"] != 0


def test_an_unknown_plan_and_an_unknown_hypervisor_are_refused(client, hypervisor):
    pick = [{"type": 10, "displayName": "*"}]
    wrong = legacy("gold", pick, planEntity={"planName": "nothing"})
    assert client.post("Subclient", wrong)["response"]["errorCode"] != 0
    body = {"name": "gold", "Hypervisor": {"id": 999}}
    assert client.call("POST", "V4/VmGroup", body).status_code == 400


def test_a_changed_group_keeps_what_was_not_named(client, hypervisor):
    ident = client.group(hypervisor=hypervisor)
    before = client.get(f"V4/VmGroup/{ident}")
    settings = {"vmBackupType": "CRASH_CONSISTENT", "noOfReaders": 2}
    client.call("PUT", f"V4/VmGroup/{ident}", {"newName": "silver", "settings": settings})
    after = client.get(f"V4/VmGroup/{ident}")
    assert after["name"] == "silver"
    assert after["settings"]["noOfReaders"] == 2
    assert after["content"] == before["content"]
    assert after["plan"] == before["plan"]
    client.call("PUT", f"V4/VmGroup/{ident}", {"content": {"overwrite": True}})
    assert client.get(f"V4/VmGroup/{ident}")["content"]["ruleGroups"] == []


def test_the_default_group_has_what_no_other_group_has(client, hypervisor):
    first, second = client.engine.world.vms()
    client.group(first.name, hypervisor=hypervisor)
    default = client.engine.groups.all()[0]
    assert [vm.guid for vm in client.engine.resolver.group(default)] == [second.guid]


def test_disks_are_left_out_by_pattern(client, hypervisor):
    vm = max(client.engine.world.vms(), key=lambda vm: len(vm.disks))
    assert len(vm.disks) == 2
    name = vm.disks[1].path.rpartition("\\")[2].partition(".")[0]
    rules = [{"filterType": "DISK_PATTERN", "name": f"{name}*", "vmGuid": vm.guid}]
    ident = client.group(vm.name, hypervisor=hypervisor)
    client.call("PUT", f"V4/VmGroup/{ident}", {"diskFilters": {"rules": rules}})
    client.backup(ident)
    kept = client.engine.points.of_vm(vm.guid)[0].disks
    assert [disk.slot for disk in kept] == [vm.disks[0].slot]
