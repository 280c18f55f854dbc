"""Running a job: one session, its VMs a few at a time, one result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from safepoint_lab.products.cells import CellStore
from safepoint_lab.products.work import Crew
from safepoint_lab.veeam.backup.plans import resolve_vms
from safepoint_lab.veeam.backup.retention import Retention
from safepoint_lab.veeam.backup.vm_task import VmTask
from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.problems import conflict
from safepoint_lab.veeam.records import Backup, Job, Session, Task, new_id
from safepoint_lab.veeam.sessions import SessionDesk
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.veeam.wording import CANCELLED
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.model import Vm

__all__ = ["Runner", "Workshop"]

_RANK = ("Success", "Warning", "Failed")


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything a backup needs."""

    shelf: Shelf
    sessions: SessionDesk
    fabric: VeeamFabric
    cells: CellStore
    retention: Retention
    faults: FaultBook
    settings: VeeamSettings
    crew: Crew
    now: Callable[[], datetime]


class Runner:
    """Starts, retries and stops jobs."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    def start(self, job: Job, user: str, *, active: bool = False, vm: str = "") -> Session | None:
        """Start a job, or only one of its VMs.

        Returns:
            The session; None when there is nothing to process.

        Raises:
            ApiError: 400 when it runs already; status and text are inference [X].
        """
        with self._shop.shelf.lock:
            self._require_idle(job)
            vms = resolve_vms(self._shop.shelf, self._shop.fabric, job)
            if vm:
                vms = [item for item in vms if item.guid == vm.upper()]
            if not vms:
                return None
            return self._begin(job, user, vms, active=active)

    def retry(self, job: Job, user: str) -> Session:
        """Run again what failed in the last run; `ApiError` 400 when nothing did [X]."""
        with self._shop.shelf.lock:
            self._require_idle(job)
            failed = {
                task.vm
                for task in self._shop.sessions.tasks(job.last_session)
                if task.result == "Failed"
            }
            vms = [vm for guid in sorted(failed) if (vm := self._shop.fabric.vm(guid))]
            if not vms:
                message = f"Job {job.name} has nothing to retry (simulated text)"
                raise conflict(message=message)
            return self._begin(job, user, vms, related=job.last_session)

    def stop(self, job: Job, *, graceful: bool) -> Session:
        """Tell a running job to stop; `ApiError` 400 when it does not run [X]."""
        session = self._running(job)
        if session is None:
            raise conflict(message=f"Job {job.name} is not running (simulated text)")
        self.stop_session(session, graceful=graceful)
        return session

    def stop_session(self, session: Session, *, graceful: bool) -> None:
        """Tell a session to stop; one that has stopped stays as it is."""
        if session.state != "Stopped":
            self._shop.sessions.stops.ask(session.id, graceful=graceful)
            session.state = "Stopping"
            self._shop.shelf.save(session)

    def _begin(
        self, job: Job, user: str, vms: list[Vm], *, active: bool = False, related: str = ""
    ) -> Session:
        session = self._shop.sessions.open(
            "BackupJob", job.name, user, job_id=job.id, hyperv=True, related=related
        )
        session.algorithm = "Full" if active else "Increment"
        job.last_session = session.id
        self._shop.shelf.save(job, session)
        self._shop.crew.begin(partial(self._run, session, job, vms, active=active))
        return session

    def _run(self, session: Session, job: Job, vms: list[Vm], *, active: bool) -> None:
        shop = self._shop
        shop.sessions.work(session, 0)
        shop.sessions.log(session, f"Job started: {len(vms)} VMs")
        backup = self._backup_of(job)
        session.resource_id = backup.id
        session.resource_reference = f"/api/v1/backups/{backup.id}"

        def work(vm: Vm) -> bool:
            if shop.sessions.stops.any(session.id):
                return False
            VmTask(shop, session, job, backup, vm).run(active=active)
            done = len([t for t in shop.sessions.tasks(session.id) if t.state == "Stopped"])
            shop.sessions.work(session, done * 100 // len(vms))
            return True

        with ThreadPoolExecutor(shop.settings.parallel_vms) as pool:
            ran = list(pool.map(work, vms))
        shop.crew.check()
        self._finish(session, all(ran))

    def _finish(self, session: Session, complete: bool) -> None:  # noqa: FBT001 - one caller
        tasks = self._shop.sessions.tasks(session.id)
        if not complete or any(task.cancelled for task in tasks):
            self._shop.sessions.close(session, "Failed", CANCELLED, cancelled=True)
        else:
            worst = max(tasks, key=lambda task: _RANK.index(task.result))
            message = "" if worst.result == "Success" else _summary(tasks)
            self._shop.sessions.close(session, worst.result, message)
        self._shop.retention.sweep()

    def _backup_of(self, job: Job) -> Backup:
        shelf = self._shop.shelf
        for backup in shelf.where(Backup, lambda item: item.job_id == job.id):
            if backup.repository_id == job.repository_id:
                return backup
        backup = Backup(new_id(), job.id, job.name, self._shop.now(), job.repository_id)
        shelf.save(backup)
        return backup

    def _require_idle(self, job: Job) -> None:
        if self._running(job) is not None:
            raise conflict(message=f"Job {job.name} is already running (simulated text)")

    def _running(self, job: Job) -> Session | None:
        session = self._shop.shelf.find(Session, job.last_session) if job.last_session else None
        return session if session is not None and session.state != "Stopped" else None


def _summary(tasks: list[Task]) -> str:
    return "; ".join(f"{task.name}: {task.message}" for task in tasks if task.result != "Success")
