"""What a Veeam job means in documents: the inverse of the translation. Pure.

What neutral fields cannot say goes into the job's own block; a job that no document can say is left
out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from safepoint.models.estate import Cluster, document_name
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity, Loss
from safepoint.models.plans import DescribeRequest, Description, NeutralDocument
from safepoint.models.policies import Policy
from safepoint.models.resources import Resource
from safepoint_veeam.block import GfsDays
from safepoint_veeam.jobs.words import DAYS

__all__ = ["NameOf", "describe_jobs"]

#: Returns the name in Veeam of a Cluster document.
NameOf = Callable[[Cluster], str]

_DAY_MINUTES: Final = 24 * 60


def describe_jobs(
    request: DescribeRequest, *, name_of: NameOf, repository: str, timezone: str
) -> Description:
    """Return a policy for each way of protecting and a job for each job that can be said."""
    clusters = {name_of(cluster): cluster.name for cluster in request.clusters}
    policies: dict[str, Policy] = {}
    jobs: list[NeutralDocument] = []
    losses: list[Loss] = []
    for one in request.resources:
        if one.kind != "job":
            continue
        content = one.attributes.nested()
        why = _unsayable(content, clusters)
        if why is not None:
            losses.append(_loss(one, why[0], why[1]))
            continue
        spec, block = _policy_of(content, timezone)
        policy = policies.setdefault(repr(spec), _policy(f"{request.connection}-{one.name}", spec))
        block |= _block_of(one, content, repository)
        jobs.append(_job(request, one, content, clusters, policy, block))
        losses += [
            _loss(one, path, f"{words}: kept as it is in Veeam")
            for path, words in one.facts.items()
            if path.startswith(("storage.", "guestProcessing.", "virtualMachines.", "schedule."))
        ]
    return Description(documents=(*policies.values(), *jobs), losses=tuple(losses))


def _loss(one: Resource, field: str, reason: str) -> Loss:
    return Loss(document=one.address, field=field, fidelity=Fidelity.DROPPED, reason=reason)


def _unsayable(content: Mapping[str, Any], clusters: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the field and the reason why no document can stand for a job."""
    cluster = content.get("cluster")
    if cluster is None:
        return "cluster", "its objects are on several clusters; a document has one"
    if cluster not in clusters:
        return "cluster", f"no Cluster document stands for {cluster}"
    kinds = {text.partition(":")[0] for text in content.get("objects", ())}
    if not kinds:
        return "objects", "it has no object"
    if kinds - {"vm", "host", "cluster"}:
        odd = ", ".join(sorted(kinds - {"vm", "host", "cluster"}))
        return "objects", f"documents select VMs, hosts and clusters, not {odd}"
    if len(kinds) > 1:
        return "objects", "a document selects either VMs or hosts"
    if content.get("fallback") == "mixed":
        return "fallback", "its objects treat failures of guests in different ways"
    if content.get("retention", {}).get("type") not in {"days", "points"}:
        return "retention", "its retention is of a kind that is not known"
    minutes = content["schedule"].get("minutes") or 0
    if content["schedule"]["kind"] == "every" and not 0 < minutes <= _DAY_MINUTES:
        return "schedule", "its interval is of a kind that is not known"
    return None


def _policy(name: str, spec: dict[str, Any]) -> Policy:
    content = {"metadata": {"name": document_name(name)}, "spec": spec}
    return Policy.model_validate(content, by_alias=True)


def _policy_of(content: Mapping[str, Any], timezone: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the spec of a policy, and what of it only the job's block can say."""
    block: dict[str, Any] = {}
    retention: dict[str, Any] = {}
    if content["retention"]["type"] == "days":
        retention["keepFor"] = f"{content['retention']['count']}d"
    else:
        block["retentionPoints"] = content["retention"]["count"]
    gfs = content.get("gfs", {})
    for name, unit in (("weekly", "weeks"), ("monthly", "months"), ("yearly", "years")):
        if name in gfs:
            retention[name] = {"keep": gfs[name][unit]}
    block |= _gfs_days(gfs)
    spec: dict[str, Any] = {
        "consistency": content["consistency"],
        "fallback": content["fallback"],
    }
    if retention:
        spec["retention"] = retention
    schedule, more = _schedule_of(content["schedule"], timezone)
    if schedule:
        spec["schedule"] = schedule
    return spec, block | more


def _gfs_days(gfs: Mapping[str, Any]) -> dict[str, Any]:
    default = GfsDays()
    told = {
        "weeklyOn": (gfs.get("weekly", {}).get("day"), default.weekly_on),
        "monthlyIn": (gfs.get("monthly", {}).get("week"), default.monthly_in),
        "yearlyIn": (gfs.get("yearly", {}).get("month"), default.yearly_in),
    }
    other = {name: one for name, (one, usual) in told.items() if one and one != usual}
    return {"gfs": other} if other else {}


def _schedule_of(
    terms: Mapping[str, Any], timezone: str
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    kind = terms["kind"]
    if kind == "none":
        return None, {}
    if kind == "continuous":
        return None, {"continuous": True}
    if kind == "after":
        return None, {"afterJob": terms["job"]}
    if kind == "every":
        minutes = terms["minutes"]
        every = {"hours": minutes // 60} if minutes % 60 == 0 else {"minutes": minutes}
        window = terms.get("window", ())
        return {"timezone": timezone, "every": every}, {"window": window} if window else {}
    if kind == "monthly":
        on = terms["on"]
        day = {"weekday": on} if " " in on else {"day": on if on == "last" else int(on)}
        return {"timezone": timezone, "monthly": {**day, "at": [terms["at"]]}}, {}
    days = terms.get("days", ())
    if days:
        return {"timezone": timezone, "weekly": {"days": days, "at": [terms["at"]]}}, {}
    return {"timezone": timezone, "daily": {"at": [terms["at"]]}}, {}


def _block_of(one: Resource, content: Mapping[str, Any], repository: str) -> dict[str, Any]:
    block: dict[str, Any] = {}
    if content["name"] != one.name:
        block["name"] = content["name"]
    if content["repository"] != repository:
        block["repository"] = content["repository"]
    if not content["enabled"]:
        block["enabled"] = False
    if content["high_priority"]:
        block["highPriority"] = True
    if content.get("guest_credential"):
        block["guestCredential"] = content["guest_credential"]
    fulls = content.get("fulls", {})
    for name, days in (("syntheticFulls", "synthetic"), ("activeFulls", "active")):
        if fulls.get(days):
            block[name] = [day for day in DAYS if day in fulls[days]]
    if content.get("gfs") and not fulls:
        block["syntheticFulls"] = []
    return block


def _job(
    request: DescribeRequest,
    one: Resource,
    content: Mapping[str, Any],
    clusters: Mapping[str, str],
    policy: Policy,
    block: dict[str, Any],
) -> ProtectionJob:
    spec: dict[str, Any] = {
        "connection": request.connection,
        "cluster": clusters[content["cluster"]],
        "policy": policy.name,
        "include": [_selector(text) for text in content["objects"]],
    }
    if content.get("excluded"):
        spec["exclude"] = [_selector(text) for text in content["excluded"]]
    if block:
        spec["vendor"] = {request.driver: block}
    document = {"metadata": {"name": one.name}, "spec": spec}
    return ProtectionJob.model_validate(document, by_alias=True)


def _selector(text: str) -> dict[str, Any]:
    kind, _, name = text.partition(":")
    if kind == "cluster":
        return {"all": True}
    escaped = re.sub(r"([*?\[])", r"[\1]", name)
    return {"node" if kind == "host" else "name": escaped}
