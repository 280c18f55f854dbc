"""Backups, their files and deleting them."""

from __future__ import annotations

from functools import partial
from typing import Any

from safepoint_lab.veeam.api.points import OBJECTS, object_model
from safepoint_lab.veeam.api.sessions import session_model
from safepoint_lab.veeam.calls import API, Answer, Call, Operation
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.listing import Listing, after, any_of, before, like
from safepoint_lab.veeam.problems import not_found
from safepoint_lab.veeam.records import Backup, BackupObject, Repository, RestorePoint, Session
from safepoint_lab.veeam.wording import HYPERV, ZERO_ID, iso

__all__ = ["BackupCalls"]

_PATH = f"{API}/backups"
_ONE = f"{_PATH}/{{id}}"


def _file_model(item: RestorePoint, call: Call) -> dict[str, Any]:
    kind = "vbk" if item.full else "vib"
    body: dict[str, Any] = {
        "id": item.file_id,
        "name": f"{item.name}.{item.created_at:%Y-%m-%dT%H%M%S}.{kind}",
        "backupId": item.backup_id,
        "restorePointIds": [item.id],
        "dataSize": item.size_bytes,
        "backupSize": item.backup_bytes,
        "dedupRatio": 100,
        "compressRatio": 100,
        "creationTime": iso(item.created_at),
        "gfsPeriods": item.flags or ["None"],
    }
    return body | ({"objectIds": [item.object_id]} if call.rev2 else {"objectId": item.object_id})


_FILES = Listing[RestorePoint](
    _file_model,
    lambda item: item.created_at,
    {
        "nameFilter": lambda item, v: like(v[0], item.name),
        "createdAfterFilter": lambda item, v: after(item.created_at, v),
        "createdBeforeFilter": lambda item, v: before(item.created_at, v),
        "gfsPeriodFilter": lambda item, v: any_of(v, *(item.flags or ["None"])),
    },
    {"creationtime": lambda item: item.created_at, "name": lambda item: item.name},
)


class BackupCalls:
    """Handlers of backups."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._listing = Listing[Backup](
            lambda item, _: self._model(item),
            lambda item: item.created_at,
            {
                "nameFilter": lambda item, v: like(v[0], item.name),
                "jobIdFilter": lambda item, v: any_of(v, item.job_id),
                "platformIdFilter": lambda _, v: any_of(v, ZERO_ID),
                "jobTypeFilter": lambda _, v: any_of(v, "HyperVBackup"),
                "createdAfterFilter": lambda item, v: after(item.created_at, v),
                "createdBeforeFilter": lambda item, v: before(item.created_at, v),
            },
            {
                "name": lambda item: item.name.casefold(),
                "creationtime": lambda item: item.created_at,
                "jobid": lambda item: item.job_id,
            },
        )

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _PATH, self.list_all),
            Operation("GET", _ONE, self.get),
            Operation("DELETE", _ONE, self.delete, deletion=True),
            Operation("GET", f"{_ONE}/objects", self.objects),
            Operation("DELETE", f"{_ONE}/objects/{{objectId}}", self.delete_object, deletion=True),
            Operation("GET", f"{_ONE}/backupFiles", self.files),
        ]

    def list_all(self, call: Call) -> Answer:
        """List backups."""
        return self._listing.answer(call, self._shelf.all(Backup))

    def get(self, call: Call) -> Answer:
        """Return a backup."""
        return Answer(200, self._model(self._one(call)))

    def objects(self, call: Call) -> Answer:
        """List the VMs of a backup."""
        backup = self._one(call)
        listing = Listing[BackupObject](
            lambda item, asked: object_model(self._engine, item, asked),
            lambda item: item.name.casefold(),
            OBJECTS.filters,
            OBJECTS.columns,
        )
        return listing.answer(
            call, self._shelf.where(BackupObject, lambda item: item.backup_id == backup.id)
        )

    def files(self, call: Call) -> Answer:
        """List the backup files."""
        ident = call.path["id"].lower()
        return _FILES.answer(
            call, self._shelf.where(RestorePoint, lambda item: item.backup_id == ident)
        )

    def delete(self, call: Call) -> Answer:
        """Start deleting a backup; GFS fulls stay unless `includeGFS` is true [S]."""
        backup = self._one(call)
        remove = partial(
            self._engine.retention.remove_backup, backup, with_gfs=call.flag("includeGFS")
        )
        return Answer(201, session_model(self._begin(backup.name, call, remove), call))

    def delete_object(self, call: Call) -> Answer:
        """Start deleting a VM from a backup."""
        backup, ident = self._one(call), call.path["objectId"]
        item = self._shelf.get(BackupObject, ident)
        if item.backup_id != backup.id:
            what = "Backup object"
            raise not_found(what, ident)
        remove = partial(
            self._engine.retention.remove_object, item, with_gfs=call.flag("includeGFS")
        )
        return Answer(201, session_model(self._begin(item.name, call, remove), call))

    def _begin(self, name: str, call: Call, remove: Any) -> Session:
        engine = self._engine
        session = engine.sessions.open("DeleteBackup", name, call.user, hyperv=True)

        def work() -> None:
            engine.sessions.work(session, 0)
            remove()
            engine.retention.sweep()
            engine.sessions.close(session, "Success")

        engine.crew.begin(work)
        return session

    def _one(self, call: Call) -> Backup:
        return self._shelf.get(Backup, call.path["id"])

    def _model(self, item: Backup) -> dict[str, Any]:
        repository = self._shelf.find(Repository, item.repository_id)
        return {
            "id": item.id,
            "jobId": item.job_id,
            "jobType": "HyperVBackup",
            "policyUniqueId": "",
            "name": item.name,
            "platformName": HYPERV,
            "platformId": ZERO_ID,
            "creationTime": iso(item.created_at),
            "repositoryId": item.repository_id,
            "repositoryName": repository.name if repository is not None else "",
        }
