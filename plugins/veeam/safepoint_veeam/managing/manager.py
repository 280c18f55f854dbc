"""`CanManage` of the Veeam driver, put together."""

from __future__ import annotations

from collections.abc import Iterator

from safepoint.errors import InvalidRequestError, PermissionDeniedError
from safepoint.models.attributes import Attributes
from safepoint.models.checkpoints import OperationStatus
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity, Loss
from safepoint.models.plans import (
    Change,
    DescribeRequest,
    Description,
    Desired,
    DesiredJob,
    NeutralDocument,
    Translation,
)
from safepoint.models.policies import Policy
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource, ResourceQuery
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.faults import awaits_approval
from safepoint_veeam.infrastructure import look
from safepoint_veeam.jobs.describing import describe_jobs
from safepoint_veeam.jobs.translating import block_of, cluster_name, job_terms
from safepoint_veeam.managing.job_changes import JobChanges
from safepoint_veeam.managing.long_work import LongWork
from safepoint_veeam.managing.observing import Observed
from safepoint_veeam.managing.server_changes import ServerChanges
from safepoint_veeam.managing.wishes import translate
from safepoint_veeam.settings import VeeamSettings

__all__ = ["Manager"]


class Manager:
    """The managed objects of one backup server.

    Args:
        client: The connection; not used by what is pure.
        connection: Its name.
        settings: The connection's settings.
        expected: Cluster and short name of every node that documents name.
    """

    def __init__(
        self,
        client: VeeamClient,
        connection: str,
        settings: VeeamSettings,
        expected: tuple[tuple[str, str], ...],
    ) -> None:
        self._client = client
        self._expected = expected
        self._connection = connection
        self._settings = settings
        self._work = LongWork(client, connection)
        self._servers = ServerChanges(client, connection, settings, self._work)
        self._jobs = JobChanges(client, connection)

    def translate(self, desired: Desired) -> Translation:
        """Say what documents mean."""
        return translate(desired, self._settings)

    def observe(self, query: ResourceQuery) -> Iterator[Resource]:
        """List accounts, servers and jobs, and what is only looked at unless left out.

        Five listings in all, whatever the number of objects; each in pages.
        """
        known = look(self._client)
        seen = Observed(self._connection, known)
        with_points = {backup.job_id for backup in self._client.backups.all()}
        yield from seen.servers()
        for job in self._client.jobs.all():
            yield seen.job(job, has_points=job.id in with_points)
        if query.with_preflight:
            yield from seen.checks(self._expected)

    def describe(self, request: DescribeRequest) -> Description:
        """Say in documents what jobs mean; each is translated back before it is offered."""
        described = describe_jobs(
            request,
            name_of=lambda cluster: cluster_name(self._settings, cluster),
            repository=self._settings.repository,
            timezone=self._settings.timezone or "Etc/UTC",
        )
        by_name = {f"job/{one.name}": one for one in request.resources if one.kind == "job"}
        policies = {one.name: one for one in described.documents if isinstance(one, Policy)}
        jobs: list[NeutralDocument] = []
        losses = list(described.losses)
        for document in described.documents:
            if isinstance(document, ProtectionJob):
                resource = by_name[f"job/{document.name}"]
                cluster = next(c for c in request.clusters if c.name == document.spec.cluster)
                policy = policies[document.spec.policy]
                differing = self._differing(document, policy, cluster, resource, request.driver)
                if differing is None:
                    jobs.append(document)
                else:
                    losses.append(differing)
        used = {job.spec.policy for job in jobs if isinstance(job, ProtectionJob)}
        kept = [policy for name, policy in policies.items() if name in used]
        return Description(documents=(*kept, *jobs), losses=tuple(losses))

    def _differing(
        self,
        job: ProtectionJob,
        policy: Policy,
        cluster: Cluster,
        resource: Resource,
        driver: str,
    ) -> Loss | None:
        """Return why a described job would not mean the same; None when it does."""
        block, _ = block_of(job, driver)
        one = DesiredJob(job=job, policy=policy)
        back = Attributes(job_terms(one, block, self._settings, driver, cluster)[0])
        if back == resource.attributes:
            return None
        names = sorted({*back, *resource.attributes})
        field = next(n for n in names if back.get(n) != resource.attributes.get(n))
        reason = "documents cannot say it; the job is left out"
        return Loss(
            document=resource.address, field=field, fidelity=Fidelity.DROPPED, reason=reason
        )

    def apply(self, change: Change) -> Resource | Ref | None:
        """Carry out one change."""
        kind = change.address.partition("/")[0]
        try:
            if kind == "credential":
                return self._servers.credential(change)
            if kind == "scvmm":
                return self._servers.scvmm(change)
            if kind == "cluster":
                return self._servers.cluster(change)
            if kind == "job":
                return self._jobs.apply(change)
        except PermissionDeniedError as error:
            if awaits_approval(error):
                raise self._pending(change, error) from error
            raise
        msg = f"{change.address} is only looked at, never written"
        raise InvalidRequestError(msg, operation="apply", system=self._connection)

    def change_status(self, change: Ref) -> OperationStatus:
        """Look once at what was begun."""
        return self._work.status(change)

    def _pending(self, change: Change, error: PermissionDeniedError) -> PermissionDeniedError:
        msg = f"{change.address} is not deleted yet: a second administrator has to approve it"
        return PermissionDeniedError(
            msg,
            hint="Approve it in the Veeam console, then apply again.",
            operation="apply",
            system=self._connection,
            native_code=error.native_code,
            native_message=error.native_message,
        )
