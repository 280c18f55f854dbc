"""Backup objects, restore points and their disks."""

from __future__ import annotations

from typing import Any

from safepoint_lab.products.disks import PointDisk
from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, after, any_of, before, like, page, page_of
from safepoint_lab.veeam.profiles import REV2
from safepoint_lab.veeam.records import BackupObject, RestorePoint
from safepoint_lab.veeam.wording import HYPERV, ZERO_ID, iso

__all__ = ["OBJECTS", "PointCalls", "object_model"]

_OPERATIONS = ["StartHvVMInstantRecovery", "StartEntireVmRestoreHyperV", "StartFlrRestore"]


def object_model(engine: Engine, item: BackupObject, call: Call) -> dict[str, Any]:
    """Return the model of a backup object; only 1.3-rev2 tells the Hyper-V id [S]."""
    body: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "type": "VM",
        "platformName": HYPERV,
        "platformId": ZERO_ID,
        "restorePointsCount": len(engine.retention.points(item.id)),
        "lastRunFailed": item.last_run_failed,
    }
    if call.rev2:
        body |= {
            "backupId": item.backup_id,
            "size": item.size_bytes,
            "objectId": item.vm.lower(),
            "hvType": "VirtualMachine",
            "path": item.path,
        }
    return body


def point_model(item: RestorePoint, call: Call) -> dict[str, Any]:
    """Return the model of a restore point."""
    body: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "platformName": HYPERV,
        "platformId": ZERO_ID,
        "creationTime": iso(item.created_at),
        "backupId": item.backup_id,
        "type": "Full" if item.full else "Increment",
        "sessionId": item.session_id,
        "allowedOperations": list(_OPERATIONS),
        "malwareStatus": "Clean",
        "backupFileId": item.file_id,
        "guestOsFamily": item.guest_os.capitalize(),
        "originalSize": item.size_bytes,
    }
    if call.rev2:
        body["allowedOperations"].append("StartDiskPublish")
        body["gfsPeriods"] = item.flags or ["None"]
    return body


def _disk_model(point: RestorePoint, disk: PointDisk) -> dict[str, Any]:
    extent = {
        "uid": f"{disk.uid}:{point.id}",
        "name": disk.name,
        "path": disk.path,
        "size": disk.size_bytes,
    }
    return {
        "platform": HYPERV,
        "uid": f"{disk.controller}:{disk.lun}-{point.vm.lower()}",
        "type": "Hv",
        "name": disk.name,
        "capacity": disk.size_bytes,
        "state": "Processed",
        "diskExtents": [extent],
    }


OBJECTS = Listing[BackupObject](
    lambda _item, _call: {},
    lambda item: item.name.casefold(),
    {
        "nameFilter": lambda item, v: like(v[0], item.name),
        "platformNameFilter": lambda _, v: any_of(v, HYPERV),
        "platformIdFilter": lambda _, v: any_of(v, ZERO_ID),
        "typeFilter": lambda _, v: any_of(v, "VM"),
    },
    {"name": lambda item: item.name.casefold(), "type": lambda _: "VM"},
)
"""Filters and columns of backup objects."""

_POINTS = Listing[RestorePoint](
    point_model,
    lambda item: item.created_at,
    {
        "nameFilter": lambda item, v: like(v[0], item.name),
        "platformNameFilter": lambda _, v: any_of(v, HYPERV),
        "platformIdFilter": lambda _, v: any_of(v, ZERO_ID),
        "backupIdFilter": lambda item, v: any_of(v, item.backup_id),
        "backupObjectIdFilter": lambda item, v: any_of(v, item.object_id),
        "malwareStatusFilter": lambda _, v: any_of(v, "Clean"),
        "createdAfterFilter": lambda item, v: after(item.created_at, v),
        "createdBeforeFilter": lambda item, v: before(item.created_at, v),
    },
    {
        "creationtime": lambda item: item.created_at,
        "name": lambda item: item.name.casefold(),
        "backupid": lambda item: item.backup_id,
        "platformid": lambda _: ZERO_ID,
    },
)


class PointCalls:
    """Handlers of backup objects and restore points."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._objects = Listing[BackupObject](
            lambda item, call: object_model(engine, item, call),
            OBJECTS.default,
            OBJECTS.filters,
            OBJECTS.columns,
        )

    def operations(self) -> list[Operation]:
        """Return the operations."""
        objects, points = f"{API}/backupObjects", f"{API}/restorePoints"
        return [
            Operation("GET", objects, self.objects),
            Operation("GET", f"{objects}/{{id}}", self.object),
            Operation("GET", f"{objects}/{{id}}/restorePoints", self.points_of),
            Operation("GET", points, self.points),
            Operation("GET", f"{points}/{{id}}", self.point),
            Operation("GET", f"{points}/{{id}}/disks", self.disks),
            Operation(
                "POST",
                f"{points}/{{id}}/networkInfo",
                self.networks,
                reads=True,
                revisions=(REV2,),
            ),
        ]

    def objects(self, call: Call) -> Answer:
        """List the VMs in backups."""
        return self._objects.answer(call, self._shelf.all(BackupObject))

    def object(self, call: Call) -> Answer:
        """Return one VM in a backup."""
        item = self._shelf.get(BackupObject, call.path["id"])
        return Answer(200, object_model(self._engine, item, call))

    def points_of(self, call: Call) -> Answer:
        """List the restore points of a VM."""
        item = self._shelf.get(BackupObject, call.path["id"])
        return _POINTS.answer(call, self._engine.retention.points(item.id))

    def points(self, call: Call) -> Answer:
        """List restore points."""
        return _POINTS.answer(call, self._shelf.all(RestorePoint))

    def point(self, call: Call) -> Answer:
        """Return a restore point."""
        return Answer(200, point_model(self._one(call), call))

    def disks(self, call: Call) -> Answer:
        """List the disks of a restore point."""
        point = self._one(call)
        skip, limit = page_of(call.one("skip"), call.one("limit"))
        rows = [_disk_model(point, disk) for disk in point.disks]
        return Answer(200, page(rows[skip : skip + limit], len(rows), skip, limit))

    def networks(self, call: Call) -> Answer:
        """List the networks of a restore point; the lab's VMs have one (1.3-rev2)."""
        point = self._one(call)
        rows = [{"id": f"Microsoft:{point.vm}\\0", "name": "vSwitch-Lab"}]
        return Answer(200, page(rows, len(rows), 0, 200))

    def _one(self, call: Call) -> RestorePoint:
        return self._shelf.get(RestorePoint, call.path["id"])
