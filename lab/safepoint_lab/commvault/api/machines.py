"""Protected VMs and the inventory; what is told of them is behind the jobs by a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import Problem, not_found
from safepoint_lab.commvault.records import Hypervisor, Plan, RestorePoint, VmGroup
from safepoint_lab.commvault.vocabulary import Content
from safepoint_lab.commvault.wording import seconds
from safepoint_lab.world.model import Vm

__all__ = ["MachineCalls"]

_PAGE = 100
_PROTECTED, _NOT_PROTECTED, _PENDING = 1, 2, 3
_NAMES = {_PROTECTED: "PROTECTED", _NOT_PROTECTED: "NOT_PROTECTED", _PENDING: "PENDING"}
_WINDOWS, _LINUX = 1, 2
_INVENTORY = "\\NONE:"
_STATUS = "status"


@dataclass(frozen=True, slots=True)
class _Known:
    """A VM with its group and the newest restore point that is told of already."""

    vm: Vm
    hypervisor: Hypervisor
    group: VmGroup | None
    point: RestorePoint | None


class MachineCalls:
    """Handlers of VMs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", "VM", self.list_all),
            Operation("GET", "VMBrowse", self.browse),
            Operation("GET", "V4/VirtualMachines", self.list_v4),
            Operation("GET", "V4/VirtualMachines/{guid}", self.get_v4),
        ]

    def list_all(self, call: Call) -> Answer:
        """List VMs; the page is asked for by a header [D]."""
        found = self._machines(call.number("PseudoClientId"))
        guid = call.query.get("guid", "").upper()
        if guid:
            found = [item for item in found if item.vm.guid == guid]
        wanted = call.number(_STATUS)
        listed = [self._row(item) for item in found]
        rows = [row for row in listed if wanted in (0, row["vmStatus"])]
        page, size = _page_of(call.headers.get("paginginfo", ""))
        start = page * size
        body = {
            "totalRecords": len(rows),
            "pageNo": page,
            "pageSize": size,
            "vmStatusInfoList": rows[start : start + size],
        }
        return Answer(body)

    def list_v4(self, call: Call) -> Answer:
        """List VMs; ``start`` and ``limit`` page."""
        found = self._machines(call.number("hypervisorId"))
        rows = [self._row_v4(item) for item in found]
        start, limit = call.number("start"), call.number("limit", len(rows))
        page = rows[start : start + limit]
        return Answer({"virtualMachinesCount": len(rows), "virtualMachines": page})

    def get_v4(self, call: Call) -> Answer:
        """Describe a VM with its first and last recovery points."""
        guid = call.path["guid"].upper()
        points = self._engine.points.of_vm(guid)
        if not points:
            raise not_found(what="Virtual machine", ident=guid)
        summary = {
            "name": points[-1].name,
            "UUID": guid,
            "latestRecoveryPoint": seconds(points[-1].created_at),
            "oldestRecoveryPoint": seconds(points[0].created_at),
        }
        return Answer({"vmDetails": {"summary": summary}})

    def browse(self, call: Call) -> Answer:
        """Tell the inventory as the access nodes see it; without one it is an error [?]."""
        hypervisor = self._engine.shelf.get(Hypervisor, call.number("PseudoClientId"))
        nodes = self._engine.clients.named(hypervisor.access_nodes)
        if not any(self._engine.clients.is_ready(item) for item in nodes):
            message = "None of the access nodes is reachable (simulated text)"
            raise Problem(message)
        path = call.query.get("inventorypath", "")
        if not path.startswith(_INVENTORY):
            raise not_found(what="Inventory path", ident=path)
        node = path.rpartition("\\SERVER:")[2] if "\\SERVER:" in path else ""
        machines = self._engine.fabric.protected_by(hypervisor.host_name)
        found = [
            {"name": vm.name, "strGUID": vm.guid, "type": int(Content.VM)}
            for vm in machines
            if not node or vm.node.casefold() == node.casefold()
        ]
        return Answer({"inventoryInfo": found})

    def _machines(self, ident: int) -> list[_Known]:
        """Return the VMs of a hypervisor, or of all, with what is told of them."""
        engine = self._engine
        lag = timedelta(seconds=engine.settings.vm_lag_seconds / engine.settings.speed)
        limit = engine.now() - lag
        newest = {
            (point.hypervisor_id, point.vm): point
            for point in engine.points.where(lambda point: point.created_at <= limit)
        }
        found = []
        for hypervisor in engine.hypervisors.all():
            if ident not in (0, hypervisor.id):
                continue
            owners = engine.resolver.owners(hypervisor)
            for vm in engine.fabric.protected_by(hypervisor.host_name):
                point = newest.get((hypervisor.id, vm.guid))
                found.append(_Known(vm, hypervisor, owners.get(vm.guid), point))
        return found

    def _row(self, known: _Known) -> dict[str, Any]:
        vm, hypervisor, group = known.vm, known.hypervisor, known.group
        covered = group is not None and (not group.is_default or bool(group.plan_id))
        status = _PENDING if covered else _NOT_PROTECTED
        windows = vm.guest_os.value.casefold().startswith("win")
        row: dict[str, Any] = {
            "name": vm.name,
            "strGUID": vm.guid,
            "vmStatus": status if known.point is None else _PROTECTED,
            "vmHost": vm.node,
            "strOSName": vm.guest_os.value,
            "osType": _WINDOWS if windows else _LINUX,
            "vendor": 2,
            "type": int(Content.VM),
            "vmSize": sum(disk.size_bytes for disk in vm.disks),
            "isDeleted": False,
            "pseudoClient": {"clientId": hypervisor.id, "clientName": hypervisor.name},
        }
        if group is not None:
            row |= {"subclientId": group.id, "subclientName": group.name}
            plan = self._engine.shelf.find(Plan, group.plan_id)
            if plan is not None:
                row["plan"] = {"planId": plan.id, "planName": plan.name}
        return row if known.point is None else row | self._backup_of(known.point)

    def _backup_of(self, point: RestorePoint) -> dict[str, Any]:
        at = seconds(point.created_at)
        job = {"jobID": point.job_id, "startTime": {"time": at}, "endTime": {"time": at}}
        return {
            "vmAgent": point.node,
            "bkpStartTime": at,
            "bkpEndTime": at,
            "vmBackupJob": point.job_id,
            "lastSuccessfulBackupTime": at,
            "vmUsedSpace": point.size_bytes,
            "lastBackupJobInfo": job,
        }

    def _row_v4(self, known: _Known) -> dict[str, Any]:
        vm, hypervisor, point = known.vm, known.hypervisor, known.point
        row = self._row(known)
        last: dict[str, Any] = {"status": "NEVER_BACKED_UP"}
        if point is not None:
            at = seconds(point.created_at)
            last = {
                "time": at,
                "jobId": point.job_id,
                "status": "COMPLETED",
                "lastSuccessfulBackupTime": at,
                "failureReason": "",
            }
        sla = "MET_SLA" if point is not None else "YET_TO_BE_PROTECTED"
        return {
            "name": vm.name,
            "UUID": vm.guid,
            "vendor": "MICROSOFT",
            "hypervisor": {"id": hypervisor.id, "name": hypervisor.name},
            "vmGroup": {"id": row.get("subclientId", 0), "name": row.get("subclientName", "")},
            "host": vm.node,
            "os": vm.guest_os.value,
            "vmSize": row["vmSize"],
            "status": _NAMES[row["vmStatus"]],
            "lastBackup": last,
            "applicationSize": row["vmSize"],
            "plan": {"id": row["plan"]["planId"], "name": row["plan"]["planName"]}
            if "plan" in row
            else {},
            "SLA": {"status": sla, "reason": ""},
        }


def _page_of(header: str) -> tuple[int, int]:
    """Return page and size of a ``PagingInfo`` header; the first page when there is none."""
    page, _, size = header.partition(",")
    number = int(page) if page.strip().isdigit() else 0
    return number, int(size) if size.strip().isdigit() and int(size) else _PAGE
