"""Backup repositories; the lab's server has two, and no scale-out repository."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, any_of, like, page, page_of
from safepoint_lab.veeam.records import Repository, RestorePoint

__all__ = ["RepositoryCalls"]

_INFRA = f"{API}/backupInfrastructure"
_TYPE = "WinLocal"
_GB = 1 << 30


def _model(item: Repository, _: Call) -> dict[str, Any]:
    mount = {
        "mountServerId": item.host_id,
        "writeCacheFolder": "C:\\ProgramData\\Veeam\\Backup\\IRCache",
        "vPowerNFSEnabled": True,
    }
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "uniqueId": item.unique_id,
        "type": _TYPE,
        "hostId": item.host_id,
        "repository": {
            "path": item.path,
            "taskLimitEnabled": True,
            "maxTaskCount": 4,
            "readWriteLimitEnabled": False,
        },
        "mountServer": {"mountServerSettingsType": "Windows", "windows": mount},
    }


class RepositoryCalls:
    """Handlers of repositories."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        filters = {
            "nameFilter": lambda item, v: like(v[0], item.name),
            "typeFilter": lambda _, v: any_of(v, _TYPE),
            "idFilter": lambda item, v: any_of(v, item.id),
        }
        columns = {"name": lambda item: item.name, "type": lambda _: _TYPE}
        self._listing = Listing[Repository](_model, lambda item: item.name, filters, columns)
        self._states = Listing[Repository](self._state, lambda item: item.name, filters, columns)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        path = f"{_INFRA}/repositories"
        return [
            Operation("GET", path, self.list_all),
            Operation("GET", f"{path}/states", self.states),
            Operation("GET", f"{path}/{{id}}", self.get),
            Operation("GET", f"{_INFRA}/scaleOutRepositories", self.scale_out),
        ]

    def list_all(self, call: Call) -> Answer:
        """List them."""
        return self._listing.answer(call, self._shelf.all(Repository))

    def states(self, call: Call) -> Answer:
        """List their space in GB."""
        return self._states.answer(call, self._shelf.all(Repository))

    def get(self, call: Call) -> Answer:
        """Return one."""
        return Answer(200, _model(self._shelf.get(Repository, call.path["id"]), call))

    def scale_out(self, call: Call) -> Answer:
        """List nothing."""
        skip, limit = page_of(call.one("skip"), call.one("limit"))
        return Answer(200, page([], 0, skip, limit))

    def _state(self, item: Repository, _: Call) -> dict[str, Any]:
        used = sum(point.backup_bytes for point in self._shelf.all(RestorePoint)) / _GB
        capacity = item.capacity_bytes / _GB
        return {
            "id": item.id,
            "name": item.name,
            "type": _TYPE,
            "description": item.description,
            "hostId": item.host_id,
            "hostName": self._engine.settings.name,
            "path": item.path,
            "capacityGB": capacity,
            "freeGB": capacity - used,
            "usedSpaceGB": used,
            "isOnline": True,
            "isOutOfDate": False,
        }
