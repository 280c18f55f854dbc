"""Checks of what protection needs: hosts, shares, room, guests. Looked at, never written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from safepoint.errors import SafepointError
from safepoint.models.attributes import Attributes
from safepoint.models.checkpoints import Checkpoint, CheckpointKind, CheckpointQuery
from safepoint.models.resources import Resource
from safepoint.models.systems import ShareInfo, SystemInfo
from safepoint.models.workloads import GuestState, PowerState, Workload, WorkloadQuery
from safepoint_native.inventory import list_workloads
from safepoint_native.nodes import Nodes
from safepoint_native.probing import probe_all
from safepoint_native.sources.port import ShareAccess

__all__ = ["LEAST_FREE_BYTES", "Preflight"]

#: Below this a share or repository counts as full: a day of writes under a held checkpoint.
LEAST_FREE_BYTES: Final = 10 << 30
_OUR_NAME: Final = "safepoint "
_SHOWN: Final = 20

#: Lists the checkpoints of a cluster.
ListCheckpoints = Callable[[CheckpointQuery], Iterator[Checkpoint]]


class Preflight:
    """Looks at everything once. A problem is data; nothing is raised for a host or share."""

    def __init__(
        self,
        nodes: Mapping[str, Nodes],
        shares: Mapping[str, ShareAccess],
        checkpoints: ListCheckpoints,
        now: Callable[[], datetime],
    ) -> None:
        self._nodes = nodes
        self._shares = shares
        self._checkpoints = checkpoints
        self._now = now

    def checks(self, free_bytes: int | None) -> Iterator[Resource]:
        """Return a resource for every check.

        Args:
            free_bytes: The room in the repository; None when there is none yet.
        """
        info = probe_all(self._nodes, self._shares, self._now)
        yield from _nodes(info)
        for name, nodes in self._nodes.items():
            for share in nodes.cluster.shares:
                yield self._share(name, share, info.shares.get(share.path, ""))
            room = free_bytes is None or free_bytes >= LEAST_FREE_BYTES
            facts = {"free_bytes": free_bytes, **_shortage(free_bytes)}
            yield _check(f"room/{name}", {"repository": room}, facts)
            yield self._machines(name)

    def _share(self, cluster: str, share: ShareInfo, problem: str) -> Resource:
        state: dict[str, Any] = {"readable": not problem, "room": None, "writable": None}
        facts: dict[str, Any] = {"readable_problem": problem or None}
        if not problem:
            access = self._shares[cluster]
            try:
                free = access.free_bytes(share.path)
                state["room"] = free >= LEAST_FREE_BYTES
                facts |= {"free_bytes": free, **_shortage(free, "room_problem")}
                # Asked, not tried: a trial file would be a write.
                state["writable"] = access.is_writable(share.path)
            except SafepointError as error:
                facts["problem"] = error.message
        return _check(f"share/{cluster}/{share.path}", state, facts)

    def _machines(self, cluster: str) -> Resource:
        try:
            machines = list_workloads(self._nodes[cluster], WorkloadQuery(cluster=cluster))
            held = list(self._checkpoints(CheckpointQuery(cluster=cluster)))
        except SafepointError as error:
            facts = {"problem": error.message, "hint": error.hint or None}
            return _check(f"vms/{cluster}", {"listed": False}, facts)
        state = {
            "listed": True,
            "guests_not_ready": _names(w.name for w in machines if _is_mute(w)),
            "replicas": _names(w.name for w in machines if w.is_replica),
            "foreign_checkpoints": _names(c.workload_name for c in held if _is_foreign(c)),
        }
        reasons = {
            "guests_not_ready_problem": "only crash consistency can be had of them",
            "replicas_problem": "restoring a replica VM breaks its replication",
            "foreign_checkpoints_problem": "another product's backup checkpoint is held",
        }
        return _check(f"vms/{cluster}", state, reasons)


def _nodes(info: SystemInfo) -> Iterator[Resource]:
    for node in info.nodes:
        facts = {
            "version": node.version or None,
            "clock_skew_seconds": node.clock_skew_seconds,
            "problem": node.problem or None,
            "hint": node.hint or None,
        }
        rights = node.can_manage if node.reachable else None
        state = {"reachable": node.reachable, "rights": rights}
        yield _check(f"node/{node.cluster}/{node.node}", state, facts)


def _check(address: str, state: Mapping[str, Any], facts: Mapping[str, Any]) -> Resource:
    return Resource(
        address=address,
        attributes=Attributes(state),
        facts=Attributes(facts),
        is_observe_only=True,
    )


def _shortage(free_bytes: int | None, name: str = "repository_problem") -> dict[str, str]:
    if free_bytes is None or free_bytes >= LEAST_FREE_BYTES:
        return {}
    return {name: f"{free_bytes >> 30} GiB free, at least {LEAST_FREE_BYTES >> 30} are wanted"}


def _is_mute(workload: Workload) -> bool:
    is_silent = workload.guest in {GuestState.ABSENT, GuestState.DEGRADED}
    return is_silent and workload.power is PowerState.RUNNING


def _is_foreign(checkpoint: Checkpoint) -> bool:
    is_backup = checkpoint.kind is CheckpointKind.BACKUP
    return is_backup and not checkpoint.name.startswith(_OUR_NAME)


def _names(names: Iterator[str]) -> tuple[str, ...]:
    found = sorted(set(names))
    more = (f"and {len(found) - _SHOWN} more",) if len(found) > _SHOWN else ()
    return (*found[:_SHOWN], *more)
