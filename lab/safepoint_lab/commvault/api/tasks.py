"""Everything that is started through a task: software, backups, restores, data aging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.api.job_models import started
from safepoint_lab.commvault.api.restores import task_restore
from safepoint_lab.commvault.backup import BackupWish
from safepoint_lab.commvault.bodies import decoded, flag, inside, integer, rows, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.infrastructure import InstallWish
from safepoint_lab.commvault.problems import TASK, invalid, missing
from safepoint_lab.commvault.records import Job, VmGroup
from safepoint_lab.commvault.vocabulary import (
    ADMIN_SUBTASK,
    AGING_OPERATION,
    BACKUP_OPERATION,
    BACKUP_SUBTASK,
    INSTALL_OPERATION,
    RESTORE_OPERATION,
    RESTORE_SUBTASK,
)

__all__ = ["TaskCalls"]

_WINDOWS = 0
_LEVELS = {"1": "full", "2": "incremental", "3": "differential", "4": "synthetic_full"}
"""`CVBackupType` [P]; words are accepted too [S]."""


class TaskCalls:
    """Handlers of tasks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("POST", "CreateTask", self.create, TASK),
            Operation("POST", "InstallClient", self.install, TASK),
        ]

    def create(self, call: Call) -> Answer:
        """Start what the first subtask asks for."""
        info = inside(call.body, "taskInfo")
        tasks = rows(info, "subTasks")
        if not tasks:
            raise missing(field="taskInfo.subTasks")
        kind = inside(tasks[0], "subTask")
        asked = integer(kind, "subTaskType"), integer(kind, "operationType")
        options = inside(tasks[0], "options")
        if asked == (ADMIN_SUBTASK, INSTALL_OPERATION):
            return self._push(call, options)
        association = next(iter(rows(info, "associations")), {})
        if asked == (ADMIN_SUBTASK, AGING_OPERATION):
            return started(self._engine.age(call.user))
        if asked == (BACKUP_SUBTASK, BACKUP_OPERATION):
            return self._back_up(call, association, options)
        if asked == (RESTORE_SUBTASK, RESTORE_OPERATION):
            wish = task_restore(association, options)
            return started(self._engine.restores.start(wish, call.user))
        message = f"subTaskType {asked[0]} with operationType {asked[1]} is not supported here"
        raise invalid(field="subTask", reason=message)

    def install(self, call: Call) -> Answer:
        """Push software by the simpler documented call [D]."""
        hosts = tuple(_host(item, "hostName") for item in rows(call.body, "entities"))
        packages = tuple(integer(item, "packageId") for item in rows(call.body, "packages"))
        account = inside(call.body, "clientAuthForJob")
        reboot = flag(call.body, "rebootClient")
        job = self._start(call, hosts, packages, account, reboot=reboot)
        return Answer({"jobId": job.id, "taskId": job.task_id, "response": {"errorCode": 0}})

    def _push(self, call: Call, options: Mapping[str, Any]) -> Answer:
        admin = inside(options, "adminOpts")
        install = inside(admin, "clientInstallOption")
        if integer(install, "installOSType") != _WINDOWS:
            raise invalid(field="installOSType", reason="only Windows is supported here")
        composition = rows(inside(install, "installerOption"), "clientComposition")
        parts = [
            part
            for item in composition
            for part in rows(inside(item, "components"), "componentInfo")
        ]
        packages = tuple(integer(part, "ComponentId") for part in parts)
        hosts = tuple(
            _host(inside(item, "clientEntity"), "clientName")
            for item in rows(install, "clientDetails")
        )
        account = inside(install, "clientAuthForJob")
        reboot = flag(inside(admin, "updateOption"), "rebootClient")
        return started(self._start(call, hosts, packages, account, reboot=reboot))

    def _back_up(
        self, call: Call, association: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Answer:
        group = self._engine.shelf.get(VmGroup, integer(association, "subclientId"))
        wanted = inside(options, "backupOpts")
        chosen = rows(inside(wanted, "vsaBackupOptions"), "selectiveVMInfo")
        guids = tuple(text(item, "vmGuid", required=True).upper() for item in chosen)
        number = text(wanted, "backupLevel") or "2"
        wish = BackupWish(_LEVELS.get(number, number), vms=guids)
        return started(self._engine.backups.start(group, wish, call.user))

    def _start(
        self,
        call: Call,
        hosts: tuple[tuple[str, str], ...],
        packages: tuple[int, ...],
        account: Mapping[str, Any],
        *,
        reboot: bool,
    ) -> Job:
        wish = InstallWish(
            hosts=hosts,
            packages=packages,
            user_name=text(account, "userName"),
            password=decoded(account, "password"),
            reboot=reboot,
        )
        return self._engine.installer.start(wish, call.user)


def _host(entity: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return client name and host name of an entity to install on."""
    host = text(entity, name) or text(entity, "clientName", required=True)
    return text(entity, "clientName") or host, host
