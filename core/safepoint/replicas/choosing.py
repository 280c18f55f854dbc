"""Which relationships a person means, and the order for one of them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from safepoint.drivers import CanReplicate
from safepoint.errors import DriverError, UnknownNameError, UsageError
from safepoint.estate import Estate, Selection, clusters_of
from safepoint.models.base import UtcTime
from safepoint.models.refs import Ref
from safepoint.models.replica_documents import Replica, ReplicaGroup, ReplicaMember
from safepoint.models.replicas import ReplicaPoint, ReplicaPointQuery
from safepoint.models.workloads import WorkloadQuery
from safepoint.replicas.deeds import Deed, Option
from safepoint.replicas.looking import Look, Pair, pairs_of
from safepoint.replicas.orders import DeedOrder

__all__ = [
    "GroupMember",
    "OrderMaker",
    "choose_pair",
    "choose_point",
    "clusters_of_connection",
    "members_of",
]


@dataclass(frozen=True)
class GroupMember:
    """One VM of a group."""

    pair: Pair
    start_order: int
    wait_seconds: float


def clusters_of_connection(estate: Estate, connection: str) -> tuple[str, ...]:
    """Return every system between which a connection may replicate."""
    named = [
        name
        for replica in estate.replicas.values()
        if replica.spec.connection == connection
        for name in clusters_of(replica)
    ]
    read = [c.name for c in estate.clusters.values() if c.spec.hypervisor == connection]
    return tuple(dict.fromkeys((*named, *read)))


def choose_pair(found: Look, name: str, *, third: bool = False) -> Pair:
    """Return the relationship of the VM with this name, id or pair.

    Args:
        found: What the systems show.
        name: A name (case does not matter), the VM's id, or the relationship's.
        third: The one towards the third copy.

    Raises:
        UnknownNameError: none, or more than one.
    """
    low = name.casefold()
    pairs = [one for one in pairs_of(found.sides) if one.is_third_copy == third]
    hits = [
        one
        for one in pairs
        if low in {one.name.casefold(), one.id.casefold(), one.family.casefold()}
    ]
    if len(hits) == 1:
        return hits[0]
    if hits:
        msg = f"{len(hits)} replicated VMs are called {name!r}"
        ids = ", ".join(one.id for one in hits)
        raise UnknownNameError(msg, hint=f"Use the id of one: {ids}.")
    unread = f"; not read: {', '.join(found.unread)}" if found.unread else ""
    what = "third copy" if third else "replica"
    msg = f"no {what} of a VM {name!r} is seen{unread}"
    names = ", ".join(one.name for one in pairs[:5]) or "none"
    raise UnknownNameError(msg, hint=f"There is: {names}. `safepoint replica status` shows all.")


def choose_point(driver: CanReplicate, replica: Ref, wanted: str) -> ReplicaPoint | None:
    """Return the recovery point that a person means: an id, a time, or `latest` for None.

    A time means the newest point that is not younger.

    Raises:
        UnknownNameError: there is no such point.
        UsageError: neither an id nor a time.
    """
    if wanted.casefold() == "latest":
        return None
    points = list(
        driver.replica_points(ReplicaPointQuery(cluster=replica.system, replica=replica))
    )
    for point in points:
        if wanted in {point.ref.id, str(point.ref)}:
            return point
    moment = _moment(wanted)
    older = [point for point in points if point.created_at <= moment]
    if older:
        return older[-1]
    oldest = f"; the oldest is of {points[0].created_at:%Y-%m-%d %H:%M:%SZ}" if points else ""
    msg = f"no recovery point is as old as {wanted}{oldest}"
    raise UnknownNameError(msg, hint="`safepoint replica points VM` lists them.")


def _moment(text: str) -> UtcTime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is neither the id of a point, nor a time, nor `latest`"
        hint = "Write a time as 2026-01-31T12:00:00+01:00."
        raise UsageError(msg, hint=hint) from None
    if moment.tzinfo is None:
        msg = f"the time {text} has no zone"
        wall = moment.isoformat()
        raise UsageError(msg, hint=f"Write {wall}+01:00, or {wall}Z for UTC.")
    return moment


@dataclass(frozen=True)
class OrderMaker:
    """Makes orders for the relationships of one connection."""

    connection: str
    clusters: tuple[str, ...]
    """Every system that may hold a copy."""

    def __call__(
        self,
        deed: Deed,
        pair: Pair,
        options: Iterable[Option] = (),
        *,
        point: ReplicaPoint | None = None,
        folder: str = "",
        label: str = "",
    ) -> DeedOrder:
        """Return the order; a side that is not seen is taken from what the other one has."""
        source = pair.primary.ref if pair.primary is not None else self._source_unseen(pair)
        return DeedOrder(
            deed=deed,
            connection=self.connection,
            pair=pair.id,
            family=pair.family,
            vm=pair.name,
            source=source,
            target=pair.replica.ref if pair.replica is not None else None,
            clusters=self.clusters,
            options=frozenset(options),
            point=point.ref if point is not None else None,
            point_at=point.created_at if point is not None else None,
            folder=folder,
            label=label,
        )

    def _source_unseen(self, pair: Pair) -> Ref | None:
        """Name the primary's VM when only one other system is in question."""
        if pair.replica is None:
            return None
        others = [name for name in self.clusters if name != pair.replica.ref.system]
        if len(others) != 1:
            return None
        return pair.replica.ref.model_copy(update={"system": others[0]})


def members_of(
    estate: Estate, group: ReplicaGroup, found: Look, driver_of: Callable[[str], CanReplicate]
) -> tuple[GroupMember, ...]:
    """Return the VMs of a group, in the order in which they start.

    Raises:
        UsageError: a member matches no replicated VM, or nobody can tell which it means.
    """
    chosen: dict[str, GroupMember] = {}
    pairs = [one for one in pairs_of(found.sides) if not one.is_third_copy]
    for member in group.spec.members:
        replica = estate.replica(member.replica)
        hits = [
            one
            for one in _pairs_of_document(replica, member, pairs, found, driver_of)
            if any(_matches(one.name, pattern) for pattern in member.vms)
        ]
        if not hits:
            msg = f"group {group.name}: no replicated VM of {member.replica} matches "
            msg += ", ".join(member.vms)
            raise UsageError(msg, hint="`safepoint replica status` shows what is replicated.")
        wait = member.wait.total_seconds() if member.wait is not None else 0.0
        for hit in hits:
            chosen.setdefault(hit.id, GroupMember(hit, member.start_order, wait))
    return tuple(sorted(chosen.values(), key=lambda one: (one.start_order, one.pair.name)))


def _pairs_of_document(
    replica: Replica,
    member: ReplicaMember,
    pairs: Sequence[Pair],
    found: Look,
    driver_of: Callable[[str], CanReplicate],
) -> list[Pair]:
    """Return the relationships that a document means, also after their roles were swapped."""
    systems = set(clusters_of(replica))
    between = [one for one in pairs if {side.ref.system for side in one.sides} <= systems]
    home = replica.spec.cluster
    if home not in found.unread:
        driver = driver_of(replica.spec.connection)
        try:
            machines = list(driver.workloads(WorkloadQuery(cluster=home)))
        except DriverError:
            machines = []
        if machines:
            selection = Selection(replica)
            meant = {w.ref.id for w in machines if selection.includes(w)}
            return [one for one in between if any(s.ref.id in meant for s in one.sides)]
    selectors = (*replica.spec.include, *replica.spec.exclude)
    if all(one.share is None and one.node is None for one in selectors):
        return [one for one in between if _is_named(replica, one.name)]
    if set(member.vms) != {"*"}:
        return between
    msg = f"{home} cannot be read, and {replica.name} selects VMs by their share or node there"
    hint = "Name the VMs in `members[].vms` of the group."
    raise UsageError(msg, hint=hint)


def _is_named(replica: Replica, name: str) -> bool:
    def hits(selector_name: str | None) -> bool:
        return selector_name is None or _matches(name, selector_name)

    return any(hits(one.name) for one in replica.spec.include) and not any(
        hits(one.name) for one in replica.spec.exclude
    )


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.casefold(), pattern.casefold())
