"""From documents and observations to a plan. Pure: the same input, the same plan but for its id."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from safepoint.drivers import CanManage
from safepoint.estate import Estate
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Loss
from safepoint.models.plans import (
    Action,
    FieldChange,
    ObservationDigest,
    Plan,
    PlannedChange,
    PlanScope,
    Translation,
)
from safepoint.models.resources import Resource
from safepoint.models.workloads import Workload
from safepoint.planning.desired import Selected, chosen_connections, desired_for, select_all
from safepoint.planning.diff import diff
from safepoint.planning.digests import resource_digest
from safepoint.planning.findings import finding, first_few
from safepoint.planning.guards import accepted, check_changes, check_shrunk, check_switches
from safepoint.planning.matching import Pair, match, owned
from safepoint.planning.observing import Observation
from safepoint.planning.ordering import in_order, in_turn, with_needs
from safepoint.planning.retiring import Stay, stays
from safepoint.planning.wishes import check_jobs, check_policy
from safepoint.planning.wishes_replicas import check_replicas

__all__ = ["ConnectionPlan", "PlanInputs", "make_plan", "not_managed", "plan_connection"]


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything a plan is made of."""

    estate: Estate
    scope: PlanScope
    drivers: Mapping[str, CanManage]
    """For `translate` only, which connects nowhere. A connection that is not in here is not
    managed."""
    observations: Mapping[str, Observation]
    workloads: Mapping[str, Sequence[Workload]]
    """The VMs of each cluster that could be listed."""
    findings: tuple[Diagnostic, ...] = ()
    """What came up while all this was gathered."""
    remembered: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Per connection what it showed last time."""
    gone: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Per connection what safepoint itself deleted last."""
    unable: Mapping[str, str] = field(default_factory=dict)
    """Per connection the reason why it cannot replicate."""


def make_plan(inputs: PlanInputs, *, plan_id: str, now: datetime) -> Plan:
    """Return what would have to change.

    Raises:
        UnknownNameError: the scope names what the estate has not.
        DriverContractError: a driver's resources depend on one another in a circle.
    """
    estate, scope = inputs.estate, inputs.scope
    selected = select_all(estate, inputs.workloads)
    parts = [
        plan_connection(inputs, name, selected)
        for name in chosen_connections(estate, scope)
        if name in inputs.drivers
    ]
    jobs = _chosen_jobs(estate, scope, {part.connection for part in parts})
    findings = [*inputs.findings]
    policies = dict.fromkeys(job.spec.policy for job in jobs)
    for policy in policies:
        findings += check_policy(estate.policy(policy), now)
    findings += check_jobs(estate, jobs, selected)
    if not scope.jobs:
        asked = chosen_connections(estate, scope)
        replicas = [one for one in estate.replicas.values() if one.spec.connection in asked]
        findings += check_replicas(estate, replicas, selected, inputs.unable)
    for part in parts:
        findings += part.findings
    findings += check_switches(change for part in parts for change in part.changes)
    return Plan(
        id=plan_id,
        made_at=now,
        estate=estate.fingerprint,
        scope=scope,
        observed=tuple(part.observed for part in parts),
        changes=in_turn(change for part in parts for change in part.changes),
        losses=tuple(loss for part in parts for loss in part.losses),
        findings=accepted(findings, scope),
    )


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """The part of a plan that is about one connection."""

    connection: str
    changes: tuple[PlannedChange, ...]
    observed: ObservationDigest
    losses: tuple[Loss, ...]
    findings: tuple[Diagnostic, ...]


def _chosen_jobs(
    estate: Estate, scope: PlanScope, connections: Collection[str]
) -> list[ProtectionJob]:
    return [
        job
        for job in estate.jobs.values()
        if job.spec.connection in connections and (not scope.jobs or job.name in scope.jobs)
    ]


def plan_connection(inputs: PlanInputs, name: str, selected: Selected) -> ConnectionPlan:
    """Return what would have to change on one connection; the documents are not judged here."""
    estate, scope = inputs.estate, inputs.scope
    desired = desired_for(estate, name, scope.owner, selected)
    translation = inputs.drivers[name].translate(desired)
    found = inputs.observations[name].resources
    wanted = _in_scope(_with_management(translation.resources, estate), scope.jobs)
    matching = match(wanted, found, scope.owner)
    pairs = [p for p in matching.pairs if p.wanted is not None or not scope.jobs]
    unasked = [p.found for p in pairs if p.wanted is None and p.found is not None]
    kept = stays(inputs.drivers[name], unasked, scope.allow_delete)
    changes = [_change(name, p, kept.get(p.address), adopt=scope.adopt) for p in pairs]
    ours = len(owned(found, scope.owner))
    findings = [*matching.findings, *translation.findings]
    elsewhere = {f"job/{j.name}" for j in estate.jobs.values() if j.spec.connection != name}
    moved = with_needs(elsewhere, unasked)
    findings += check_changes(name, changes, ours, scope.allow_delete, moved)
    if not scope.jobs:
        remembered = inputs.remembered.get(name, ())
        findings += check_shrunk(name, remembered, found, inputs.gone.get(name, ()))
    return ConnectionPlan(
        connection=name,
        changes=in_order(changes, desired.driver),
        observed=_digest(name, pairs),
        losses=_losses(translation, wanted, scope.jobs),
        findings=tuple(findings),
    )


def _with_management(resources: Iterable[Resource], estate: Estate) -> list[Resource]:
    """Mark resources as observe-only that only documents with `manage: false` need."""
    unmanaged = {
        f"ProtectionJob/{job.name}" for job in estate.jobs.values() if not job.spec.manage
    } | {f"Replica/{one.name}" for one in estate.replicas.values() if not one.spec.manage}
    if not unmanaged:
        return list(resources)

    def is_observed(resource: Resource) -> bool:
        jobs = {d for d in resource.documents if d.startswith(("ProtectionJob/", "Replica/"))}
        return bool(jobs) and jobs <= unmanaged

    return [
        resource.model_copy(update={"is_observe_only": True})
        if is_observed(resource)
        else resource
        for resource in resources
    ]


def _in_scope(resources: Sequence[Resource], jobs: Sequence[str]) -> list[Resource]:
    """Return what the jobs need: their own resources and what those depend on."""
    if not jobs:
        return list(resources)
    keys = {f"ProtectionJob/{name}" for name in jobs}
    own = (r.address for r in resources if keys.intersection(r.documents))
    needed = with_needs(own, resources)
    return [resource for resource in resources if resource.address in needed]


def _change(connection: str, pair: Pair, stay: Stay | None, *, adopt: bool) -> PlannedChange:
    wanted, found = pair.wanted, pair.found
    action, reason = Action.NONE, ""
    if wanted is None and stay is not None:
        wanted = stay.after
    fields: tuple[FieldChange, ...] = diff(found, wanted)
    if wanted is None:
        action, reason = Action.DELETE, "no document asks for it any more"
    elif stay is not None:
        action = Action.RETIRE if fields else Action.NONE
        reason = stay.reason
    elif wanted.is_observe_only:
        reason = "only observed"
    elif found is None:
        action = Action.CREATE
    elif found.marker is None and not wanted.is_shared:
        action, reason = _adoption(wanted, fields, adopt=adopt)
    elif fixed := _fixed(wanted, fields):
        action = Action.REPLACE
        reason = f"cannot be changed in place: {fixed}"
    elif fields:
        action = Action.UPDATE
    return PlannedChange(
        connection=connection,
        address=pair.address,
        action=action,
        fields=fields,
        before=found,
        after=wanted,
        reason=reason,
    )


def _fixed(wanted: Resource, fields: Sequence[FieldChange]) -> str:
    return ", ".join(one.field for one in fields if one.field in wanted.immutable)


def _adoption(
    wanted: Resource, fields: Sequence[FieldChange], *, adopt: bool
) -> tuple[Action, str]:
    fixed = _fixed(wanted, fields)
    if fixed:  # replacing it would destroy what somebody else made
        return Action.NONE, f"cannot be brought into line in place: {fixed}"
    if fields:
        return Action.ADOPT, "matched by name; brought into line and marked"
    if adopt:
        return Action.ADOPT, "matched by name; marked"
    return Action.NONE, "matched by name; not marked (plan --adopt marks it)"


def _digest(connection: str, pairs: Iterable[Pair]) -> ObservationDigest:
    managed = (p.found for p in pairs if not (p.wanted and p.wanted.is_observe_only))
    found = {one.address: resource_digest(one) for one in managed if one is not None}
    return ObservationDigest(connection=connection, resources=found)


def _losses(
    translation: Translation, wanted: Iterable[Resource], jobs: Sequence[str]
) -> tuple[Loss, ...]:
    if not jobs:
        return translation.losses
    documents = {document for resource in wanted for document in resource.documents}
    return tuple(loss for loss in translation.losses if loss.document in documents)


def not_managed(connection: str, reason: str, jobs: Sequence[str]) -> Diagnostic:
    """Return the finding that a connection is left out, and why; a warning when jobs want it."""
    text = f"{connection} is not managed: {reason}"
    if not jobs:
        return finding("not-managed", text)
    text += f"; nothing is made there for {first_few([f'job/{name}' for name in jobs])}"
    return finding("not-managed", text).model_copy(update={"severity": Severity.WARNING})
