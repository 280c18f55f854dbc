"""What documents mean to Commvault. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from safepoint.models.attributes import Attributes
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.estate import Cluster, document_name
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Loss, document_key
from safepoint.models.plans import Desired, DesiredJob, Translation
from safepoint.models.policies import Consistency, Policy
from safepoint.models.resources import Marker, Resource
from safepoint_commvault.managing import content, keeping, schedules
from safepoint_commvault.managing.losses import job_losses, policy_losses
from safepoint_commvault.managing.naming import Names
from safepoint_commvault.settings import CommvaultJobBlock

__all__ = ["PASSWORD", "Translator", "job_block"]

#: The field that is sent and never read back.
PASSWORD: Final = "password"  # noqa: S105 - a name


def job_block(job: ProtectionJob, driver: str) -> CommvaultJobBlock:
    """Return the job's own block, with defaults where it says nothing."""
    return CommvaultJobBlock.model_validate(job.spec.vendor.get(driver, {}))


@dataclass(frozen=True, slots=True)
class Translator:
    """Translates for one connection."""

    names: Names

    def translate(self, desired: Desired) -> Translation:
        """Return the resources, losses and findings for everything that is declared."""
        losses: dict[tuple[str, str], Loss] = {}
        resources: dict[str, Resource] = {}
        for one in desired.jobs:
            cluster = _cluster(one.job, desired)
            chosen = content.translated(one.job, cluster, one.workloads)
            for loss in self._losses(one, desired, chosen):
                losses.setdefault((loss.document, loss.field), loss)
            for resource in self._of_job(one, desired, cluster, chosen):
                known = resources.get(resource.address)
                resources[resource.address] = _merged(known, resource)
        return Translation(
            resources=tuple(resources.values()),
            losses=tuple(losses.values()),
            findings=tuple(self._findings(desired)),
        )

    # -- machines -----------------------------------------------------------------------------

    def _of_job(
        self,
        one: DesiredJob,
        desired: Desired,
        cluster: Cluster | None,
        chosen: content.Content,
    ) -> Iterator[Resource]:
        key = document_key(one.job)
        if cluster is not None:
            yield self._agents(cluster, key)
            yield self._credential(desired.owner, key)
            yield self._hypervisor(cluster, desired.owner, key)
        block = job_block(one.job, desired.driver)
        if block.plan is None:
            yield self._plan(one.policy, desired.owner, key)
        else:
            yield _found_plan(block.plan, key)
        yield self._vm_group(one, block, desired.owner, chosen)

    def _agents(self, cluster: Cluster, key: str) -> Resource:
        return Resource(
            address=f"vsa/{cluster.name}",
            attributes=Attributes({f"node.{n.name}": True for n in cluster.spec.nodes}),
            documents=(key, document_key(cluster)),
            is_shared=True,
            is_observe_only=not self.names.settings.push_install,
        )

    def _credential(self, owner: str, key: str) -> Resource:
        address = f"credential/{self.names.credential}"
        return Resource(
            address=address,
            attributes=Attributes(
                {"name": self.names.credential, "user": self.names.settings.hyperv_username}
            ),
            write_only=(PASSWORD,),
            marker=Marker(owner=owner, address=address),
            documents=(key,),
        )

    def _hypervisor(self, cluster: Cluster, owner: str, key: str) -> Resource:
        address = f"hypervisor/{cluster.name}"
        nodes = [node.name for node in cluster.spec.nodes]
        return Resource(
            address=address,
            attributes=Attributes(
                {
                    "name": cluster.name,
                    "server": self.names.settings.address_of(cluster.name),
                    "coordinator": nodes[0],
                    "access_nodes": sorted(nodes, key=str.casefold),
                    "backup_enabled": True,
                    "restore_enabled": True,
                }
            ),
            marker=Marker(owner=owner, address=address),
            depends_on=(f"vsa/{cluster.name}", f"credential/{self.names.credential}"),
            documents=(key, document_key(cluster)),
        )

    # -- plans and VM groups ------------------------------------------------------------------

    def _plan(self, policy: Policy, owner: str, key: str) -> Resource:
        address = f"plan/{policy.name}"
        return Resource(
            address=address,
            attributes=Attributes(
                {
                    "name": policy.name,
                    "storage_pool": self.names.settings.storage_pool,
                    "keep": keeping.normal(policy.spec.retention),
                    **_times(policy),
                }
            ),
            marker=Marker(owner=owner, address=address),
            immutable=("storage_pool",),
            documents=(key, document_key(policy)),
        )

    def _vm_group(
        self, one: DesiredJob, block: CommvaultJobBlock, owner: str, chosen: content.Content
    ) -> Resource:
        job, address = one.job, f"job/{one.job.name}"
        plan = block.plan or one.policy.name
        plan_address = f"plan/{document_name(plan)}"
        return Resource(
            address=address,
            attributes=Attributes(
                {
                    "name": block.name or job.name,
                    "hypervisor": job.spec.cluster,
                    "plan": plan,
                    "include": chosen.include,
                    "exclude": chosen.exclude,
                    "quiesce": one.policy.spec.consistency is not Consistency.CRASH,
                    "change_tracking": block.change_tracking,
                    "enabled": True,
                }
            ),
            marker=Marker(owner=owner, address=address),
            immutable=("hypervisor",),
            depends_on=(f"hypervisor/{job.spec.cluster}", plan_address),
            documents=(document_key(job), document_key(one.policy)),
        )

    # -- what is lost, and what cannot be -----------------------------------------------------

    def _losses(
        self, one: DesiredJob, desired: Desired, chosen: content.Content
    ) -> Iterator[Loss]:
        block = job_block(one.job, desired.driver)
        yield from policy_losses(one.policy, desired.driver, block, self.names.settings)
        yield from job_losses(one.job, desired.driver, chosen)

    def _findings(self, desired: Desired) -> Iterator[Diagnostic]:
        if not desired.jobs:
            return
        settings = self.names.settings
        if not settings.hyperv_username:
            yield _error("the connection has no account for the clusters", "hypervUsername")
        own = [j for j in desired.jobs if job_block(j.job, desired.driver).plan is None]
        if own and not settings.storage_pool:
            yield _error("the connection names no storage pool for plans", "storagePool")
        yield from _name_clashes(desired)


def _merged(known: Resource | None, new: Resource) -> Resource:
    """Return one resource for two jobs that need it; one that is written outweighs a look."""
    if known is None:
        return new
    documents = tuple(dict.fromkeys((*known.documents, *new.documents)))
    chosen = known if new.is_observe_only else new
    return chosen.model_copy(update={"documents": documents})


def _cluster(job: ProtectionJob, desired: Desired) -> Cluster | None:
    return next((c for c in desired.clusters if c.name == job.spec.cluster), None)


def _times(policy: Policy) -> dict[str, Any]:
    schedule = policy.spec.schedule
    window = schedule.window if schedule is not None else None
    return {"starts": schedules.rows_of(schedule), "windows": schedules.windows_of(window)}


def _found_plan(name: str, key: str) -> Resource:
    return Resource(
        address=f"plan/{document_name(name)}",
        attributes=Attributes({"name": name}),
        documents=(key,),
        is_observe_only=True,
    )


def _error(text: str, setting: str) -> Diagnostic:
    hint = f"Set `{setting}` in the settings of the connection."
    return Diagnostic(
        severity=Severity.ERROR, code="product-refuses", summary=text, hint=hint, field=setting
    )


def _name_clashes(desired: Desired) -> Iterable[Diagnostic]:
    """Find VM groups of one hypervisor that would bear the same name, which is unique there."""
    seen: dict[tuple[str, str], str] = {}
    for one in desired.jobs:
        name = job_block(one.job, desired.driver).name or one.job.name
        place = (one.job.spec.cluster, name.casefold())
        if place in seen:
            yield Diagnostic(
                severity=Severity.ERROR,
                code="product-refuses",
                summary=f"jobs {seen[place]} and {one.job.name} both want a VM group {name!r}",
                hint="Give one of them another `name` under `vendor: commvault:`.",
                field="spec.vendor.commvault.name",
            )
        seen.setdefault(place, one.job.name)
