"""Looking at relationships, system by system: one that does not answer is said, never left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from safepoint.drivers import CanReplicate
from safepoint.errors import DriverError, NotFoundError
from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaMode,
    ReplicaQuery,
    ReplicaServerState,
    ReplicaSide,
)
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.replicas.pictures import Picture, picture_of

__all__ = ["Look", "Pair", "look", "pairs_of"]


@dataclass(frozen=True)
class Look:
    """Everything that some systems show of replication."""

    sides: tuple[ReplicaSide, ...]
    servers: tuple[ReplicaServerState, ...]
    unread: dict[str, DriverError]
    strays: tuple[Workload, ...] = ()
    """VMs that were asked for and whose system shows no relationship of them."""

    def picture(self, pair: str, source: Ref | None, target: Ref | None) -> Picture:
        """Return one relationship out of it."""
        return picture_of(
            self.sides,
            pair,
            source,
            target,
            unread={name: error.message for name, error in self.unread.items()},
            receivers={server.cluster: server.can_receive for server in self.servers},
            strays=self.strays,
        )


@dataclass(frozen=True)
class Pair:
    """One relationship: who sends and who receives at the moment."""

    id: str
    family: str
    name: str
    primary: ReplicaSide | None
    replica: ReplicaSide | None
    test: ReplicaSide | None

    @property
    def sides(self) -> tuple[ReplicaSide, ...]:
        """Both sides, as far as they were seen."""
        return tuple(one for one in (self.primary, self.replica) if one is not None)

    @property
    def is_third_copy(self) -> bool:
        """True when the receiving side is fed by a replica."""
        return any(side.mode is ReplicaMode.EXTENDED for side in self.sides)


def look(
    driver: CanReplicate,
    clusters: Iterable[str],
    *,
    workload_of: Iterable[Ref] = (),
    family: str = "",
    with_servers: bool = True,
    with_statistics: bool = False,
) -> Look:
    """Ask every system once.

    Args:
        driver: The connection.
        clusters: The systems.
        workload_of: Ask only about these VMs where their system is among `clusters`, and look
            what became of one whose system shows no relationship.
        family: Ask every other system only about this protected VM; about everything when it is
            empty.
        with_servers: Also how each system is set up to receive.
        with_statistics: Also what happened since the product began to count.
    """
    sides: list[ReplicaSide] = []
    servers: list[ReplicaServerState] = []
    unread: dict[str, DriverError] = {}
    asked = tuple(dict.fromkeys(clusters))
    only = {ref.system: ref for ref in workload_of if ref.system in asked}
    for cluster in asked:
        workload = only.get(cluster)
        query = ReplicaQuery(
            cluster=cluster,
            workload=workload,
            family=family or None if workload is None else None,
            with_statistics=with_statistics,
        )
        try:
            sides += driver.replicas(query)
            if with_servers:
                servers += driver.replica_servers(ReplicaQuery(cluster=cluster))
        except DriverError as error:
            unread[cluster] = error
    related = {side.ref for side in sides}
    strays: list[Workload] = []
    for cluster, ref in only.items():
        if cluster not in unread and ref not in related:
            try:
                strays += driver.workloads(WorkloadQuery(cluster=cluster, ids=(ref.id,)))
            except NotFoundError:
                continue  # no such VM there at all
            except DriverError as error:
                unread[cluster] = error
    return Look(tuple(sides), tuple(servers), unread, tuple(strays))


def pairs_of(sides: Iterable[ReplicaSide]) -> tuple[Pair, ...]:
    """Put sides together, by name."""
    groups: dict[str, list[ReplicaSide]] = {}
    for side in sides:
        groups.setdefault(side.pair, []).append(side)
    found = [_pair(ident, group) for ident, group in groups.items()]
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.id)))


def _pair(ident: str, group: list[ReplicaSide]) -> Pair:
    primary = next((s for s in group if s.mode is ReplicaMode.PRIMARY), None)
    test = next((s for s in group if s.mode is ReplicaMode.TEST), None)
    replica = next((s for s in group if s is not primary and s is not test), None)
    some = primary or replica or test or group[0]
    return Pair(ident, some.family, some.name, primary, replica, test)
