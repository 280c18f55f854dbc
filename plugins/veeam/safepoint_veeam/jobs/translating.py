"""What a ProtectionJob means as a Veeam job, in normal form, with what is lost. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationError

from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob, Selector
from safepoint.models.losses import Loss, LossLedger
from safepoint.models.plans import DesiredJob
from safepoint.models.systems import ClusterInfo
from safepoint_veeam.block import VeeamJobBlock
from safepoint_veeam.infrastructure import short
from safepoint_veeam.jobs.policy_terms import policy_terms
from safepoint_veeam.jobs.words import days_in_order
from safepoint_veeam.settings import VeeamSettings

__all__ = ["block_of", "cluster_name", "is_single_host", "job_terms", "joined", "known_name"]

_GLOB: Final = re.compile(r"[*?\[]")
_LIST_REASON: Final = (
    "Veeam has no patterns: the VMs that match now are listed; apply again when others do"
)
#: With long-term flags and no full on any day, nothing would ever get a flag [D].
_FULLS_FOR_GFS: Final = ("saturday",)


def cluster_name(settings: VeeamSettings, cluster: Cluster | str) -> str:
    """Return the DNS name, in lower case, by which Veeam knows a Cluster document."""
    if isinstance(cluster, str):
        return settings.cluster_names.get(cluster, cluster).lower()
    only = cluster.spec.nodes[0].name if is_single_host(cluster) else cluster.name
    return settings.cluster_names.get(cluster.name, only).lower()


def known_name(settings: VeeamSettings, cluster: ClusterInfo) -> str:
    """Return the same of a cluster as drivers are given it."""
    is_single = len(cluster.nodes) == 1 and not cluster.scvmm
    only = cluster.nodes[0].name if is_single else cluster.name
    return settings.cluster_names.get(cluster.name, only).lower()


def is_single_host(cluster: Cluster) -> bool:
    """Tell whether a document stands for a host of its own: one node, and no SCVMM above it."""
    return len(cluster.spec.nodes) == 1 and cluster.spec.scvmm is None


def block_of(job: ProtectionJob, driver: str) -> tuple[VeeamJobBlock, tuple[Diagnostic, ...]]:
    """Return the job's own block for Veeam; a wrong one is a finding and counts as empty."""
    raw = job.spec.vendor.get(driver, {})
    try:
        return VeeamJobBlock.model_validate(raw, by_alias=True, by_name=False), ()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        text = f"job {job.name}: vendor.{driver}.{where}: {first['msg']}"
        hint = "`safepoint validate` shows the line."
        wrong = Diagnostic(
            severity=Severity.ERROR,
            code="vendor-block-invalid",
            summary=text,
            hint=hint,
            field=f"spec.vendor.{driver}",
        )
        return VeeamJobBlock(), (wrong,)


def job_terms(
    one: DesiredJob,
    block: VeeamJobBlock,
    settings: VeeamSettings,
    driver: str,
    cluster: Cluster | None,
) -> tuple[dict[str, Any], tuple[Loss, ...]]:
    """Return a job's normal form and one loss entry for every field of job and policy."""
    of_policy, of_job = LossLedger(one.policy), LossLedger(one.job, driver=driver)
    of_job.drop("spec.verify", "a job does not read back what it wrote; Veeam's health check does")
    name = cluster_name(settings, cluster or one.job.spec.cluster)
    terms = policy_terms(one.policy, block, settings.timezone, of_policy)
    active = days_in_order(block.active_fulls)
    synthetic = days_in_order(block.synthetic_fulls or ())
    if terms["gfs"] and block.synthetic_fulls is None and not active:
        synthetic = _FULLS_FOR_GFS
    objects, excluded = _objects(
        one, name, is_host=cluster is not None and is_single_host(cluster)
    )
    if not objects[0].startswith(("cluster:", "host:")) if objects else True:
        _note_list(one, objects, of_job)
    of_job.explain("spec.cluster", name)
    content = {
        "name": block.name or one.job.name,
        "cluster": name,
        "objects": objects,
        "excluded": excluded,
        "repository": block.repository or settings.repository,
        "enabled": block.enabled,
        "high_priority": block.high_priority,
        "guest_credential": block.guest_credential,
        "fulls": {"synthetic": synthetic, "active": active},
        **terms,
    }
    return content, (*of_policy.entries(), *of_job.entries())


def _note_list(one: DesiredJob, objects: tuple[str, ...], losses: LossLedger) -> None:
    listed = ", ".join(name.partition(":")[2] for name in objects[:5])
    listed += " …" if len(objects) > 5 else ""
    if all(_exact(selector) is not None for selector in one.job.spec.include):
        losses.explain("spec.include", listed or "nothing")
    else:
        losses.approximate("spec.include", listed or "nothing", _LIST_REASON)
    losses.explain("spec.exclude", "left out of the list")


def _objects(
    one: DesiredJob, cluster: str, *, is_host: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the objects a job names, and the VMs it leaves out.

    Containers follow what comes and goes; they are taken when they mean the same.
    """
    include, exclude = one.job.spec.include, one.job.spec.exclude
    left_out = [_exact(selector) for selector in exclude]
    if all(name is not None for name in left_out):
        excluded = joined(f"vm:{name}" for name in left_out)
        if any(selector.all for selector in include):
            return ((f"host:{short(cluster)}" if is_host else f"cluster:{cluster}"),), excluded
        nodes = [_exact_node(selector) for selector in include]
        if all(node is not None for node in nodes):
            return joined(f"host:{short(node or '')}" for node in nodes), excluded
    names = [workload.name for workload in one.workloads]
    known = {name.casefold() for name in names}
    gone = {name.casefold() for name in left_out if name is not None}
    spelled = (_exact(selector) for selector in include)
    names += [n for n in spelled if n is not None and n.casefold() not in known | gone]
    return joined(f"vm:{name}" for name in names), ()


def joined(names: Any) -> tuple[str, ...]:
    """Return names in normal form: each once, sorted."""
    return tuple(sorted(set(names)))


def _exact(selector: Selector) -> str | None:
    """Return the VM that a selector names without a pattern and without a further condition."""
    is_alone = selector.name is not None and selector.share is None and selector.node is None
    return _plain(selector.name) if is_alone and not selector.all else None


def _exact_node(selector: Selector) -> str | None:
    is_alone = selector.node is not None and selector.share is None and selector.name is None
    return _plain(selector.node) if is_alone else None


def _plain(pattern: str | None) -> str | None:
    """Return what a pattern without wildcards means; `[*]` is a literal sign."""
    text = re.sub(r"\[([*?\[])\]", lambda found: chr(0xE000 + ord(found[1])), pattern or "")
    if not text or _GLOB.search(text):
        return None
    return "".join(chr(ord(c) - 0xE000) if ord(c) >= 0xE000 else c for c in text)
