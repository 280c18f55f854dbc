"""Looking at every node and share: who answers, with what rights, and what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from safepoint.errors import (
    AuthenticationError,
    DriverError,
    PermissionDeniedError,
    SafepointError,
)
from safepoint.models.systems import NodeHealth, SystemInfo
from safepoint_native.hyperv.hosts import probe_host
from safepoint_native.nodes import Nodes
from safepoint_native.sources.port import ShareAccess

__all__ = ["probe_all"]

_AT_ONCE = 8


def probe_all(
    clusters: Mapping[str, Nodes], shares: Mapping[str, ShareAccess], now: Callable[[], datetime]
) -> SystemInfo:
    """Probe everything. Problems are data; nothing is raised for a node or share."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        asked = [
            pool.submit(_node, nodes, name, now)
            for nodes in clusters.values()
            for name in nodes.names()
        ]
        nodes = tuple(one.result() for one in asked)
    versions = sorted({node.version for node in nodes if node.version})
    problems = {
        share.path: _share(shares[cluster], share.path)
        for cluster, of_cluster in clusters.items()
        for share in of_cluster.cluster.shares
    }
    return SystemInfo(
        product="Microsoft Hyper-V",
        version=", ".join(versions),
        probed_at=now(),
        nodes=nodes,
        shares=problems,
    )


def _node(nodes: Nodes, name: str, now: Callable[[], datetime]) -> NodeHealth:
    cluster = nodes.cluster.name
    try:
        facts = probe_host(nodes.client(name), now=now)
    except SafepointError as error:
        return NodeHealth(
            cluster=cluster,
            node=name,
            # Whoever refuses us was reached all the same.
            reachable=isinstance(error, AuthenticationError | PermissionDeniedError),
            problem=error.message,
            hint=error.hint,
        )
    problem: DriverError | None = facts.problem
    return NodeHealth(
        cluster=cluster,
        node=name,
        reachable=True,
        version=facts.version,
        can_manage=facts.can_manage,
        clock_skew_seconds=facts.clock_skew_seconds,
        problem=problem.message if problem else "",
        hint=problem.hint if problem else "",
    )


def _share(access: ShareAccess, path: str) -> str:
    try:
        access.entries(path)
    except SafepointError as error:
        return error.message
    return ""
