"""Who answers and what is in the way; problems are data here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safepoint.errors import DriverError, PermissionDeniedError, UnsupportedError
from safepoint.models.systems import NodeHealth, SystemInfo
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.infrastructure import (
    CLUSTER_TYPE,
    COMPONENTS,
    HOST_TYPE,
    Infrastructure,
    components_of,
    is_ready,
    is_up,
    look,
    problem_of,
    short,
)
from safepoint_veeam.revisions import has_hyperv
from safepoint_veeam.wire.objects import LicenseInfo, ManagedServer

__all__ = ["probe", "read_license"]

_PRODUCT = "Veeam Backup & Replication"


def read_license(client: VeeamClient) -> LicenseInfo | None:
    """Return the licence; None when the account may not read it."""
    try:
        return client.license()
    except PermissionDeniedError:
        return None


def probe(client: VeeamClient, documents: Mapping[str, str], now: datetime) -> SystemInfo:
    """Look at server, licence and registered hosts.

    Args:
        client: The connection.
        documents: Name in Veeam to the name of the Cluster document.
        now: The time of the look.
    """
    problems: list[str] = []
    version = ""
    nodes: tuple[NodeHealth, ...] = ()
    try:
        version = _version(client, problems)
        problems += _license_problems(read_license(client))
        if has_hyperv(client.revision):
            nodes = _nodes(look(client), documents, problems)
        else:
            problems.append(
                f"revision {client.revision} of the REST API knows no Hyper-V; VBR 13.0 is needed"
            )
    except (DriverError, UnsupportedError) as error:
        problems.append(f"{error.message} ({error.hint})" if error.hint else error.message)
    return SystemInfo(
        product=_PRODUCT,
        version=version,
        probed_at=now,
        nodes=nodes,
        problems=tuple(problems),
    )


def _version(client: VeeamClient, problems: list[str]) -> str:
    try:
        return f"{client.server_info().build_version} (REST {client.revision})"
    except PermissionDeniedError:
        problems.append("the account may not read the server's version: it is no administrator")
        return f"REST {client.revision}"


def _license_problems(found: LicenseInfo | None) -> list[str]:
    if found is None:
        return ["the account may not read the licence"]
    problems = []
    if found.status.casefold() != "valid":
        problems.append(f"the licence is {found.status.casefold()}")
    summary: Mapping[str, Any] = found.instance_license_summary or {}
    have, used = summary.get("licensedInstancesNumber"), summary.get("usedInstancesNumber")
    if isinstance(have, int | float) and isinstance(used, int | float) and used > have:
        problems.append(f"the licence covers {have:g} instances and {used:g} are used")
    return problems


def _nodes(
    known: Infrastructure, documents: Mapping[str, str], problems: list[str]
) -> tuple[NodeHealth, ...]:
    found = []
    for name, document in documents.items():
        cluster = known.named(name, CLUSTER_TYPE, HOST_TYPE)
        if cluster is None:
            problems.append(f"cluster {document} ({name}) is not registered; apply registers it")
            continue
        found += [_health(document, host) for host in known.hosts_of(cluster)]
    return tuple(found)


def _health(cluster: str, host: ManagedServer) -> NodeHealth:
    lacks = components_of(host) != COMPONENTS
    return NodeHealth(
        cluster=cluster,
        node=short(host.name),
        reachable=is_up(host),
        can_manage=is_ready(host),
        problem=problem_of(host),
        hint="`safepoint apply` deploys what is missing." if lacks else "",
    )
