"""Creating, changing, deleting jobs; these are synchronous, unlike everything else [S]."""

from __future__ import annotations

from typing import Any

from safepoint_lab.veeam.infrastructure.inventory import Inventory
from safepoint_lab.veeam.jobs.defaults import filled
from safepoint_lab.veeam.jobs.dialect import from_rev2, to_rev2
from safepoint_lab.veeam.jobs.rules import JobRules
from safepoint_lab.veeam.problems import ApiError, invalid
from safepoint_lab.veeam.records import Job, Repository, Session, new_id
from safepoint_lab.veeam.shelf import Shelf

__all__ = ["JobDesk"]

_NOT_IN_BODY = ("id", "isDisabled")


class JobDesk:
    """The jobs of the server."""

    def __init__(self, shelf: Shelf, inventory: Inventory, now: Any) -> None:
        self._shelf = shelf
        self._now = now
        self._rules = JobRules(shelf, inventory)

    def create(self, spec: dict[str, Any], *, rev2: bool) -> Job:
        """Create a job; `ApiError` 400 for one that cannot be."""
        with self._shelf.lock:
            body = self._accept(spec, rev2=rev2)
            job = Job(new_id(), self._now(), body)
            self._shelf.save(job)
            return job

    def replace(self, job: Job, model: dict[str, Any], *, rev2: bool) -> Job:
        """Replace a job by a full model: what is missing goes back to its default [S][C]."""
        if model["id"] != job.id:
            raise invalid(field="id", reason="'Id' is not the id of this job.", value=model["id"])
        with self._shelf.lock:
            job.body = self._accept(model, rev2=rev2, own=job.id)
            job.disabled = model.get("isDisabled", job.disabled)
            self._shelf.save(job)
            return job

    def clone(self, job: Job) -> Job:
        """Copy a job under a new name; the copy is disabled [X]."""
        with self._shelf.lock:
            names = {item.name for item in self._shelf.all(Job)}
            name, number = f"{job.name}_clone1", 1
            while name in names:
                number += 1
                name = f"{job.name}_clone{number}"
            copy = Job(new_id(), self._now(), {**job.body, "name": name}, disabled=True)
            self._shelf.save(copy)
            return copy

    def switch(self, job: Job, *, disabled: bool) -> None:
        """Enable or disable a job; idempotent."""
        job.disabled = disabled
        self._shelf.save(job)

    def delete(self, job: Job) -> None:
        """Delete a job; its backups stay [X]. A running one is refused with 500 [X]."""
        if self.running(job) is not None:
            message = f"Job {job.name} is running and cannot be deleted (simulated text)"
            raise ApiError(500, "UnknownError", message)
        self._shelf.remove(job)

    def running(self, job: Job) -> Session | None:
        """Return the session of a job that has not stopped, None when it does not run."""
        session = self._shelf.find(Session, job.last_session) if job.last_session else None
        return session if session is not None and session.state != "Stopped" else None

    def model(self, job: Job, *, rev2: bool) -> dict[str, Any]:
        """Return a job's model."""
        body = to_rev2(job.body) if rev2 else dict(job.body)
        return {"id": job.id, "isDisabled": job.disabled, **body}

    def _accept(self, given: dict[str, Any], *, rev2: bool, own: str = "") -> dict[str, Any]:
        kept = {name: value for name, value in given.items() if name not in _NOT_IN_BODY}
        if kept["type"] != "HyperVBackup":
            raise invalid(
                field="type", reason="The simulator keeps Hyper-V jobs only.", value=kept["type"]
            )
        default = min(self._shelf.all(Repository), key=lambda item: item.name)
        body = filled(from_rev2(kept) if rev2 else kept, default.id)
        self._rules.check(body, own)
        return body
