"""How entities of the tree are named on the wire: client, agent, instance, set, subclient."""

from __future__ import annotations

from typing import Any

from safepoint_lab.commvault.records import Client, Hypervisor, VmGroup
from safepoint_lab.commvault.vocabulary import VIRTUAL_SERVER, Activity

__all__ = [
    "activity_options",
    "activity_switches",
    "backupset_entity",
    "client_entity",
    "done",
    "group_entity",
    "instance_entity",
    "member_server",
    "node_entity",
]

_APP = {"applicationId": VIRTUAL_SERVER, "appName": "Virtual Server"}


def done(**fields: Any) -> dict[str, Any]:
    """Return the answer of the V4 family to something that was done."""
    return {**fields, "errorCode": 0, "errorMessage": "", "warningCode": 0, "warningMessage": ""}


def client_entity(item: Client | Hypervisor) -> dict[str, Any]:
    """Return the names of a client."""
    return {
        "clientId": item.id,
        "clientName": item.name,
        "displayName": item.name,
        "hostName": item.host_name,
        "clientGUID": item.guid,
        "_type_": 3,
    }


def instance_entity(item: Hypervisor) -> dict[str, Any]:
    """Return the names of a hypervisor's instance."""
    return {
        "clientId": item.id,
        "clientName": item.name,
        **_APP,
        "instanceId": item.instance_id,
        "instanceName": "Hyper-V",
        "_type_": 5,
    }


def backupset_entity(item: Hypervisor) -> dict[str, Any]:
    """Return the names of a hypervisor's backup set."""
    return {
        **instance_entity(item),
        "backupsetId": item.backupset_id,
        "backupsetName": "defaultBackupSet",
        "_type_": 6,
    }


def group_entity(hypervisor: Hypervisor, group: VmGroup) -> dict[str, Any]:
    """Return the names of a group."""
    return {
        **backupset_entity(hypervisor),
        "subclientId": group.id,
        "subclientName": group.name,
        "subclientGUID": group.guid,
        "_type_": 7,
    }


def member_server(item: Client) -> dict[str, Any]:
    """Return an access node as the legacy dialect lists it."""
    return {"client": {"clientId": item.id, "clientName": item.name, "_type_": 3}}


def node_entity(item: Client) -> dict[str, Any]:
    """Return an access node as the V4 dialect lists it."""
    return {"id": item.id, "name": item.name, "displayName": item.name, "type": 3}


def activity_options(item: Client | Hypervisor) -> dict[str, Any]:
    """Return which activities are on, as the legacy dialect lists them."""
    options = [
        {"activityType": int(activity), "enableActivityType": activity not in item.disabled}
        for activity in Activity
    ]
    return {"activityControlOptions": options}


def activity_switches(item: Hypervisor | VmGroup) -> dict[str, bool]:
    """Return which activities are on, as the V4 dialect tells them."""
    return {
        "enableBackup": Activity.BACKUP not in item.disabled,
        "enableRestore": Activity.RESTORE not in item.disabled,
    }
