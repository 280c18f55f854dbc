"""Bodies that are wrong in any one place: refused in the shape of the family, never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from safepoint_lab.commvault.api import operations_of
from safepoint_lab.commvault.calls import Call
from safepoint_lab.commvault.problems import Problem

WRONG: tuple[Any, ...] = (None, "x", -1, [], {}, [[]], [None], [3], {"a": 1}, True)


@pytest.fixture
def world(quiet_world):
    return quiet_world


RULE = {"type": 10, "name": "", "displayName": "sql*", "equalsOrNotEquals": True}
MODERN = {"type": "VM_NAME", "condition": "EQUALS", "name": "sql", "displayName": "sql"}
SUBCLIENT = {
    "vmContentOperationType": 2,
    "vmContent": {"children": [RULE, {"allOrAnyChildren": False, "children": [RULE]}]},
    "vmFilter": {"children": [RULE]},
    "vmDiskFilter": {"filters": [{"filter": "x", "filterType": 2, "vmGuid": ""}]},
    "subClientEntity": {"clientName": "HVC", "clientId": 0, "subclientName": "gold"},
    "commonProperties": {"description": "", "enableBackup": True},
    "vsaSubclientProp": {"proxies": {"memberServers": [{"client": {"clientName": "x"}}]}},
    "planEntity": {"planName": "Server Plan"},
}
RESTORE = {
    "restoreOptions": {
        "browseOption": {"timeRange": {"toTime": 5}},
        "commonOptions": {"unconditionalOverwrite": True},
        "destination": {"inPlace": False, "destPath": [""], "destClient": {"clientName": "x"}},
        "fileOption": {"sourceItem": ["\\GUID"]},
        "virtualServerRstOption": {
            "diskLevelVMRestoreOption": {
                "advancedRestoreOptions": [
                    {
                        "guid": "GUID",
                        "newName": "x",
                        "esxHost": "x",
                        "disks": [{"name": "a", "DestinationPath": "b"}],
                    }
                ]
            }
        },
        "volumeRstOption": {"volumeLevelRestoreType": 1},
    }
}
INSTALL = {
    "adminOpts": {
        "clientInstallOption": {
            "installOSType": 0,
            "installerOption": {
                "clientComposition": [{"components": {"componentInfo": [{"ComponentId": 713}]}}]
            },
            "clientDetails": [{"clientEntity": {"clientName": "hv01"}}],
            "clientAuthForJob": {"userName": "x", "password": "eA=="},
        },
        "updateOption": {"rebootClient": False},
    }
}


def task(kind: int, operation: int, options: Any) -> Any:
    sub = {"subTask": {"subTaskType": kind, "operationType": operation}, "options": options}
    return {"taskInfo": {"associations": [{"subclientId": 1}], "subTasks": [sub]}}


BODIES = (
    ("POST Login", {"username": "admin", "password": "eA==", "domain": "LAB"}),
    ("POST CreateTask", task(1, 4026, INSTALL)),
    ("POST CreateTask", task(2, 2, {"backupOpts": {"backupLevel": 2}})),
    ("POST CreateTask", task(3, 1001, RESTORE)),
    (
        "POST InstallClient",
        {
            "entities": [{"clientName": "x", "hostName": "x"}],
            "packages": [{"packageId": 713}],
            "clientAuthForJob": {"userName": "x", "password": "eA=="},
        },
    ),
    (
        "POST Client",
        {
            "clientInfo": {
                "clientType": 12,
                "virtualServerClientProperties": {
                    "virtualServerInstanceInfo": {
                        "vsInstanceType": 2,
                        "hyperV": {
                            "serverName": "x",
                            "credentials": {"userName": "x", "password": "eA=="},
                        },
                        "associatedClients": {"memberServers": [{"client": {"clientId": 3}}]},
                    }
                },
            },
            "entity": {"clientName": "HVC"},
        },
    ),
    (
        "POST V4/Hypervisor",
        {
            "name": "HVC",
            "hypervisorType": "Hyper-V",
            "serverName": "x",
            "userName": "x",
            "password": "eA==",
            "credentials": {"id": 1, "name": "x"},
            "accessNodes": [{"id": 3, "name": "x"}],
            "planEntity": {"id": 1},
        },
    ),
    ("POST Subclient", {"subClientProperties": SUBCLIENT}),
    ("POST Subclient/{id}", {"subClientProperties": SUBCLIENT}),
    (
        "POST V4/VmGroup",
        {
            "name": "gold",
            "Hypervisor": {"id": 1, "name": "HVC"},
            "plan": {"id": 1},
            "content": {
                "overwrite": True,
                "virtualMachines": [{"name": "a", "GUID": "b", "type": "VM"}],
                "ruleGroups": [{"matchRule": "ANY", "rules": [MODERN]}],
            },
            "filters": {"ruleGroups": [{"matchRule": "ANY", "rules": [MODERN]}]},
            "diskFilters": {"rules": [{"filterType": "DISK_PATTERN", "name": "x"}]},
            "settings": {"vmBackupType": "CRASH_CONSISTENT"},
            "accessNode": [{"id": 3}],
            "activityControl": {"enableBackup": True},
        },
    ),
    (
        "POST V4/ServerPlan",
        {
            "planName": "x",
            "backupDestinations": [
                {
                    "backupDestinationName": "p",
                    "storagePool": {"id": 3},
                    "retentionRuleType": "RETENTION_PERIOD",
                    "retentionPeriodDays": 3,
                }
            ],
            "rpo": {
                "backupFrequency": {
                    "schedules": [{"schedulePattern": {"scheduleFrequencyType": "DAILY"}}]
                }
            },
        },
    ),
    (
        "POST V4/Credential",
        {"accountType": "WINDOWSACCOUNT", "name": "x", "userAccount": "y", "password": "eA=="},
    ),
    (
        "POST Jobs",
        {
            "category": 1,
            "pagingConfig": {"offset": 0, "limit": 5, "sortDirection": 1},
            "jobFilter": {
                "completedJobLookupTime": 5,
                "clientList": [{"clientId": 1}],
                "jobTypeList": ["Backup"],
                "statusList": ["Completed"],
                "entity": {"subclientId": 1},
            },
        },
    ),
    ("POST Jobs", {"jobFilter": {"jobTypeList": ["Install"], "statusList": ["Failed"]}}),
    ("POST JobDetails", {"jobId": 5}),
    (
        "POST DoBrowse",
        {"paths": [{"path": "\\"}], "entity": {"subclientId": 1}, "timeRange": {"toTime": 5}},
    ),
    (
        "POST v2/vsa/vm/{guid}/recover",
        {
            "inPlaceRestore": False,
            "jobId": "5",
            "destinationClient": {"clientName": "HVC"},
            "destinationInfo": {"hyperv": {"Server": "x", "destinationPath": "y"}},
        },
    ),
)


def variants(value: Any) -> Iterator[Any]:
    """Yield a body with every one of its places wrong in every way, one at a time."""
    if isinstance(value, dict):
        for name, item in value.items():
            for wrong in (*WRONG, *variants(item)):
                yield {**value, name: wrong}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            for wrong in (*WRONG, *variants(item)):
                yield [*value[:place], wrong, *value[place + 1 :]]


def test_no_wrong_body_makes_the_server_fail_inside(client):
    client.install("nobody")
    operations = {item.name: item for item in operations_of(client.engine)}
    tried = 0
    for name, body in BODIES:
        operation = operations[name]
        for wrong in variants(body):
            call = Call("admin", {"id": "1", "guid": "G"}, {}, {}, wrong)
            try:
                operation.handler(call)
            except Problem as problem:
                status, answer = operation.shape(problem)
                assert status >= 200
                assert answer
            tried += 1
    assert tried > 1500
