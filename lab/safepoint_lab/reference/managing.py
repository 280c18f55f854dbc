"""`CanManage` of the reference driver: declared jobs in a product in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from typing_extensions import override

from safepoint.drivers import CanFollowChanges, CanRetire
from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.attributes import Attributes
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity, Loss, LossLedger, document_key
from safepoint.models.plans import (
    Action,
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
from safepoint.models.resources import Marker, Resource, ResourceQuery
from safepoint.planning.diff import diff
from safepoint_lab.reference.operations import OperationKind
from safepoint_lab.reference.product import ProductObject
from safepoint_lab.reference.session import ReferenceSession

__all__ = ["ManagingSession", "address_of"]

_DAY_SECONDS = 86_400
_PAUSED = "paused"
_OWN = frozenset({"priority", "compression", "password"})


def address_of(one: ProductObject) -> str:
    """Return what the driver calls an object: by its marker, else by kind and name."""
    marker = Marker.found_in(one.description)
    return marker.address if marker else f"{one.kind}/{one.name}"


class ManagingSession(ReferenceSession, CanFollowChanges, CanRetire):
    """Registered clusters (`server/…`), policies (`plan/…`) and jobs (`job/…`)."""

    @override
    def translate(self, desired: Desired, /) -> Translation:
        resources: dict[str, Resource] = {}
        losses: dict[tuple[str, str], Loss] = {}
        for one in desired.jobs:
            for resource in self._resources(desired, one):
                known = resources.get(resource.address)
                documents = (*(known.documents if known else ()), *resource.documents)
                merged = {"documents": tuple(dict.fromkeys(documents))}
                resources[resource.address] = resource.model_copy(update=merged)
            for loss in (*_policy_losses(one.policy, desired.driver), *_job_losses(one, desired)):
                losses[loss.document, loss.field] = loss
        for cluster in desired.clusters:
            for node in cluster.spec.nodes:
                address = f"host/{cluster.name}/{node.name}"
                resources[address] = Resource(
                    address=address,
                    attributes=Attributes({"reachable": True}),
                    documents=(document_key(cluster),),
                    is_observe_only=True,
                )
        return Translation(resources=tuple(resources.values()), losses=tuple(losses.values()))

    def _resources(self, desired: Desired, one: DesiredJob) -> Iterator[Resource]:
        job, policy = one.job, one.policy
        cluster = next((c for c in desired.clusters if c.name == job.spec.cluster), None)
        nodes = sorted(node.address for node in cluster.spec.nodes) if cluster else []
        yield _wish(
            desired,
            f"server/{job.spec.cluster}",
            {"nodes": nodes, "username": self._settings.username},
            write_only=("password",),
            documents=(document_key(job),),
        )
        yield _wish(
            desired,
            f"plan/{policy.name}",
            _plan_body(policy),
            documents=(document_key(job), document_key(policy)),
        )
        body = _job_body(job, desired.driver)
        yield _wish(
            desired,
            f"job/{job.name}",
            body,
            documents=(document_key(job),),
            depends_on=_needs(body),
            immutable=("cluster",),
        )

    # --- observe ------------------------------------------------------------------------------

    @override
    def observe(self, query: ResourceQuery, /) -> Iterator[Resource]:
        def read() -> list[Resource]:
            found = [self._found(one) for one in self._world.product.listed()]
            return [*found, *self._hosts()] if query.with_preflight else found

        return self._list("observe", read)

    def _hosts(self) -> Iterator[Resource]:
        for cluster in self._context.clusters:
            for node in cluster.nodes:
                is_up = node.name not in self._world.product.down_hosts
                yield Resource(
                    address=f"host/{cluster.name}/{node.name}",
                    attributes=Attributes({"reachable": is_up}),
                    facts=Attributes({} if is_up else {"problem": "it does not answer"}),
                    is_observe_only=True,
                )

    def _found(self, one: ProductObject) -> Resource:
        marker = Marker.found_in(one.description)
        body = {key: value for key, value in one.body.items() if key not in _OWN}
        return Resource(
            address=address_of(one),
            attributes=Attributes(_normal({"name": one.name, **body})),
            facts=Attributes({k: v for k, v in one.body.items() if k in _OWN - {"password"}}),
            write_only=("password",) if one.kind == "server" else (),
            marker=marker,
            depends_on=_needs(body) if one.kind == "job" else (),
            native=Ref(kind=one.kind, system=self._context.connection, id=one.id),
            holds_data=one.points > 0,
        )

    @override
    def retired(self, resource: Resource, /) -> Resource:
        if resource.kind != "job":
            return resource
        paused = Attributes({**resource.attributes, _PAUSED: True})
        return resource.model_copy(update={"attributes": paused})

    # --- describe -----------------------------------------------------------------------------

    @override
    def describe(self, request: DescribeRequest, /) -> Description:
        by_kind: dict[str, list[Resource]] = {"plan": [], "job": []}
        losses: list[Loss] = []
        for resource in request.resources:
            by_kind.get(resource.kind, []).append(resource)
        documents: list[NeutralDocument] = [_to_policy(one) for one in by_kind["plan"]]
        known = {document.name for document in documents}
        for one in by_kind["job"]:
            if one.attributes.get(_PAUSED):
                losses.append(_paused(one))
            elif one.attributes.get("plan") in known:
                documents.append(_to_job(one, request))
            else:
                losses.append(_unplanned(one))
        return Description(documents=tuple(documents), losses=tuple(losses))

    # --- apply --------------------------------------------------------------------------------

    @override
    def apply(self, change: Change, /, *, key: str) -> Resource | Ref | None:
        return self._ask("apply", change.address, lambda: self._apply(change, key))

    def _apply(self, change: Change, key: str) -> Resource | Ref | None:
        product = self._world.product
        if key not in product.keys:
            begun = self._begun(change, key)
            if begun is not None:
                return begun
            product.keys[key] = self._carry_out(change)
        ident = product.keys[key]
        return self._found(product.objects[ident]) if ident in product.objects else None

    def _begun(self, change: Change, key: str) -> Ref | None:
        """Return the operation that carries out a change which takes long; None for others."""
        product, world = self._world.product, self._world
        known = world.operations.get(product.under_way.get(key, ""))
        if known is None or known.state is not OperationState.RUNNING:
            if not world.faults.durations.is_due("apply"):
                return None
            known = world.begin(
                OperationKind.CHANGE,
                change.address,
                lambda: self._finish(change, key),
                call="apply",
            )
            product.under_way[key] = known.id
        return Ref(kind="change", system=self._context.connection, id=known.id)

    def _finish(self, change: Change, key: str) -> str:
        self._world.product.keys[key] = self._carry_out(change)
        return ""

    @override
    def change_status(self, change: Ref, /) -> OperationStatus:
        return self._look("change_status", lambda: self._status_of(change))

    def _carry_out(self, change: Change) -> str | None:
        product = self._world.product
        before = change.before.native if change.before else None
        if before is not None and before.id in product.objects:
            self._check_unchanged(change, product.objects[before.id])
        if change.after is None:
            if before is not None:
                product.objects.pop(before.id, None)
            return None
        self._check_dependencies(change)
        kind, name, body, description = self._content(change.after)
        if change.action is Action.CREATE:
            return product.create(kind, name, description, body)
        if before is None or before.id not in product.objects:
            msg = f"{change.address} is not there any more"
            raise NotFoundError(msg, operation="apply", system=self._context.connection)
        human = Marker.removed_from(product.objects[before.id].description)
        product.change(before.id, name, f"{human} {description}".strip(), body)
        return before.id

    def _check_unchanged(self, change: Change, there: ProductObject) -> None:
        found, before = self._found(there), change.before
        if before is not None and (diff(before, found) or before.marker != found.marker):
            msg = f"{change.address} was changed by somebody else in between"
            raise ConflictError(msg, operation="apply", system=self._context.connection)

    def _check_dependencies(self, change: Change) -> None:
        present = {one.address for one in change.dependencies if one.native is not None}
        missing = sorted(set(change.after.depends_on if change.after else ()) - present)
        if missing:
            msg = f"{change.address} needs {missing[0]}, which is not there"
            raise ConflictError(msg, operation="apply", system=self._context.connection)

    def _content(self, wish: Resource) -> tuple[str, str, dict[str, Any], str]:
        body = wish.attributes.nested()
        name = str(body.pop("name"))
        if "password" in wish.write_only:
            body["password"] = self._settings.password.get_secret_value()
        marker = wish.marker.text if wish.marker else ""
        return wish.kind, name, body, marker


def _wish(desired: Desired, address: str, body: Mapping[str, Any], **more: Any) -> Resource:
    name = address.partition("/")[2]
    return Resource(
        address=address,
        attributes=Attributes(_normal({"name": name, **body})),
        marker=Marker(owner=desired.owner, address=address),
        **more,
    )


def _normal(value: Any) -> Any:
    """Sort every list: all of them are sets in meaning, and the product keeps its own order."""
    if isinstance(value, Mapping):
        return {name: _normal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted(map(_normal, value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _plan_body(policy: Policy) -> dict[str, Any]:
    body = policy.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    body.pop("rpo", None)
    keep_for = policy.spec.retention.keep_for if policy.spec.retention else None
    if keep_for is not None:
        del body["retention"]["keepFor"]
        body["retention"]["keepDays"] = _days(keep_for.total_seconds())
    return body


def _days(seconds: float) -> int:
    return max(1, -int(-seconds // _DAY_SECONDS))


def _job_body(job: ProtectionJob, driver: str) -> dict[str, Any]:
    spec = job.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    block = spec["vendor"].get(driver, {})
    body = {"cluster": spec["cluster"], "plan": spec["policy"], "verify": spec["verify"]}
    body |= {field: spec[field] for field in ("include", "exclude")}
    if "name" in block:
        body["name"] = block["name"]
    return body


def _policy_losses(policy: Policy, driver: str) -> tuple[Loss, ...]:
    ledger = LossLedger(policy, driver=driver)
    ledger.drop("spec.rpo", "the product knows no objective; safepoint itself watches it")
    keep_for = policy.spec.retention.keep_for if policy.spec.retention else None
    if keep_for is not None and keep_for.total_seconds() % _DAY_SECONDS:
        days = _days(keep_for.total_seconds())
        reason = "the product counts whole days"
        ledger.approximate("spec.retention.keepFor", f"{days} days", reason)
    return ledger.entries()


def _job_losses(one: DesiredJob, desired: Desired) -> tuple[Loss, ...]:
    return LossLedger(one.job, driver=desired.driver).entries()


def _to_policy(resource: Resource) -> Policy:
    body = resource.attributes.nested()
    name = body.pop("name")
    keep_days = body.get("retention", {}).pop("keepDays", None)
    if keep_days is not None:
        body["retention"]["keepFor"] = f"{keep_days}d"
    return Policy.model_validate({"metadata": {"name": name}, "spec": body}, by_alias=True)


def _needs(body: Mapping[str, Any]) -> tuple[str, ...]:
    return f"plan/{body.get('plan')}", f"server/{body.get('cluster')}"


def _paused(resource: Resource) -> Loss:
    reason = "the job is paused; a document would let it run"
    return Loss(document=resource.address, field=_PAUSED, fidelity=Fidelity.DROPPED, reason=reason)


def _unplanned(resource: Resource) -> Loss:
    reason = "the job has no plan of the product; a document needs a policy"
    return Loss(document=resource.address, field="plan", fidelity=Fidelity.DROPPED, reason=reason)


def _to_job(resource: Resource, request: DescribeRequest) -> ProtectionJob:
    body = resource.attributes.nested()
    name, address_name = body.pop("name"), resource.name
    spec = {"connection": request.connection, "policy": body.pop("plan"), **body}
    if name != address_name:
        spec["vendor"] = {request.driver: {"name": name}}
    content = {"metadata": {"name": address_name}, "spec": spec}
    return ProtectionJob.model_validate(content, by_alias=True)
