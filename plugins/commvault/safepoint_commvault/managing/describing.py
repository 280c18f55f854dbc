"""What objects of Commvault mean in documents: the inverse of translating. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity, Loss
from safepoint.models.plans import DescribeRequest, Description, NeutralDocument
from safepoint.models.policies import Policy
from safepoint.models.resources import Resource
from safepoint_commvault.managing import content, keeping, schedules
from safepoint_commvault.managing.naming import Names

__all__ = ["describe"]


@dataclass(slots=True)
class _Draft:
    """What has been described so far."""

    names: Names
    request: DescribeRequest
    policies: dict[tuple[str, bool], tuple[Policy, bool]] = field(default_factory=dict)
    """By plan and whether guests are quiesced, which a job says and no plan; with each whether
    the plan stays the product's own."""
    jobs: list[ProtectionJob] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)

    def lose(self, resource: Resource, name: str, reason: str) -> None:
        """Note that something has no neutral words."""
        self.losses.append(
            Loss(
                document=resource.address,
                field=name,
                fidelity=Fidelity.DROPPED,
                reason=reason,
            )
        )


def describe(names: Names, request: DescribeRequest) -> Description:
    """Return a policy for each plan that a job uses, and a job for each VM group.

    A plan that safepoint would not write as it is stays the product's own: its jobs name it in
    their `vendor:` block, and get a policy that says nothing of times.
    """
    draft = _Draft(names, request)
    plans = {str(r.attributes.get("name")): r for r in request.resources if r.kind == "plan"}
    groups = [r for r in request.resources if r.kind == "job" and not r.is_observe_only]
    for group in sorted(groups, key=lambda one: one.address):
        _describe_group(draft, group, plans)
    documents: tuple[NeutralDocument, ...] = (
        *(policy for policy, _ in draft.policies.values()),
        *draft.jobs,
    )
    return Description(documents=documents, losses=tuple(draft.losses))


def _describe_group(draft: _Draft, group: Resource, plans: Mapping[str, Resource]) -> None:
    fields = group.attributes.nested()
    cluster = draft.names.cluster_of(
        str(fields.get("hypervisor")), (c.name for c in draft.request.clusters)
    )
    if cluster is None:
        draft.lose(
            group, "hypervisor", f"no cluster document is called {fields.get('hypervisor')}"
        )
        return
    plan = plans.get(str(fields.get("plan")))
    if plan is None:
        draft.lose(group, "plan", "the VM group has no plan, and a document needs a policy")
        return
    if not fields.get("enabled", True):
        draft.lose(group, "enabled", "it is switched off; a document would switch it on")
        return
    try:
        include = content.selectors(fields.get("include", []))
        exclude = content.selectors(fields.get("exclude", []))
    except ValueError as why:
        draft.lose(group, "content", str(why))
        return
    if not include:
        draft.lose(group, "content", "it holds no rule, and a document needs one")
        return
    policy, is_foreign = _policy(draft, plan, quiesces=bool(fields.get("quiesce", True)))
    block: dict[str, Any] = {}
    if fields["name"] != group.name:
        block["name"] = fields["name"]
    if is_foreign:
        block["plan"] = fields["plan"]
    if not fields.get("change_tracking", True):
        block["changeTracking"] = False
    spec: dict[str, Any] = {
        "connection": draft.request.connection,
        "cluster": cluster,
        "policy": policy,
        "include": include,
        "exclude": exclude,
    }
    if block:
        spec["vendor"] = {draft.request.driver: block}
    document = {"metadata": {"name": group.name}, "spec": spec}
    draft.jobs.append(ProtectionJob.model_validate(document, by_alias=True))


def _policy(draft: _Draft, plan: Resource, *, quiesces: bool) -> tuple[str, bool]:
    """Return the policy that stands for a plan, and whether the plan stays the product's own."""
    known = draft.policies.get((plan.address, quiesces))
    if known is None:
        known = _new_policy(draft, plan, quiesces=quiesces)
        draft.policies[plan.address, quiesces] = known
    return known[0].name, known[1]


def _new_policy(draft: _Draft, plan: Resource, *, quiesces: bool) -> tuple[Policy, bool]:
    name, is_foreign = plan.name, False
    spec: dict[str, Any] = {}
    if (plan.address, not quiesces) in draft.policies:
        # Two policies of one plan: one of them cannot be what the plan is made from.
        name, is_foreign = f"{plan.name}-{'quiesced' if quiesces else 'crash'}", True
    else:
        try:
            spec = _spec(draft.names, plan)
        except ValueError as why:
            draft.lose(plan, "schedule", f"{why}: jobs name the plan itself")
            is_foreign = True
    if not quiesces:
        spec["consistency"] = "crash"
    document = {"metadata": {"name": name}, "spec": spec}
    return Policy.model_validate(document, by_alias=True), is_foreign


def _spec(names: Names, plan: Resource) -> dict[str, Any]:
    fields = plan.attributes.nested()
    if fields.get("name") != plan.name:
        msg = f"the plan is called {fields.get('name')}"
        raise ValueError(msg)
    if fields.get("storage_pool") != names.settings.storage_pool:
        msg = f"its storage pool is {fields.get('storage_pool')}"
        raise ValueError(msg)
    schedule = schedules.policy_schedule(
        fields.get("starts", []), fields.get("windows", []), names.settings.timezone
    )
    retention = keeping.policy_retention(fields.get("keep", {"days": keeping.FOR_EVER}))
    return {"schedule": schedule, "retention": retention}
