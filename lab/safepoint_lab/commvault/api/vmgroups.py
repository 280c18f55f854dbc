"""VM groups in the V4 dialect [O]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.api.entities import activity_switches, done, node_entity
from safepoint_lab.commvault.api.hypervisors import activities_of
from safepoint_lab.commvault.bodies import flag, identity, inside, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.groups import GroupWish
from safepoint_lab.commvault.groups.legacy import merged
from safepoint_lab.commvault.groups.modern import read_content, write_content
from safepoint_lab.commvault.problems import Problem, invalid, missing
from safepoint_lab.commvault.records import Hypervisor, Job, Plan, VmGroup
from safepoint_lab.commvault.vocabulary import Activity, Status
from safepoint_lab.world.enums import PowerState

__all__ = ["VmGroupCalls"]

_PATH = "V4/VmGroup"
_ONE = f"{_PATH}/{{id}}"
_CRASH = "CRASH_CONSISTENT"
_QUIESCED = ("APPLICATION_AWARE", "FILE_SYSTEM_AND_APPLICATION_CONSISTENT")
_TYPES = (*_QUIESCED, _CRASH, "APP_BASED_BACKUP", "INHERITED")
_ENDS = {
    Status.COMPLETED: "COMPLETED",
    Status.ERRORS: "COMPLETED_WITH_ERRORS",
    Status.WARNINGS: "COMPLETED_WITH_WARNINGS",
    Status.FAILED: "FAILED",
    Status.KILLED: "KILLED",
    Status.SUSPENDED: "SUSPENDED",
    Status.FAILED_TO_START: "FAILED_TO_START",
}


class VmGroupCalls:
    """Handlers of VM groups."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._groups = engine.groups

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "V4/VMGroups", self.list_all),
            Operation("POST", _PATH, self.create),
            Operation("POST", "V5/VmGroup", self.create),
            Operation("GET", _ONE, self.get),
            Operation("PUT", _ONE, self.change),
            Operation("DELETE", _ONE, self.delete),
            Operation("POST", f"{_PATH}/Preview", self.preview, reads=True),
        ]

    def list_all(self, call: Call) -> Answer:
        """List groups, of one hypervisor or of all; ``start`` and ``limit`` page [O]."""
        wanted = call.number("hypervisorId")
        found = [item for item in self._groups.all() if wanted in (0, item.hypervisor_id)]
        start, limit = call.number("start"), call.number("limit", len(found))
        page = [self._row(item) for item in found[start : start + limit]]
        return Answer({"vmGroups": page, "totalCount": len(found)})

    def create(self, call: Call) -> Answer:
        """Make a group."""
        name = text(call.body, "name", required=True)
        entity = inside(call.body, "Hypervisor") or inside(call.body, "hypervisor")
        if not entity:
            raise missing(field="Hypervisor")
        hypervisor = self._hypervisor(identity(entity, "id", "name"))
        made = self._groups.add(hypervisor, self._wish(call.body, None, name))
        return Answer(done(subclientId=made.id))

    def get(self, call: Call) -> Answer:
        """Describe a group."""
        return Answer(self._model(self._find(call)))

    def change(self, call: Call) -> Answer:
        """Change a group; what the body leaves out stays."""
        group = self._find(call)
        wish = self._wish(call.body, group, text(call.body, "newName"))
        self._groups.change(group, wish)
        return Answer(done())

    def delete(self, call: Call) -> Answer:
        """Delete a group."""
        self._groups.remove(self._find(call))
        return Answer(done())

    def preview(self, call: Call) -> Answer:
        """Tell which VMs rules mean now."""
        hypervisor = self._hypervisor((call.number("hypervisorId"), ""))
        content = read_content(inside(call.body, "content"))
        filters = read_content(inside(call.body, "filters"))
        found = self._engine.resolver.content(hypervisor, content, filters)
        listed = [
            {
                "name": vm.name,
                "GUID": vm.guid,
                "poweredStatus": "ON" if vm.power is PowerState.RUNNING else "OFF",
                "toolStatus": "",
                "host": vm.node,
            }
            for vm in found
        ]
        return Answer({"ProtectedVMCount": len(listed), "vmList": listed})

    def _find(self, call: Call) -> VmGroup:
        return self._engine.shelf.get(VmGroup, call.ident())

    def _hypervisor(self, wanted: tuple[int, str]) -> Hypervisor:
        found = self._engine.shelf.meant(Hypervisor, wanted)
        if found is None:
            message = f"Hypervisor [{wanted[1] or wanted[0]}] does not exist (simulated text)"
            raise Problem(message, status=400)
        return found

    def _wish(self, body: Mapping[str, Any], group: VmGroup | None, name: str) -> GroupWish:
        settings = dict(inside(body, "settings"))
        kind = text(settings, "vmBackupType").upper()
        if kind and kind not in _TYPES:
            raise invalid(field="settings.vmBackupType", reason=f"'{kind}' is unknown")
        blocks = None
        if "useChangedBlockTrackingOnVM" in settings:
            blocks = flag(settings, "useChangedBlockTrackingOnVM")
        plan = inside(body, "plan")
        nodes = rows(body, "accessNode")
        indexing = flag(body, "enableFileIndexing") if "enableFileIndexing" in body else None
        return GroupWish(
            name=name or None,
            content=_rules(body, "content", [] if group is None else group.content),
            filters=_rules(body, "filters", [] if group is None else group.filters),
            disk_filters=_disk_filters(body),
            plan=identity(plan, "id", "name") if plan else None,
            description=text(body, "description") if "description" in body else None,
            quiesce=None if not kind else kind != _CRASH,
            changed_blocks=blocks,
            collect_files=indexing,
            access_nodes=tuple(identity(node, "id", "name") for node in nodes) or None,
            activities=activities_of(body),
            settings=settings,
        )

    def _row(self, item: VmGroup) -> dict[str, Any]:
        hypervisor = self._engine.shelf.get(Hypervisor, item.hypervisor_id)
        return {
            "id": item.id,
            "name": item.name,
            "status": "DISABLED" if Activity.BACKUP in item.disabled else "ENABLED",
            "HypervisorType": "MICROSOFT",
            "vmGroup": {"id": item.id, "name": item.name},
            "hypervisor": {"id": hypervisor.id, "name": hypervisor.name},
            "instance": {"id": hypervisor.instance_id, "name": "Hyper-V"},
            "plan": self._plan(item),
            "lastBackup": self._last_backup(item),
            "isDefaultVMGroup": item.is_default,
            "indexingStatus": "NOT_APPLICABLE",
            "SnapBackupEnabled": False,
        }

    def _plan(self, item: VmGroup) -> dict[str, Any]:
        plan = self._engine.shelf.find(Plan, item.plan_id)
        return {} if plan is None else {"id": plan.id, "name": plan.name}

    def _last_backup(self, item: VmGroup) -> dict[str, Any]:
        job = self._engine.shelf.find(Job, item.last_job)
        if job is None:
            return {"status": "NEVER_BACKED_UP"}
        return {
            "jobId": job.id,
            "status": _ENDS.get(job.status, "STARTED"),
            "time": int(job.started_at.timestamp()),
            "failureReason": job.reason,
        }

    def _model(self, item: VmGroup) -> dict[str, Any]:
        quiesced = item.settings.get("vmBackupType", _QUIESCED[1])
        settings = {
            "noOfReaders": 5,
            "transportMode": "AUTO",
            "useVMCheckpointSetting": True,
            "isApplicationAware": False,
            "datastoreFreespaceCheck": True,
            "datastoreFreespaceRequired": 10,
            **item.settings,
            "vmBackupType": quiesced if item.quiesce else _CRASH,
            "useChangedBlockTrackingOnVM": item.changed_blocks,
        }
        if item.quiesce and settings["vmBackupType"] == _CRASH:
            settings["vmBackupType"] = _QUIESCED[1]
        nodes = self._engine.clients.named(item.access_nodes)
        return {
            **self._row(item),
            "description": item.description,
            "content": write_content(item.content),
            "filters": write_content(item.filters),
            "diskFilters": {"rules": [_disk_rule(rule) for rule in item.disk_filters]},
            "accessNode": [node_entity(node) for node in nodes],
            "activityControl": activity_switches(item),
            "enableFileIndexing": item.collect_files,
            "settings": settings,
        }


def _rules(
    body: Mapping[str, Any], name: str, known: list[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Return what rules are after a body: appended unless it says ``overwrite`` [O]."""
    if name not in body:
        return None
    part = inside(body, name)
    operation = "OVERWRITE" if flag(part, "overwrite") else "ADD"
    return merged(known, read_content(part), operation)


def _disk_filters(body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    if "diskFilters" not in body:
        return None
    kinds = {"DATASTORE": 1, "DISK_PATTERN": 2, "DISK_PATH": 2}
    found = []
    for rule in rows(inside(body, "diskFilters"), "rules"):
        kind = text(rule, "filterType").upper()
        if kind not in kinds:
            raise invalid(field="diskFilters.filterType", reason=f"'{kind}' is not supported here")
        name = text(rule, "name", required=True)
        guid = text(rule, "vmGuid")
        found.append({"filter": name, "filterType": kinds[kind], "vmGuid": guid, "value": ""})
    return found


def _disk_rule(rule: dict[str, Any]) -> dict[str, Any]:
    kind = "DATASTORE" if rule["filterType"] == 1 else "DISK_PATTERN"
    return {"filterType": kind, "name": rule["filter"], "vmGuid": rule["vmGuid"]}
