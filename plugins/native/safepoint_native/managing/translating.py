"""What documents mean to the native driver, and back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from safepoint.models.attributes import Attributes
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Loss, LossLedger, document_key
from safepoint.models.plans import (
    DescribeRequest,
    Description,
    Desired,
    DesiredJob,
    NeutralDocument,
    Translation,
)
from safepoint.models.policies import Policy
from safepoint.models.resources import Marker, Resource
from safepoint_native.managing.replica_describing import describe_replicas
from safepoint_native.managing.replica_wishes import replica_losses, replica_resources

__all__ = ["REPOSITORY", "describe", "job_address", "translate"]

#: The address of the repository itself.
REPOSITORY: Final = "repository/main"
_ON_COMMAND: Final = "kept with the job; runs start by `safepoint run`, from a timer of yours"
_NOT_EXPIRED: Final = "kept with the job; the repository does not expire points by itself yet"
_WATCHED: Final = "kept with the job; nothing watches it inside the repository"


def job_address(name: str) -> str:
    """Return the address of a job's registration."""
    return f"job/{name}"


def translate(desired: Desired) -> Translation:
    """Return the repository, a registration for each job, replication, and the checks needed."""
    losses: dict[tuple[str, str], Loss] = {}
    for one in desired.jobs:
        for loss in _losses(one, desired.driver):
            losses[loss.document, loss.field] = loss
    for replica in desired.replicas:
        for loss in replica_losses(replica.replica, desired.driver):
            losses[loss.document, loss.field] = loss
    wanted = {one.job.spec.cluster for one in desired.jobs}
    repository = Resource(
        address=REPOSITORY,
        attributes=Attributes({"label": desired.connection}),
        marker=Marker(owner=desired.owner, address=REPOSITORY),
        holds_data=True,
    )
    # A connection that only replicates needs no repository.
    needs_repository = desired.jobs or not desired.replicas
    resources = [
        *([repository] if needs_repository else []),
        *replica_resources(desired),
        *(_registration(one, desired.owner) for one in desired.jobs),
        *(check for c in desired.clusters if c.name in wanted for check in _checks(c)),
    ]
    return Translation(resources=tuple(resources), losses=tuple(losses.values()))


def _registration(one: DesiredJob, owner: str) -> Resource:
    address = job_address(one.job.name)
    return Resource(
        address=address,
        attributes=Attributes(_content(one.job, one.policy)),
        facts=Attributes({"policy": one.policy.name}),
        marker=Marker(owner=owner, address=address),
        depends_on=(REPOSITORY,),
        documents=(document_key(one.job), document_key(one.policy)),
    )


def _content(job: ProtectionJob, policy: Policy) -> dict[str, Any]:
    spec = job.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    rules = policy.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    chosen = {name: spec[name] for name in ("cluster", "include", "exclude", "verify")}
    return dict(_normal(chosen | {"policy": rules}))


def _normal(value: Any) -> Any:
    """Sort every list: selectors, times and days are sets in meaning."""
    if isinstance(value, Mapping):
        return {name: _normal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted(map(_normal, value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _losses(one: DesiredJob, driver: str) -> tuple[Loss, ...]:
    job = LossLedger(one.job, driver=driver)
    job.drop(f"spec.vendor.{driver}", "the native driver has no settings of its own per job")
    policy = LossLedger(one.policy, driver=driver)
    for field in policy.paths:
        if field.startswith("spec.schedule."):
            policy.approximate(field, "recorded", _ON_COMMAND)
        elif field.startswith("spec.retention."):
            policy.approximate(field, "recorded", _NOT_EXPIRED)
    policy.approximate("spec.rpo", "recorded", _WATCHED)
    return (*policy.entries(), *job.entries())


def _checks(cluster: Cluster) -> list[Resource]:
    documents = (document_key(cluster),)
    wishes: dict[str, dict[str, Any]] = {
        f"vms/{cluster.name}": {"listed": True},
        f"room/{cluster.name}": {"repository": True},
    }
    for node in cluster.spec.nodes:
        wishes[f"node/{cluster.name}/{node.name}"] = {"reachable": True, "rights": True}
    for share in cluster.spec.shares:
        wish = {"readable": True, "room": True, "writable": True}
        wishes[f"share/{cluster.name}/{share.path}"] = wish
    return [
        Resource(
            address=address,
            attributes=Attributes(wish),
            documents=documents,
            is_observe_only=True,
        )
        for address, wish in wishes.items()
    ]


def describe(request: DescribeRequest) -> Description:
    """Return a policy and a job for each registration, and documents for what is replicated.

    Equal policies are one document.
    """
    policies: dict[str, Policy] = {}
    jobs: list[ProtectionJob] = []
    for resource in request.resources:
        if resource.kind != "job" or resource.is_observe_only:
            continue
        body = resource.attributes.nested()
        rules = body.pop("policy", {})
        wished = str(resource.facts.get("policy") or resource.name)
        policy = _policy(wished, rules, policies)
        spec = {"connection": request.connection, "policy": policy, **body}
        content = {"metadata": {"name": resource.name}, "spec": spec}
        jobs.append(ProtectionJob.model_validate(content, by_alias=True))
    replicas, losses = describe_replicas(request)
    documents: tuple[NeutralDocument, ...] = (*policies.values(), *jobs, *replicas)
    return Description(documents=documents, losses=losses)


def _policy(wished: str, rules: Mapping[str, Any], known: dict[str, Policy]) -> str:
    """Return the name of a policy with these rules, adding it under a free name if need be."""
    number, name = 1, wished
    while True:
        content = {"metadata": {"name": name}, "spec": rules}
        policy = Policy.model_validate(content, by_alias=True)
        if known.setdefault(name, policy) == policy:
            return name
        number += 1
        name = f"{wished}-{number}"
