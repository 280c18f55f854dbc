"""Hypervisors in the V4 dialect [O]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.api.entities import activity_switches, done, node_entity
from safepoint_lab.commvault.bodies import decoded, flag, identity, inside, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.infrastructure import HypervisorWish
from safepoint_lab.commvault.problems import invalid, missing
from safepoint_lab.commvault.records import Hypervisor, RestorePoint
from safepoint_lab.commvault.vocabulary import Activity

__all__ = ["HypervisorCalls", "activities_of"]

_PATH = "V4/Hypervisor"
_ONE = f"{_PATH}/{{id}}"
_VENDOR = "Hyper-V"


def activities_of(body: Mapping[str, Any]) -> dict[int, bool]:
    """Return which activities a body switches."""
    control = inside(body, "activityControl")
    names = {"enableBackup": Activity.BACKUP, "enableRestore": Activity.RESTORE}
    return {int(kind): flag(control, name) for name, kind in names.items() if name in control}


class HypervisorCalls:
    """Handlers of hypervisors."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._desk = engine.hypervisors

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _PATH, self.list_all),
            Operation("POST", _PATH, self.create),
            Operation("GET", _ONE, self.get),
            Operation("PUT", _ONE, self.change),
            Operation("DELETE", _ONE, self.delete),
            Operation("PUT", f"{_ONE}/AccessNode", self.change_node),
            Operation("PUT", f"{_ONE}/Credentials", self.change_account),
            Operation("POST", f"{_ONE}/Reconfigure", self.reconfigure),
        ]

    def list_all(self, _: Call) -> Answer:
        """List hypervisors; enums are text as in the specification (not as [3] saw them)."""
        found = [self._row(item) for item in self._desk.all()]
        return Answer({"HypervisorCount": len(found), "Hypervisors": found})

    def create(self, call: Call) -> Answer:
        """Register a hypervisor; the answer is nested as in the schema."""
        body = call.body
        vendor = text(body, "hypervisorType", required=True)
        if vendor != _VENDOR:
            raise invalid(field="hypervisorType", reason=f"'{vendor}' is not supported here")
        text(body, "name", required=True)
        credential = inside(body, "credentials")
        if not credential and not text(body, "userName"):
            raise missing(field="credentials")
        nodes = rows(body, "accessNodes")
        if not nodes:
            raise missing(field="accessNodes")
        made = self._desk.add(self._wish(body, nodes))
        return Answer({"response": done(hypervisorId=made.id)})

    def get(self, call: Call) -> Answer:
        """Describe a hypervisor."""
        item = self._find(call)
        body = {
            "id": item.id,
            "name": item.name,
            "displayName": item.name,
            "instance": {"id": item.instance_id, "name": _VENDOR},
            "general": {
                "vendor": "MICROSOFT",
                "version": "10.0.20348",
                "vmBackupInfo": self._counts(item),
            },
            "accountDetails": {"hostName": item.host_name, **self._account(item)},
            "activityControl": activity_switches(item),
            "accessNodeList": {
                "accessNode": [
                    node_entity(node) for node in self._engine.clients.named(item.access_nodes)
                ]
            },
            "hypervisorCommonProperties": {
                "isIndexingV2": True,
                "isDeconfigured": item.deconfigured,
                "isSnapBackupEnabled": False,
            },
        }
        return Answer(body)

    def change(self, call: Call) -> Answer:
        """Change a hypervisor; access nodes by either spelling of the specification."""
        item = self._find(call)
        names = [name for name in ("accessNode", "accessNodes") if name in call.body]
        nodes = rows(call.body, names[0]) if names else None
        self._desk.change(item, self._wish(call.body, nodes))
        for activity, enable in activities_of(call.body).items():
            self._engine.activities.switch(item, activity, enable=enable)
        return Answer(done())

    def change_node(self, call: Call) -> Answer:
        """Set one access node: the schema takes one, not a list [O]."""
        nodes = (identity(inside(call.body, "accessNode"), "id", "name"),)
        self._desk.change(self._find(call), HypervisorWish(access_nodes=nodes))
        return Answer(done())

    def change_account(self, call: Call) -> Answer:
        """Change server name and account; the host is spelt in two ways [O]."""
        server = text(call.body, "serverName") or text(call.body, "hostName")
        wish = HypervisorWish(
            server_name=server or None,
            user_name=text(call.body, "userName", required=True),
            password=decoded(call.body, "password"),
        )
        self._desk.change(self._find(call), wish)
        return Answer(done())

    def reconfigure(self, call: Call) -> Answer:
        """Take a hypervisor back into service."""
        item = self._find(call)
        item.deconfigured = False
        self._engine.shelf.save(item)
        return Answer(done())

    def delete(self, call: Call) -> Answer:
        """Delete a hypervisor."""
        self._desk.remove(self._find(call))
        return Answer(done())

    def _find(self, call: Call) -> Hypervisor:
        return self._engine.shelf.get(Hypervisor, call.ident())

    def _wish(
        self, body: Mapping[str, Any], nodes: list[Mapping[str, Any]] | None
    ) -> HypervisorWish:
        credential, plan = inside(body, "credentials"), inside(body, "planEntity")
        user = text(body, "userName") or None
        return HypervisorWish(
            name=text(body, "newName") or text(body, "name") or None,
            server_name=text(body, "serverName") or None,
            user_name=user,
            password=decoded(body, "password") if user else None,
            credential=identity(credential, "id", "name") if credential else None,
            access_nodes=None
            if nodes is None
            else tuple(identity(node, "id", "name") for node in nodes),
            plan=identity(plan, "id", "name") if plan else None,
            validate=not flag(body, "skipCredentialValidation", default=True),
        )

    def _row(self, item: Hypervisor) -> dict[str, Any]:
        return {
            "id": item.id,
            "name": item.name,
            "displayName": item.name,
            "hostName": item.host_name,
            "HypervisorType": "MICROSOFT",
            "status": "DECONFIGURED" if item.deconfigured else "CONFIGURED",
            "version": "10.0.20348",
            "instance": {"id": item.instance_id, "name": _VENDOR},
            "clientActivityControl": activity_switches(item),
            "tags": [],
            "commcell": {"name": self._engine.settings.name},
        }

    def _account(self, item: Hypervisor) -> dict[str, Any]:
        user, _ = self._desk.account(item)
        found: dict[str, Any] = {"userName": user}
        if item.credential_id:
            found["credentials"] = {"id": item.credential_id}
        return found

    def _counts(self, item: Hypervisor) -> dict[str, int]:
        machines = self._engine.fabric.protected_by(item.host_name)
        points = self._engine.shelf.where(
            RestorePoint, lambda point: point.hypervisor_id == item.id
        )
        held = {point.vm for point in points}
        protected = sum(vm.guid in held for vm in machines)
        return {
            "vmPendingCount": 0,
            "vmProtectedCount": protected,
            "vmNotProtectedCount": len(machines) - protected,
            "vmNeverBackedUpCount": len(machines) - protected,
            "vmBackedUpWithErrorCount": 0,
            "vmTotalCount": len(machines),
        }
