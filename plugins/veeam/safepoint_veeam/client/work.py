"""Jobs, sessions, backups, restore points, restores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from safepoint.errors import UnsupportedError
from safepoint_veeam.caller import Query
from safepoint_veeam.client.group import Group
from safepoint_veeam.revisions import is_at_least
from safepoint_veeam.wire.base import WireModel
from safepoint_veeam.wire.objects import (
    Backup,
    BackupObject,
    Job,
    JobState,
    LogRecord,
    Mount,
    Point,
    Session,
    TaskSession,
)
from safepoint_veeam.wire.renames import job_from_wire, job_to_wire

__all__ = ["Backups", "Jobs", "Restores", "Sessions"]


class Jobs(Group):
    """Backup jobs. Bodies bear the names of 1.3-rev2 on every revision."""

    def all(self, name: str = "") -> Iterator[Job]:
        """List Hyper-V jobs, whole; those whose name the server's filter finds, when given."""
        query = {"typeFilter": "HyperVBackup"} | ({"nameFilter": name} if name else {})
        rows = self._list(Job, "jobs", query)
        return (self._read(row.raw()) for row in rows)

    def get(self, ident: str) -> Job:
        """Read one."""
        return self._read(self._caller.call("job", id=ident))

    def create(self, body: dict[str, Any]) -> Job:
        """Create by `HyperVBackupJobSpec`; done when it returns [S]."""
        return self._read(self._caller.call("create-job", body=self._wire(body)))

    def modify(self, body: dict[str, Any]) -> Job:
        """Replace the whole job by `Job.raw()` with changes; arrays are replaced [S]."""
        wired = self._wire(body)
        return self._read(self._caller.call("modify-job", id=str(body["id"]), body=wired))

    def delete(self, ident: str) -> None:
        """Delete the job; its backups stay [X]."""
        self._caller.call("delete-job", id=ident)

    def enable(self, ident: str) -> None:
        """Let it run again."""
        self._caller.call("enable-job", id=ident)

    def disable(self, ident: str) -> None:
        """Keep it from running."""
        self._caller.call("disable-job", id=ident)

    def start(self, ident: str, *, full: bool = False) -> Session | None:
        """Start; None when there was nothing to do (204, only 1.3-rev2 [S])."""
        body = {"performActiveFull": full, "startChainedJobs": False}
        answer = self._caller.call("start-job", id=ident, body=body)
        return None if answer is None else Session.read(answer)

    def stop(self, ident: str, *, graceful: bool = True) -> Session:
        """Ask to stop: after the VM in progress, or at once and without its point [D]."""
        body = {"gracefulStop": graceful, "cancelChainedJobs": False}
        return Session.read(self._caller.call("stop-job", id=ident, body=body))

    def quick_backup(self, vm: dict[str, Any]) -> Session:
        """Back up one VM by its inventory row.

        Raises:
            UnsupportedError: before 1.3-rev2.
        """
        if not is_at_least(self._caller.revision, "1.3-rev2"):
            msg = f"revision {self._caller.revision} cannot back up a single VM"
            raise UnsupportedError(msg, hint="It came with VBR 13.1 (1.3-rev2); start the job.")
        return Session.read(self._caller.call("quick-backup", body=vm))

    def states(self) -> Iterator[JobState]:
        """List status, last and next run of every Hyper-V job."""
        return self._list(JobState, "job-states", {"typeFilter": "HyperVBackup"})

    def _read(self, raw: dict[str, Any]) -> Job:
        return Job.read(job_from_wire(raw, self._caller.revision))

    def _wire(self, body: dict[str, Any]) -> dict[str, Any]:
        return job_to_wire(body, self._caller.revision)


class Sessions(Group):
    """Executions of anything long: infrastructure, jobs, restores."""

    def all(self, query: Query | None = None) -> Iterator[Session]:
        """List by the server's own filters, such as `jobIdFilter`."""
        return self._list(Session, "sessions", query)

    def newest(self, count: int, query: Query | None = None) -> list[Session]:
        """Return at most that many, newest first: one page, not a complete listing."""
        order = {"orderColumn": "CreationTime", "orderAsc": "false", "limit": str(count)}
        answer = self._caller.call("sessions", query={**(query or {}), **order})
        return [Session.read(row) for row in answer.get("data") or ()]

    def get(self, ident: str) -> Session:
        """Look once."""
        return Session.read(self._caller.call("session", id=ident))

    def stop(self, ident: str) -> None:
        """Ask to stop."""
        self._caller.call("stop-session", id=ident)

    def log(self, ident: str) -> list[LogRecord]:
        """Return its lines."""
        return _records(self._caller.call("session-log", id=ident))

    def tasks_since(self, created_after: datetime) -> Iterator[TaskSession]:
        """List the tasks of all backup sessions since then: never without a bound [C]."""
        query = {
            "sessionTypeFilter": "BackupJob",
            "createdAfterFilter": created_after.isoformat(),
        }
        return self._list(TaskSession, "task-sessions", query)

    def tasks(self, ident: str) -> Iterator[TaskSession]:
        """List one task per VM."""
        return self._list(TaskSession, "tasks-of-session", id=ident)

    def task_log(self, ident: str) -> list[LogRecord]:
        """Return the lines of one VM."""
        return _records(self._caller.call("task-log", id=ident))


class Backups(Group):
    """What was stored."""

    def all(self, job: str = "") -> Iterator[Backup]:
        """List backups, of one job when it is named."""
        return self._list(Backup, "backups", {"jobIdFilter": job} if job else None)

    def delete(self, ident: str, *, with_gfs: bool = False) -> Session:
        """Delete a backup; GFS fulls stay unless asked for [S]."""
        query = {"includeGFS": str(with_gfs).lower()}
        return Session.read(self._caller.call("delete-backup", id=ident, query=query))

    def objects(self, backup: str) -> Iterator[BackupObject]:
        """List the VMs of a backup."""
        return self._list(BackupObject, "objects-of-backup", id=backup)

    def points(self, query: Query | None = None) -> Iterator[Point]:
        """List restore points of Hyper-V VMs."""
        wanted = {"platformNameFilter": "HyperV", **(query or {})}
        return self._list(Point, "restore-points", wanted)

    def all_objects(self) -> Iterator[BackupObject]:
        """List the VMs of every backup."""
        return self._list(BackupObject, "backup-objects", {"platformNameFilter": "HyperV"})

    def disks(self, point: str) -> list[dict[str, Any]]:
        """Return the disk extents of a restore point, to be sent back verbatim [S]."""
        rows = self._list(WireModel, "disks-of-point", unique="", id=point)
        return [extent for row in rows for extent in row.raw().get("diskExtents") or ()]

    def point(self, ident: str) -> Point:
        """Read one."""
        return Point.read(self._caller.call("restore-point", id=ident))


class Restores(Group):
    """Whole VMs back, at once or running from the backup."""

    def vm(self, spec: dict[str, Any]) -> Session:
        """Restore by `EntireHvVM…RestoreSpec`; to the original place deletes the VM first [D]."""
        return Session.read(self._caller.call("restore-vm", body=spec))

    def start_instant(self, spec: dict[str, Any]) -> Session:
        """Run a VM from its backup; find its mount by the session's id [X]."""
        return Session.read(self._caller.call("start-instant-recovery", body=spec))

    def mounts(self) -> Iterator[Mount]:
        """List VMs that run from their backup."""
        return self._list(Mount, "instant-recoveries")

    def migrate_instant(self, mount: str) -> None:
        """Move it to production storage; answers at once [S]."""
        self._caller.call("migrate-instant-recovery", mountId=mount)

    def stop_instant(self, mount: str) -> Session:
        """End it; a VM recovered to the original place is removed with it [D]."""
        return Session.read(self._caller.call("stop-instant-recovery", mountId=mount))


def _records(answer: dict[str, Any]) -> list[LogRecord]:
    return [LogRecord.read(row) for row in answer.get("records") or ()]
