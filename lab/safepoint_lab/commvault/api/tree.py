"""Instances, backup sets and schedules below a hypervisor, in the legacy dialect."""

from __future__ import annotations

from typing import Any

from safepoint_lab.commvault.api.clients import account_of, member_servers
from safepoint_lab.commvault.api.entities import (
    activity_options,
    backupset_entity,
    instance_entity,
    member_server,
)
from safepoint_lab.commvault.bodies import inside, integer, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.infrastructure import HypervisorWish
from safepoint_lab.commvault.problems import ENTITIES, invalid, not_found
from safepoint_lab.commvault.records import Hypervisor
from safepoint_lab.commvault.vocabulary import HYPERV_CLASS

__all__ = ["TreeCalls"]

_UPDATE = "App_UpdateInstancePropertiesRequest"


class TreeCalls:
    """Handlers of instances, backup sets, schedules."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hypervisors = engine.hypervisors

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "Instance", self.instances, ENTITIES),
            Operation("GET", "Instance/{id}", self.instance, ENTITIES),
            Operation("POST", "Instance/{id}", self.change_instance, ENTITIES),
            Operation("GET", "Backupset", self.backupsets, ENTITIES),
            Operation("GET", "Backupset/{id}", self.backupset, ENTITIES),
            Operation("GET", "Schedules", self.schedules, ENTITIES),
            Operation("POST", "QCommand/qoperation execute", self.execute, ENTITIES),
        ]

    def instances(self, call: Call) -> Answer:
        """List the instances of a client; machines have none here."""
        found = self._engine.shelf.find(Hypervisor, call.number("clientId"))
        listed = [] if found is None else [self._instance(found)]
        return Answer({"instanceProperties": listed})

    def instance(self, call: Call) -> Answer:
        """Describe an instance with its access nodes in order."""
        return Answer({"instanceProperties": [self._instance(self._of_instance(call.ident()))]})

    def change_instance(self, call: Call) -> Answer:
        """Change access nodes or account of an instance."""
        self._change(call.ident(), call.body)
        return Answer({"response": [{"errorCode": 0}]})

    def backupsets(self, call: Call) -> Answer:
        """List the backup sets of a client."""
        found = self._engine.shelf.find(Hypervisor, call.number("clientId"))
        listed = [] if found is None else [self._backupset(found)]
        return Answer({"backupsetProperties": listed})

    def backupset(self, call: Call) -> Answer:
        """Describe a backup set."""
        found = self._hypervisors.of_backupset(call.ident())
        if found is None:
            raise not_found(what="Backup set", ident=call.path["id"])
        return Answer({"backupsetProperties": [self._backupset(found)]})

    def schedules(self, _: Call) -> Answer:
        """List schedules: none, they belong to plans; no schedule is an empty object [X]."""
        return Answer({})

    def execute(self, call: Call) -> Answer:
        """Carry out a command; the lab knows the one that changes an instance [S][X]."""
        request = inside(call.body, _UPDATE) or call.body
        entities = rows(inside(request, "association"), "entity")
        if "instanceProperties" not in request or not entities:
            raise invalid(field="qoperation", reason=f"only {_UPDATE} is supported here")
        self._change(integer(entities[0], "instanceId"), request)
        return Answer({"response": [{"errorCode": 0}]})

    def _change(self, ident: int, body: Any) -> None:
        hypervisor = self._of_instance(ident)
        properties = inside(body, "instanceProperties.virtualServerInstance")
        server = inside(properties, "hyperV")
        user, password = account_of(inside(server, "credentials"))
        associated = inside(properties, "associatedClients")
        wish = HypervisorWish(
            server_name=text(server, "serverName") or None,
            user_name=user,
            password=password,
            access_nodes=member_servers(associated) if associated else None,
        )
        self._hypervisors.change(hypervisor, wish)

    def _of_instance(self, ident: int) -> Hypervisor:
        found = self._hypervisors.of_instance(ident)
        if found is None:
            raise not_found(what="Instance", ident=ident)
        return found

    def _instance(self, item: Hypervisor) -> dict[str, Any]:
        nodes = [member_server(node) for node in self._engine.clients.named(item.access_nodes)]
        user, _ = self._hypervisors.account(item)
        server = {"serverName": item.host_name, "credentials": {"userName": user}}
        return {
            "instance": instance_entity(item),
            "instanceActivityControl": activity_options(item),
            "virtualServerInstance": {
                "vsInstanceType": HYPERV_CLASS,
                "hyperV": server,
                "associatedClients": {"memberServers": nodes},
            },
        }

    def _backupset(self, item: Hypervisor) -> dict[str, Any]:
        plan = {} if not item.plan_id else {"planId": item.plan_id}
        return {
            "backupSetEntity": backupset_entity(item),
            "commonBackupSet": {"isDefaultBackupSet": True},
            "planEntity": plan,
        }
