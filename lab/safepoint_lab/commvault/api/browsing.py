"""Browsing what is stored: VMs on top, their disks below [X]."""

from __future__ import annotations

import ntpath
from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.bodies import inside, integer, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.problems import BROWSE, Problem
from safepoint_lab.commvault.records import RestorePoint, VmGroup
from safepoint_lab.commvault.wording import moment, seconds

__all__ = ["BrowseCalls"]

_ROOT = "\\"
_BY_JOB = "advOptions.advConfig.browseAdvancedConfigBrowseByJob"


class BrowseCalls:
    """The handler of browsing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [Operation("POST", "DoBrowse", self.browse, BROWSE, reads=True)]

    def browse(self, call: Call) -> Answer:
        """List what is below a path at a time, by a job, or now."""
        paths = rows(call.body, "paths")
        path = text(paths[0], "path") if paths else _ROOT
        points = self._points(call.body)
        guid = _guid_of(path)
        if guid:
            found = [
                self._disk(point, disk)
                for point in points
                if point.vm == guid
                for disk in point.disks
            ]
        else:
            found = [self._machine(point) for point in points]
        result = {"dataResultSet": found, "aggrResultSet": [{"count": len(found)}]}
        return Answer({"browseResponses": [{"respType": 0, "browseResult": result}]})

    def _points(self, body: Mapping[str, Any]) -> list[RestorePoint]:
        """Return the newest restore point of each VM that fits, by VM name."""
        entity = inside(body, "entity")
        group, hypervisor = integer(entity, "subclientId"), integer(entity, "clientId")
        if group and self._engine.shelf.find(VmGroup, group) is None:
            message = f"Subclient [{group}] does not exist (simulated text)"
            raise Problem(message)
        job = integer(inside(body, _BY_JOB), "jobId")
        until = moment(integer(inside(body, "timeRange"), "toTime"))
        newest: dict[str, RestorePoint] = {}
        for point in self._engine.points.where(
            lambda item: (
                (group in (0, item.group_id))
                and (hypervisor in (0, item.hypervisor_id))
                and (job in (0, item.job_id))
                and (until is None or item.created_at <= until)
            )
        ):
            newest[point.vm] = point
        return sorted(newest.values(), key=lambda point: point.name.casefold())

    def _machine(self, point: RestorePoint) -> dict[str, Any]:
        return {
            "displayName": point.name,
            "name": point.vm,
            "path": f"\\{point.vm}",
            "flags": {},
            "size": point.size_bytes,
            "modificationTime": seconds(point.created_at),
            "advancedData": self._metadata(point, point.config_root),
        }

    def _disk(self, point: RestorePoint, disk: Any) -> dict[str, Any]:
        return {
            "displayName": disk.name,
            "name": disk.name,
            "path": f"\\{point.vm}\\{disk.name}",
            "flags": {"file": True},
            "size": disk.size_bytes,
            "modificationTime": seconds(point.created_at),
            "advancedData": self._metadata(point, disk.path),
        }

    def _metadata(self, point: RestorePoint, folder: str) -> dict[str, Any]:
        nic = "Network Adapter"
        nics = f'<VMNicList><nic name="{nic}" label="{nic}" networkDisplayName="vSwitch0"/></VMNicList>'
        virtual = {
            "esxHost": point.node,
            "inventoryPath": "",
            "datastore": ntpath.normpath(folder),
            "nics": nics,
        }
        return {
            "backupTime": seconds(point.created_at),
            "objectGuid": point.vm,
            "browseMetaData": {"virtualServerMetaData": virtual},
        }


def _guid_of(path: str) -> str:
    """Return the VM a path is below, empty at the top."""
    parts = [part for part in path.replace("/", _ROOT).split(_ROOT) if part]
    return parts[0].upper() if parts else ""
