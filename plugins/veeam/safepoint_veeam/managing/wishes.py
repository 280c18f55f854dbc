"""What an estate means at a backup server: the whole translation. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from safepoint.models.attributes import Attributes
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.estate import Cluster
from safepoint.models.losses import Loss, document_key
from safepoint.models.plans import Desired, DesiredJob, Translation
from safepoint.models.resources import Marker, Resource
from safepoint_veeam.infrastructure import CLUSTER_TYPE, COMPONENTS, HOST_TYPE, short
from safepoint_veeam.jobs.translating import block_of, cluster_name, is_single_host, job_terms
from safepoint_veeam.settings import VeeamSettings

__all__ = ["translate"]

_PASSWORD: Final = ("password",)


def translate(desired: Desired, settings: VeeamSettings) -> Translation:
    """Return account, servers, jobs and checks that the documents ask for."""
    wanted = {one.job.spec.cluster for one in desired.jobs}
    clusters = [cluster for cluster in desired.clusters if cluster.name in wanted]
    resources = [*_servers(desired, clusters, settings), *_checks(desired, clusters, settings)]
    losses: dict[tuple[str, str], Loss] = {}
    findings: list[Diagnostic] = []
    for one in desired.jobs:
        block, wrong = block_of(one.job, desired.driver)
        findings += wrong
        cluster = next((c for c in clusters if c.name == one.job.spec.cluster), None)
        content, noted = job_terms(one, block, settings, desired.driver, cluster)
        if not content["objects"]:
            findings.append(_refusal(one))
        resources.append(_job(desired, one, content, settings))
        losses |= {(loss.document, loss.field): loss for loss in noted}
    return Translation(
        resources=tuple(resources), losses=tuple(losses.values()), findings=tuple(findings)
    )


def _refusal(one: DesiredJob) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        code="product-refuses",
        summary=f"job {one.job.name} selects no VM; Veeam makes no job without an object",
        hint="`safepoint vm list` shows the VMs.",
        field="spec.include",
    )


def _wish(desired: Desired, address: str, content: dict[str, Any], **more: Any) -> Resource:
    return Resource(
        address=address,
        attributes=Attributes(content),
        marker=Marker(owner=desired.owner, address=address),
        **more,
    )


def _job(
    desired: Desired, one: DesiredJob, content: dict[str, Any], settings: VeeamSettings
) -> Resource:
    documents = (document_key(one.job), document_key(one.policy))
    return _wish(
        desired,
        f"job/{one.job.name}",
        content,
        documents=documents,
        depends_on=(f"cluster/{content['cluster']}",) if settings.fabric is not None else (),
        holds_data=True,
    )


def _servers(
    desired: Desired, clusters: list[Cluster], settings: VeeamSettings
) -> Iterator[Resource]:
    """Yield the fabric account, one SCVMM for all its clusters, and each cluster."""
    fabric = settings.fabric
    if fabric is None or not clusters:
        return
    documents = tuple(document_key(cluster) for cluster in clusters)
    account = f"credential/{fabric.username}"
    yield _wish(
        desired,
        account,
        {"name": fabric.username, "type": "Standard"},
        documents=documents,
        write_only=_PASSWORD,
        is_observe_only=fabric.password is None,
    )
    by_scvmm: defaultdict[str, list[str]] = defaultdict(list)
    for cluster in clusters:
        if cluster.spec.scvmm is not None:
            by_scvmm[cluster.spec.scvmm.lower()].append(document_key(cluster))
    for scvmm, keys in by_scvmm.items():
        content = {"name": scvmm, "credential": fabric.username}
        address = f"scvmm/{scvmm}"
        yield _wish(desired, address, content, documents=tuple(keys), depends_on=(account,))
    for cluster in clusters:
        yield _cluster(desired, cluster, settings, account)


def _cluster(
    desired: Desired, cluster: Cluster, settings: VeeamSettings, account: str
) -> Resource:
    name, scvmm = cluster_name(settings, cluster), cluster.spec.scvmm
    content: dict[str, Any] = {
        "name": name,
        "type": HOST_TYPE if is_single_host(cluster) else CLUSTER_TYPE,
        "nodes": tuple(sorted(short(node.name) for node in cluster.spec.nodes)),
    }
    content["root"] = name if scvmm is None else scvmm.lower()
    if scvmm is None:
        content["credential"] = settings.fabric.username if settings.fabric else None
    return _wish(
        desired,
        f"cluster/{name}",
        content,
        documents=(document_key(cluster),),
        depends_on=(f"scvmm/{scvmm.lower()}",) if scvmm is not None else (account,),
        immutable=("root", "type"),
    )


def _checks(
    desired: Desired, clusters: list[Cluster], settings: VeeamSettings
) -> Iterator[Resource]:
    """Yield what is looked at and never written: every node's components, and repositories."""
    for cluster in clusters:
        name = cluster_name(settings, cluster)
        for node in cluster.spec.nodes:
            yield Resource(
                address=f"node/{name}/{short(node.name)}",
                attributes=Attributes({"components": COMPONENTS}),
                documents=(document_key(cluster),),
                depends_on=(f"cluster/{name}",) if settings.fabric is not None else (),
                is_observe_only=True,
            )
    names: defaultdict[str, list[str]] = defaultdict(list)
    for one in desired.jobs:
        block, _ = block_of(one.job, desired.driver)
        names[block.repository or settings.repository].append(one.policy.name)
    for repository, policies in names.items():
        yield Resource(
            address=f"repository/{repository}",
            attributes=Attributes({"online": True}),
            documents=tuple(f"Policy/{name}" for name in dict.fromkeys(policies)),
            is_observe_only=True,
        )
