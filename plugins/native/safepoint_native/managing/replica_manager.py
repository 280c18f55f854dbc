"""Setting up replication: servers and permissions first, then relationships, then third copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from safepoint.errors import BusyError, ConflictError, NotFoundError
from safepoint.models.plans import Action, Change
from safepoint.models.refs import Ref
from safepoint.models.replica_documents import InitialMethod, ReplicaFrequency
from safepoint.models.resources import Marker, Resource
from safepoint_native.cim.client import CimClient
from safepoint_native.hyperv import replicating as ask
from safepoint_native.hyperv.inventory import machine
from safepoint_native.hyperv.notes import read_notes, write_notes
from safepoint_native.hyperv.replication import (
    EXTENDED_LEG,
    FIRST_LEG,
    list_replication,
    read_server,
)
from safepoint_native.managing.replica_networks import ReplicaNetworks
from safepoint_native.managing.replica_servers import ReplicaServers, whole
from safepoint_native.managing.replica_sight import Sight, look, relations, server_resources
from safepoint_native.mapping import HostJob
from safepoint_native.nodes import Nodes
from safepoint_native.replica_mapping import LOGINS
from safepoint_native.waiting import finish

__all__ = ["ReplicaManager"]

_LOGINS: Final = {login.value: number for number, login in LOGINS.items()}
_COPIES: Final = {
    InitialMethod.NETWORK.value: 1,
    InitialMethod.MEDIA.value: 2,
    InitialMethod.EXISTING.value: 3,
}
_READY: Final = 1
_REPLICATING: Final = 3


class ReplicaManager:
    """Replication between the clusters that one connection reads.

    Args:
        connection: Its name, for handles and errors.
        nodes: By cluster.
        now: The clock.
    """

    def __init__(
        self, connection: str, nodes: Mapping[str, Nodes], now: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._nodes = nodes
        self._now = now
        self._networks = ReplicaNetworks(connection, nodes)
        self._servers = ReplicaServers(connection, self._of)

    @staticmethod
    def owns(address: str) -> bool:
        """Tell whether an address is of a kind that is handled here."""
        return address.partition("/")[0] in _KINDS

    def observe(self) -> Iterator[Resource]:
        """Return every server, permission, relationship and its adapters, whoever made it."""
        thumbprints: dict[str, str] = {}
        for cluster, nodes in self._nodes.items():
            server = read_server(nodes.first_living())
            thumbprints[cluster] = server.thumbprint
            yield from server_resources(cluster, server, self._connection)
        sights = list(relations(look(self._nodes), thumbprints))
        for sight in sights:
            yield sight.resource
        yield from self._networks.observe(sights)

    def apply(self, change: Change) -> Resource | Ref | None:
        """Carry out one change; what is so already is left alone, so that a key has one effect."""
        kind, _, name = change.address.partition("/")
        if kind == "replica-server":
            return self._servers.apply_settings(change, name)
        if kind == "replica-allow":
            return self._servers.apply_permission(change, *name.split("/", 1))
        if kind in _NETWORKS:
            return self._networks.apply(change)
        if change.after is None:
            self._remove(change)
            return None
        if kind == "replica":
            return self._relation(change, change.after, FIRST_LEG)
        return self._relation(change, change.after, EXTENDED_LEG)

    # -- relationships --------------------------------------------------------------------------

    def _relation(self, change: Change, wish: Resource, leg: int) -> Resource | Ref:
        vm_id = str(wish.attributes.get("vm"))
        seen = self._sight(vm_id, leg)
        if change.action is Action.CREATE and seen is None:
            return self._create(change, wish, leg, vm_id)
        if seen is None:
            msg = f"{change.address} is not there any more"
            raise NotFoundError(msg, operation="apply", system=self._connection)
        if seen.resource.facts.get("reversed"):
            raise self._turned(change.address)
        return self._bring_into_line(change, wish, leg, vm_id, seen)

    def _turned(self, address: str) -> ConflictError:
        msg = f"{address}: its VM runs the other way round at the moment"
        hint = "Fail back first: `safepoint replica failover --planned`, then apply."
        return ConflictError(msg, hint=hint, operation="apply", system=self._connection)

    def _bring_into_line(
        self, change: Change, wish: Resource, leg: int, vm_id: str, seen: Sight
    ) -> Resource | Ref:
        nodes = self._nodes[seen.sender.cluster]
        if leg == FIRST_LEG:
            self._mark(nodes, vm_id, wish.marker)
        if seen.resource.attributes != wish.attributes:
            before = change.before
            if before is not None and before.attributes != seen.resource.attributes:
                msg = f"{change.address} was changed by somebody else in between"
                raise ConflictError(msg, hint="Plan again.", operation="apply")
            settings = _settings(wish)
            nodes.on_owner(
                vm_id,
                lambda client: finish(
                    client, ask.modify_relationship(client, vm_id, leg, settings)
                ),
            )
        return self._begun(change, wish, leg, vm_id)

    def _create(self, change: Change, wish: Resource, leg: int, vm_id: str) -> Resource | Ref:
        nodes = self._source(change, leg)
        if leg == FIRST_LEG:
            self._mark(nodes, vm_id, wish.marker)
        else:
            self._check_fed(nodes, vm_id, change.address)

        def create(client: CimClient) -> None:
            settings = _settings(wish, server=str(wish.attributes.get("server")))
            if leg == FIRST_LEG:
                settings = _with_disks(settings, client, vm_id, wish)
            finish(client, ask.test_connection(client, settings))
            self._offer_existing(change.address, wish, vm_id)
            finish(client, ask.create_relationship(client, vm_id, settings))

        nodes.on_owner(vm_id, create)
        return self._begun(change, wish, leg, vm_id)

    def _offer_existing(self, address: str, wish: Resource, vm_id: str) -> None:
        """Let the VM that is to be the first copy become the replica."""
        if wish.facts.get("initial_method") != InitialMethod.EXISTING.value:
            return
        place = str(wish.facts.get("initial_on"))
        try:
            self._of(place).on_owner(
                vm_id, lambda client: finish(client, ask.offer_as_copy(client, vm_id))
            )
        except NotFoundError as error:
            msg = f"{address}: {place} has no VM with the id {vm_id} to begin from"
            hint = "Register it there with its id, or use another `initial.method`."
            raise NotFoundError(msg, hint=hint, operation="apply", system=place) from error

    def _begun(self, change: Change, wish: Resource, leg: int, vm_id: str) -> Resource | Ref:
        """Begin the first copy when it has not begun, and return the relationship as it is."""
        seen = self._sight(vm_id, leg)
        if seen is None:
            msg = f"{change.address} was made and is not to be seen"
            raise NotFoundError(msg, operation="apply", system=self._connection)
        if seen.sender.relation.state != _READY:
            return seen.resource
        facts = wish.facts
        method = str(facts.get("initial_method") or InitialMethod.NETWORK.value)
        at = self._start_time(facts)
        cluster = seen.sender.cluster

        def start(client: CimClient) -> Ref:
            started = ask.start_initial(
                client,
                vm_id,
                _COPIES[method],
                folder=str(facts.get("initial_folder") or ""),
                at=at,
            )
            return HostJob.of(client.node, vm_id, started).to_ref(cluster)

        job = self._nodes[cluster].on_owner(vm_id, start)
        is_direct = method != InitialMethod.MEDIA.value and at is None
        if facts.get("feeds_third") and is_direct:
            return job  # the third copy can be set up only when the replica is complete
        again = self._sight(vm_id, leg)
        return again.resource if again is not None else seen.resource

    def _start_time(self, facts: Mapping[str, Any]) -> datetime | None:
        """Return the next moment at which the clock of that zone shows the wished time."""
        if not facts.get("initial_at"):
            return None
        zone = ZoneInfo(str(facts["initial_timezone"]))
        hour, _, minute = str(facts["initial_at"]).partition(":")
        here = self._now().astimezone(zone)
        wished = here.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        return wished if wished > here else wished + timedelta(days=1)

    def _check_fed(self, nodes: Nodes, vm_id: str, address: str) -> None:
        """A third copy is made of a replica that is complete."""
        found = nodes.on_owner(vm_id, lambda client: list_replication(client, vm_id))
        first = [one for one in found.relations if one.leg == FIRST_LEG]
        if first and first[0].sends:
            raise self._turned(address)
        if not first or first[0].state != _REPLICATING:
            msg = f"{address}: the replica it is to be fed from is not complete yet"
            hint = "Apply again when its first copy has arrived: `safepoint replica status`."
            raise BusyError(msg, hint=hint, operation="apply", system=nodes.cluster.name)

    def _source(self, change: Change, leg: int) -> Nodes:
        """Return the cluster on which a relationship is made: the sender's."""
        home = change.address.split("/")[1]
        if leg == FIRST_LEG:
            return self._of(home)
        first = next((one for one in change.dependencies if one.kind == "replica"), None)
        away = first.facts.get("to") if first is not None else None
        if not away:
            msg = f"{change.address}: the replica that feeds it is not there"
            raise ConflictError(msg, hint="Apply again.", operation="apply", system=home)
        return self._of(str(away))

    def _of(self, cluster: str) -> Nodes:
        if cluster not in self._nodes:
            msg = f"connection {self._connection!r} does not read a cluster {cluster!r}"
            raise NotFoundError(msg, operation="apply", system=self._connection)
        return self._nodes[cluster]

    def _mark(self, nodes: Nodes, vm_id: str, marker: Marker | None) -> None:
        """Leave the marker in the VM's notes, before the relationship is made."""

        def write(client: CimClient) -> None:
            notes = read_notes(client, vm_id)
            human = Marker.removed_from(notes)
            wished = f"{human} {marker.text}".strip() if marker is not None else human
            if wished != notes:
                finish(client, write_notes(client, vm_id, wished))

        nodes.on_owner(vm_id, write)

    def _remove(self, change: Change) -> None:
        """End it on both sides: the sender first, so that nothing is sent to nobody."""
        before = change.before
        vm_id = str(before.attributes.get("vm")) if before is not None else ""
        leg = FIRST_LEG if change.address.startswith("replica/") else EXTENDED_LEG
        seen = self._sight(vm_id, leg) if vm_id else None
        if seen is None:
            return
        for side in (seen.sender, seen.receiver):
            if side is None:
                continue
            nodes = self._nodes[side.cluster]

            nodes.on_owner(
                vm_id,
                lambda client: finish(client, ask.remove_relationship(client, vm_id, leg)),
            )
            if leg == FIRST_LEG:
                self._mark(nodes, vm_id, None)

    def _sight(self, vm_id: str, leg: int) -> Sight | None:
        for sight in relations(look(self._nodes, vm_id)):
            if sight.sender.relation.leg == leg:
                return sight
        return None


_NETWORKS: Final = frozenset({"replica-network", "replica-third-network"})
_KINDS: Final = _NETWORKS | {"replica", "replica-third", "replica-server", "replica-allow"}


def _settings(wish: Resource, *, server: str | None = None) -> ask.RelationSettings:
    """Return what a wish means on the wire; without `server` only what can be changed."""
    given = wish.attributes
    thumbprint = given.get("thumbprint") or wish.facts.get("thumbprint")
    return ask.RelationSettings(
        connection_point=server,
        port=whole(given.get("port")),
        authentication=_LOGINS[str(given.get("authentication"))],
        thumbprint=str(thumbprint) if thumbprint else None,
        compression=bool(given.get("compression")),
        interval_seconds=ReplicaFrequency(str(given.get("frequency"))).seconds,
        history_hours=whole(given.get("additional_hours")),
        application_hours=whole(given.get("application_hours")),
        auto_resync=bool(given.get("auto_resync")),
        auto_from_minutes=_minutes(given.get("resync_from")),
        auto_until_minutes=_minutes(given.get("resync_until")),
    )


def _minutes(clock: object) -> int | None:
    if not isinstance(clock, str):
        return None
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _with_disks(
    settings: ask.RelationSettings, client: CimClient, vm_id: str, wish: Resource
) -> ask.RelationSettings:
    """Name the disks that take part, when some do not."""
    excluded = wish.attributes.get("excluded_disks")
    if not isinstance(excluded, tuple) or not excluded:
        return settings
    disks = machine(client, vm_id).disks
    taken = [ask.disk_path(client.node, d.instance_id) for d in disks if d.name not in excluded]
    return replace(settings, included_disks=tuple(taken))
