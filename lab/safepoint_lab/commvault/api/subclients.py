"""VM groups in the legacy dialect: subclients of the application Virtual Server [S][X]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.api.clients import member_servers
from safepoint_lab.commvault.api.entities import client_entity, group_entity, member_server
from safepoint_lab.commvault.bodies import flag, identity, inside, integer, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.groups import GroupWish
from safepoint_lab.commvault.groups.legacy import merged, operation_of, rules_of
from safepoint_lab.commvault.problems import ENTITIES, ENTITY, Problem, missing
from safepoint_lab.commvault.records import Hypervisor, Plan, VmGroup
from safepoint_lab.commvault.vocabulary import Activity

__all__ = ["SubclientCalls"]

_ONE = "Subclient/{id}"


class SubclientCalls:
    """Handlers of subclients."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._groups = engine.groups

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "Subclient", self.list_all, ENTITIES),
            Operation("POST", "Subclient", self.create, ENTITY),
            Operation("GET", _ONE, self.get, ENTITIES),
            Operation("POST", _ONE, self.change, ENTITIES),
            Operation("PUT", f"{_ONE}/content", self.change, ENTITIES),
            Operation("DELETE", _ONE, self.delete, ENTITIES),
            Operation("POST", "Subclient/Content/Preview", self.preview, ENTITIES, reads=True),
        ]

    def list_all(self, call: Call) -> Answer:
        """List the subclients of a client."""
        hypervisor = self._engine.shelf.find(Hypervisor, call.number("clientId"))
        found = [] if hypervisor is None else self._groups.of(hypervisor)
        return Answer({"subClientProperties": [self._properties(item) for item in found]})

    def get(self, call: Call) -> Answer:
        """Describe a subclient with everything of it."""
        return Answer({"subClientProperties": [self._properties(self._find(call.ident()))]})

    def create(self, call: Call) -> Answer:
        """Make a subclient below a hypervisor that is named, in any case."""
        properties = inside(call.body, "subClientProperties")
        entity = inside(properties, "subClientEntity")
        hypervisor = self._hypervisor(entity)
        if not text(entity, "subclientName"):
            raise missing(field="subClientEntity.subclientName")
        wish = self._wish(properties, None, text(entity, "subclientName"))
        made = self._groups.add(hypervisor, wish)
        names = {"subclientId": made.id, "subclientName": made.name}
        return Answer({"response": {"errorCode": 0, "entity": names}})

    def change(self, call: Call) -> Answer:
        """Change a subclient; what the body leaves out stays. The last writer wins [S]."""
        group = self._find(call.ident())
        properties = inside(call.body, "subClientProperties") or call.body
        name = text(inside(properties, "subClientEntity"), "subclientName")
        new_name = text(properties, "newName") or name
        self._groups.change(group, self._wish(properties, group, new_name))
        return Answer({"response": [{"errorCode": 0}]})

    def delete(self, call: Call) -> Answer:
        """Delete a subclient."""
        self._groups.remove(self._find(call.ident()))
        return Answer({"response": [{"errorCode": 0}]})

    def preview(self, call: Call) -> Answer:
        """Tell which VMs rules mean now."""
        client = inside(call.body, "appId")
        hypervisor = self._engine.shelf.get(Hypervisor, integer(client, "clientId"))
        content = rules_of(inside(call.body, "contentEntity"), "contentEntity")
        filters = rules_of(inside(call.body, "filterEntity"), "filterEntity")
        found = self._engine.resolver.content(hypervisor, content, filters)
        listed = [{"name": vm.name, "strGUID": vm.guid, "type": 9} for vm in found]
        return Answer({"scList": listed})

    def _find(self, ident: int) -> VmGroup:
        return self._engine.shelf.get(VmGroup, ident)

    def _hypervisor(self, entity: Mapping[str, Any]) -> Hypervisor:
        ident, name = identity(entity, "clientId", "clientName")
        found = self._engine.shelf.meant(Hypervisor, (ident, name))
        if found is None:
            message = f"Client [{name or ident}] is no virtualization client (simulated text)"
            raise Problem(message)
        return found

    def _wish(self, properties: Mapping[str, Any], group: VmGroup | None, name: str) -> GroupWish:
        common = inside(properties, "commonProperties")
        vsa = inside(properties, "vsaSubclientProp")
        proxies = inside(vsa, "proxies")
        activities = {}
        if "enableBackup" in common:
            activities[int(Activity.BACKUP)] = flag(common, "enableBackup")
        description = text(common, "description") if "description" in common else None
        return GroupWish(
            name=name or None,
            content=_rules(properties, "vmContent", [] if group is None else group.content),
            filters=_rules(properties, "vmFilter", [] if group is None else group.filters),
            disk_filters=_disk_filters(properties),
            plan=_plan(properties),
            description=description,
            quiesce=_switch(vsa, "quiesceGuestFileSystemAndApplications"),
            changed_blocks=_switch(vsa, "useChangedTrackingOnVM"),
            collect_files=_switch(vsa, "collectFileDetails"),
            access_nodes=member_servers(proxies) if proxies else None,
            activities=activities,
        )

    def _properties(self, item: VmGroup) -> dict[str, Any]:
        hypervisor = self._engine.shelf.get(Hypervisor, item.hypervisor_id)
        plan = self._engine.shelf.find(Plan, item.plan_id)
        nodes = self._engine.clients.named(item.access_nodes)
        coordinator = self._engine.clients.named(hypervisor.access_nodes[:1])
        names = {} if plan is None else {"planId": plan.id, "planName": plan.name}
        proxy = client_entity(coordinator[0]) if coordinator else {}
        return {
            "subClientEntity": group_entity(hypervisor, item),
            "commonProperties": {
                "isDefaultSubclient": item.is_default,
                "enableBackup": Activity.BACKUP not in item.disabled,
                "description": item.description,
                "numberOfBackupStreams": 5,
                "storageDevice": {
                    "dataBackupStoragePolicy": {
                        "storagePolicyName": "" if plan is None else plan.name
                    }
                },
            },
            "vmContent": {"children": item.content},
            "vmFilter": {"children": item.filters} if item.filters else {},
            "vmDiskFilter": {"filters": item.disk_filters} if item.disk_filters else {},
            "vmBackupInfo": {},
            "proxyClient": proxy,
            "vsaSubclientProp": {
                "quiesceGuestFileSystemAndApplications": item.quiesce,
                "useChangedTrackingOnVM": item.changed_blocks,
                "collectFileDetails": item.collect_files,
                "autoDetectVMOwner": False,
                "proxies": {"memberServers": [member_server(node) for node in nodes]},
            },
            "planEntity": names,
            "useContentFromPlan": False,
        }


def _rules(
    properties: Mapping[str, Any], name: str, known: list[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Return what rules are after a body, None when it does not speak of them."""
    if name not in properties:
        return None
    operation = operation_of(properties, f"{name}OperationType")
    return merged(known, rules_of(properties[name], name), operation)


def _disk_filters(properties: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    if "vmDiskFilter" not in properties:
        return None
    found = rows(properties["vmDiskFilter"], "filters")
    return [
        {
            "filter": text(item, "filter", required=True),
            "filterType": integer(item, "filterType"),
            "vmGuid": text(item, "vmGuid"),
            "value": text(item, "value"),
        }
        for item in found
    ]


def _plan(properties: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return the plan a body asks for; ``removePlanAssociation`` takes it away."""
    if flag(properties, "removePlanAssociation"):
        return 0, ""
    entity = inside(properties, "planEntity")
    ident, name = integer(entity, "planId"), text(entity, "planName")
    return (ident, name) if ident or name else None


def _switch(body: Mapping[str, Any], name: str) -> bool | None:
    return flag(body, name) if name in body else None
