"""From relationships to Replica documents: the inverse of `replica_wishes`. Pure."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from safepoint.models.estate import Cluster
from safepoint.models.losses import Fidelity, Loss
from safepoint.models.plans import DescribeRequest
from safepoint.models.replica_documents import Replica
from safepoint.models.resources import Resource
from safepoint_native.managing.replica_wiring import network_address, wires_of
from safepoint_native.managing.replica_wishes import (
    ANY_TIME,
    allow_address,
    server_address,
    third_address,
)

__all__ = ["describe_replicas"]

_SAME = ("vm", "excluded_disks")


def describe_replicas(request: DescribeRequest) -> tuple[tuple[Replica, ...], tuple[Loss, ...]]:
    """Return a document for each set of VMs that are replicated alike.

    What a document cannot say is left out with a loss.
    """
    resources = {one.address: one for one in request.resources}
    groups: dict[str, list[Resource]] = {}
    losses: list[Loss] = []
    for one in request.resources:
        if one.kind != "replica":
            continue
        problem = _problem(one, resources, request.clusters)
        if problem:
            losses.append(_lost(one, problem))
            continue
        groups.setdefault(_likeness(one, resources), []).append(one)
    taken: set[str] = set()
    documents = [
        _document(request, group, resources, _name(group[0], taken)) for group in groups.values()
    ]
    losses += _strange_permissions(request, documents)
    return tuple(documents), tuple(losses)


def _problem(one: Resource, resources: Mapping[str, Resource], clusters: Sequence[Cluster]) -> str:
    known = {cluster.name for cluster in clusters}
    home, away = str(one.facts.get("from")), one.facts.get("to")
    if away is None:
        return "its replica is not to be seen"
    if home not in known or str(away) not in known:
        return "its hosts are no Cluster of the estate"
    if _permission(resources, str(away)) is None:
        return f"{away} lets nobody send, so that where replicas are stored is not known"
    third = resources.get(third_address(one.address))
    if third is not None and str(third.facts.get("to")) not in known:
        return "the hosts of its third copy are no Cluster of the estate"
    return ""


def _likeness(one: Resource, resources: Mapping[str, Resource]) -> str:
    third = resources.get(third_address(one.address))
    parts: list[Any] = [one.facts.get("from"), one.facts.get("to")]
    parts.append({k: v for k, v in one.attributes.plain().items() if k != "vm"})
    parts.append(_networks(one, resources))
    if third is not None:
        parts.append([third.facts.get("to"), {**third.attributes.plain(), "vm": ""}])
        parts.append(_networks(third, resources))
    return json.dumps(parts, sort_keys=True)


def _name(one: Resource, taken: set[str]) -> str:
    base = f"{one.facts.get('from')}-to-{one.facts.get('to')}"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name


def _document(
    request: DescribeRequest,
    group: Sequence[Resource],
    resources: Mapping[str, Resource],
    name: str,
) -> Replica:
    one = group[0]
    given = one.attributes
    home, away = str(one.facts.get("from")), str(one.facts.get("to"))
    spec: dict[str, Any] = {
        "connection": request.connection,
        "cluster": home,
        "include": [{"name": str(each.facts.get("name"))} for each in group],
        "target": _server(away, given.get("server"), given.get("port"), resources),
        "frequency": given.get("frequency"),
        "recoveryPoints": _points(given),
        "compression": given.get("compression"),
        "authentication": _login(given),
        "resync": _resync(given),
    }
    if given.get("excluded_disks"):
        spec["excludeDisks"] = list(_tuple(given.get("excluded_disks")))
    networks = _networks(one, resources)
    if networks:
        spec["networks"] = networks
    if _permission(resources, home) is not None and _is_enabled(resources, home):
        spec["reverse"] = _server(home, None, None, resources)
        spec["reverse"]["server"] = _sender(resources, away)
    third = resources.get(third_address(one.address))
    if third is not None:
        of_third = third.attributes
        place = str(third.facts.get("to"))
        spec["extended"] = {
            "target": _server(place, of_third.get("server"), of_third.get("port"), resources),
            "frequency": of_third.get("frequency"),
            "recoveryPoints": _points(of_third),
        }
        networks = _networks(third, resources)
        if networks:
            spec["extended"]["networks"] = networks
    return Replica.model_validate({"metadata": {"name": name}, "spec": spec}, by_alias=True)


def _server(
    cluster: str, server: object, port: object, resources: Mapping[str, Resource]
) -> dict[str, Any]:
    permission = _permission(resources, cluster)
    assert permission is not None, "checked before"
    settings = resources.get(server_address(cluster))
    found: dict[str, Any] = {
        "cluster": cluster,
        "storage": permission.attributes.get("storage"),
        "trustGroup": permission.attributes.get("trust_group"),
        "allowFrom": [
            str(one.facts.get("primary"))
            for one in _permissions(resources, cluster)
            if one.attributes == permission.attributes
        ],
    }
    if server is not None:
        found["server"] = server
    thumbprint = settings.attributes.get("thumbprint") if settings is not None else None
    if thumbprint:
        found["thumbprint"] = thumbprint
    if port is not None and settings is not None:
        found["port"] = port
    return found


def _permissions(resources: Mapping[str, Resource], cluster: str) -> list[Resource]:
    prefix = allow_address(cluster, "")
    return [one for address, one in resources.items() if address.startswith(prefix)]


def _permission(resources: Mapping[str, Resource], cluster: str) -> Resource | None:
    return next(iter(_permissions(resources, cluster)), None)


def _is_enabled(resources: Mapping[str, Resource], cluster: str) -> bool:
    settings = resources.get(server_address(cluster))
    return settings is not None and bool(settings.attributes.get("enabled"))


def _sender(resources: Mapping[str, Resource], cluster: str) -> str | None:
    """Return a name under which the other side knows us as a sender."""
    found = _permission(resources, cluster)
    primary = str(found.facts.get("primary")) if found is not None else ""
    return primary if primary and "*" not in primary else None


def _networks(one: Resource, resources: Mapping[str, Resource]) -> list[dict[str, str]]:
    """Return a rule for each adapter that goes somewhere; none when all of them hang loose."""
    seen = resources.get(network_address(one.address))
    rules = []
    for adapter, switch, test in wires_of(seen) if seen is not None else ():
        rule = {"adapter": glob.escape(adapter)}
        rule |= {"connectTo": switch} if switch else {}
        rule |= {"testWith": test} if test else {}
        if len(rule) > 1:
            rules.append(rule)
    return rules


def _points(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"additionalHours": given.get("additional_hours")}
    if given.get("application_hours"):
        found["applicationConsistentEveryHours"] = given.get("application_hours")
    return found


def _login(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"method": given.get("authentication")}
    if given.get("thumbprint"):
        found["thumbprint"] = given.get("thumbprint")
    return found


def _resync(given: Mapping[str, Any]) -> dict[str, Any]:
    if not given.get("auto_resync"):
        return {"automatic": False}
    window = (given.get("resync_from"), given.get("resync_until"))
    if window == ANY_TIME:
        return {"automatic": True}
    return {"automatic": True, "window": {"start": window[0], "end": window[1]}}


def _tuple(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else ()


def _lost(one: Resource, reason: str) -> Loss:
    return Loss(document=one.address, field="", fidelity=Fidelity.DROPPED, reason=reason)


def _strange_permissions(request: DescribeRequest, documents: Sequence[Replica]) -> Iterator[Loss]:
    """Say which permissions no document speaks of; they stay as they are."""
    named = {
        allow_address(server.cluster, primary)
        for one in documents
        for server in (
            one.spec.target,
            one.spec.reverse,
            one.spec.extended and one.spec.extended.target,
        )
        if server
        for primary in server.allow_from
    }
    for one in request.resources:
        if one.kind == "replica-allow" and one.address not in named:
            yield _lost(one, "no relationship uses it; it stays as it is")
