"""One table of everything that replicates: per VM, and per server that receives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from safepoint.drivers import CanReplicate
from safepoint.errors import DriverError
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaPointQuery, ReplicaServerState, ReplicaSide
from safepoint.replicas.logs import ReplicaLog, log_of
from safepoint.replicas.looking import Pair, look, pairs_of
from safepoint.replicas.verdicts import judge_pair, judge_server, verdict

__all__ = ["PairStatus", "ServerStatus", "Status", "gather"]


@dataclass(frozen=True)
class PairStatus:
    """One relationship with its figures."""

    connection: str
    pair: Pair
    lag_seconds: float | None
    """Since the newest state of the replica; None when nobody knows."""
    log: ReplicaLog | None
    """The log of changes on the side that sends; None when nothing tells."""
    points: int | None
    """Recovery points there are; None where no replica is seen."""
    findings: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class ServerStatus:
    """One system that receives, with all that lands on it."""

    connection: str
    server: ReplicaServerState
    replicas: int
    sources: tuple[str, ...]
    """Where its replicas come from."""
    held_bytes: int
    """The disks of its replicas, as far as they are known."""
    pending_bytes: int
    """What primaries have written for it and not sent yet."""
    findings: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Status:
    """Everything that one connection shows."""

    pairs: tuple[PairStatus, ...]
    servers: tuple[ServerStatus, ...]
    findings: tuple[Diagnostic, ...]
    """All of them, those about systems included."""

    @property
    def is_bad(self) -> bool:
        """True when something has to be done."""
        return any(one.severity is not Severity.INFO for one in self.findings)


def gather(
    connection: str,
    driver: CanReplicate,
    clusters: Collection[str],
    now: datetime,
    *,
    open_pairs: frozenset[str] = frozenset(),
    ways: frozenset[tuple[str, str]] = frozenset(),
) -> Status:
    """Look at every system of a connection, count its recovery points and judge what it shows.

    Args:
        connection: Its name.
        driver: How to ask.
        clusters: The systems.
        now: By our clock.
        open_pairs: Relationships on which a deed was begun and has not ended.
        ways: From which system to which the documents replicate.
    """
    found = look(driver, clusters, with_statistics=True)
    unread = [
        verdict("replica-system-unread", name, error.message)
        for name, error in found.unread.items()
    ]
    counts: Counter[Ref] = Counter()
    for cluster in clusters:
        if cluster not in found.unread:
            try:
                for point in driver.replica_points(ReplicaPointQuery(cluster=cluster)):
                    counts[point.replica] += 1
            except DriverError as error:
                unread.append(verdict("replica-system-unread", cluster, error.message))
    pairs = tuple(
        PairStatus(
            connection=connection,
            pair=pair,
            lag_seconds=_lag(pair, now),
            log=log_of(pair.primary, now) if pair.primary else None,
            points=counts[pair.replica.ref] if pair.replica else None,
            findings=tuple(
                judge_pair(
                    pair,
                    now,
                    is_complete=not found.unread,
                    has_open_deed=pair.id in open_pairs,
                    is_reversed=_is_reversed(pair, ways),
                )
            ),
        )
        for pair in pairs_of(found.sides)
    )
    servers = tuple(_server(connection, server, pairs) for server in found.servers)
    findings = [*unread, *(f for one in pairs for f in one.findings)]
    findings += [f for one in servers for f in one.findings]
    return Status(pairs, servers, tuple(findings))


def _is_reversed(pair: Pair, ways: frozenset[tuple[str, str]]) -> bool:
    if pair.primary is None or pair.replica is None:
        return False
    way = (pair.primary.ref.system, pair.replica.ref.system)
    return way not in ways and way[::-1] in ways


def _lag(pair: Pair, now: datetime) -> float | None:
    times = [side.last_replicated_at for side in pair.sides if side.last_replicated_at]
    return max(0.0, (now - max(times)).total_seconds()) if times else None


def _server(
    connection: str, server: ReplicaServerState, pairs: Iterable[PairStatus]
) -> ServerStatus:
    here = [
        p.pair for p in pairs if p.pair.replica and p.pair.replica.ref.system == server.cluster
    ]
    held = sum(_size(pair.replica, pair.primary) for pair in here)
    pending = sum(_pending(pair.primary) for pair in here)
    sources = {pair.primary.ref.system for pair in here if pair.primary is not None}
    sources |= {pair.replica.peer for pair in here if pair.replica and pair.primary is None}
    return ServerStatus(
        connection=connection,
        server=server,
        replicas=len(here),
        sources=tuple(sorted(sources - {""})),
        held_bytes=held,
        pending_bytes=pending,
        findings=tuple(judge_server(server, held)) if here else (),
    )


def _size(replica: ReplicaSide | None, primary: ReplicaSide | None) -> int:
    for side in (replica, primary):
        if side is not None and side.disk_bytes is not None:
            return side.disk_bytes
    return 0


def _pending(primary: ReplicaSide | None) -> int:
    return (primary.statistics.pending_bytes or 0) if primary and primary.statistics else 0
