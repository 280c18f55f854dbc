"""Carrying out changes of jobs: read, patch, write, so that what no document says survives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.attributes import Attributes
from safepoint.models.plans import Action, Change
from safepoint.models.resources import Resource
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import CLUSTER_TYPE, HOST_TYPE, Infrastructure, look
from safepoint_veeam.jobs.reading import job_content
from safepoint_veeam.jobs.writing import Resolved, job_body
from safepoint_veeam.managing.objects import rows_for, rows_in
from safepoint_veeam.managing.observing import Observed
from safepoint_veeam.wire.objects import Job

__all__ = ["JobChanges", "retired"]


def retired(resource: Resource) -> Resource:
    """Return how an object looks that only keeps its restore points: a job that is disabled.

    A backup whose job is deleted is aged by other rules, which may leave nothing of it [D].
    """
    if resource.kind != "job":
        return resource
    fields = Attributes({**resource.attributes, "enabled": False})
    return resource.model_copy(update={"attributes": fields})


class JobChanges:
    """Writes of backup jobs; each is one request and done when it is answered [S]."""

    def __init__(self, client: VeeamClient, connection: str) -> None:
        self._client = client
        self._connection = connection

    def apply(self, change: Change) -> Resource | None:
        """Create, change or delete a job."""
        native = change.before.native if change.before else None
        if change.after is None:
            if native is not None:
                self._delete(native.id)
            return None
        known = look(self._client)
        present = self._client.jobs.get(native.id) if native else self._ours(change)
        if present is not None and change.action is not Action.CREATE:
            self._check_unmoved(change, present, known)
        job = self._written(change, present, known)
        has_points = change.before.holds_data if change.before else False
        return Observed(self._connection, known).job(job, has_points=has_points)

    def _delete(self, ident: str) -> None:
        try:
            self._client.jobs.delete(ident)
        except NotFoundError:
            return

    def _ours(self, change: Change) -> Job | None:
        """Return the job that bears the marker: made before an answer was lost."""
        assert change.after is not None
        marker = change.after.marker
        named = self._client.jobs.all(str(change.after.attributes["name"]))
        return next((job for job in named if marker and marker.text in job.description), None)

    def _check_unmoved(self, change: Change, present: Job, known: Infrastructure) -> None:
        now = Attributes(job_content(present, known))
        wanted = change.after.attributes if change.after else None
        if change.before is not None and now not in {change.before.attributes, wanted}:
            msg = f"{change.address} was changed in Veeam since the plan was made"
            hint = "Make a new plan and read it."
            raise ConflictError(msg, hint=hint, operation="apply", system=self._connection)

    def _written(self, change: Change, present: Job | None, known: Infrastructure) -> Job:
        assert change.after is not None
        content = change.after.attributes.nested()
        raw = present.raw() if present is not None else None
        marker = change.after.marker
        text = present.description if present is not None else ""
        found = Resolved(
            rows=self._rows(content, raw or {}, known),
            repository_id=self._repository(content, known),
            guest_credential_id=self._guest_credential(content, known),
            description=marker.written_into(text) if marker else text,
        )
        body = job_body(content, found, raw)
        if raw is None:
            made = self._client.jobs.create(body)
            if not content.get("enabled", True):
                self._client.jobs.disable(made.id)
                return self._client.jobs.get(made.id)
            return made
        return self._client.jobs.modify(body) if body != raw else Job.read(raw)

    def _rows(
        self, content: Mapping[str, Any], raw: Mapping[str, Any], known: Infrastructure
    ) -> dict[str, dict[str, Any]]:
        held = rows_in(raw)
        texts = [*content.get("objects", ()), *content.get("excluded", ())]
        missing = [text for text in texts if text not in held]
        if not missing:
            return held
        name = str(content["cluster"])
        cluster = known.named(name, CLUSTER_TYPE, HOST_TYPE)
        if cluster is None:
            msg = f"job {content['name']} needs {name}, which is not registered in Veeam"
            hint = "Give `fabric` in the connection's settings, or register it in Veeam."
            raise ConflictError(msg, hint=hint, operation="apply", system=self._connection)
        return held | rows_for(self._client, known, cluster, missing)

    def _repository(self, content: Mapping[str, Any], known: Infrastructure) -> str:
        name = str(content["repository"])
        found = known.repository(name)
        if found is not None:
            return found.id
        there = ", ".join(sorted(one.name for one in known.repositories)) or "none"
        msg = f"Veeam has no repository {name}; it has {there}"
        hint = "Set `repository` in the connection's settings or in the job's vendor block."
        raise NotFoundError(msg, hint=hint, operation="apply", system=self._connection)

    def _guest_credential(self, content: Mapping[str, Any], known: Infrastructure) -> str | None:
        username = content.get("guest_credential")
        if username is None:
            return None
        found = known.credential(str(username))
        if found is None:
            msg = f"Veeam has no credentials record of {username}"
            raise NotFoundError(msg, operation="apply", system=self._connection)
        return found.id
