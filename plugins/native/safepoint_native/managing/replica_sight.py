"""Relationships as they are, in the normal form of `replica_wishes`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from safepoint.errors import NotFoundError, TransientError
from safepoint.models.attributes import Attributes
from safepoint.models.refs import Ref
from safepoint.models.replica_documents import ReplicaFrequency
from safepoint.models.resources import Marker, Resource
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv.disks import AttachedDisk
from safepoint_native.hyperv.inventory import list_machines, machine
from safepoint_native.hyperv.replication import (
    CERTIFICATE,
    EXTENDED_LEG,
    FIRST_LEG,
    KERBEROS,
    HostRelation,
    HostServer,
    list_replication,
)
from safepoint_native.managing.replica_wishes import (
    allow_address,
    relation_address,
    server_address,
    third_address,
)
from safepoint_native.nodes import Nodes
from safepoint_native.replica_mapping import LOGINS, pair_of

__all__ = ["Seen", "Sight", "look", "relations", "server_resources"]


@dataclass(frozen=True)
class Seen:
    """One side of one leg, with what is needed to name and compare it."""

    cluster: str
    relation: HostRelation
    disks: tuple[AttachedDisk, ...]
    notes: str


@dataclass(frozen=True)
class Sight:
    """Both sides of one leg; the receiving one may be missing."""

    sender: Seen
    receiver: Seen | None
    resource: Resource


def look(nodes: Mapping[str, Nodes], vm_id: str | None = None) -> list[Seen]:
    """Look at every relationship, or at those of one VM, on every cluster.

    Raises:
        DriverError: a node that counts as up cannot be read.
    """
    found: list[Seen] = []
    for cluster, of_cluster in nodes.items():
        here = partial(_seen, cluster, vm_id=vm_id)
        if vm_id is None:
            found += chain.from_iterable(of_cluster.on_living(of_cluster.view(), here))
            continue
        try:
            found += of_cluster.on_owner(vm_id, here)
        except NotFoundError:
            continue
    return found


def _seen(cluster: str, client: CimClient, *, vm_id: str | None) -> list[Seen]:
    relations_here = list_replication(client, vm_id).relations
    if not relations_here:
        return []
    wanted = {one.vm_id for one in relations_here}
    found = [machine(client, vm_id)] if vm_id else list_machines(client, wanted)
    machines = {one.id: one for one in found}
    if wanted - machines.keys():
        msg = f"{client.node}: VMs that are replicated left this node while it was read"
        raise TransientError(msg, hint="Look again.", operation="replicas", system=client.node)
    return [
        Seen(cluster, one, machines[one.vm_id].disks, machines[one.vm_id].notes)
        for one in relations_here
    ]


def server_resources(cluster: str, server: HostServer, connection: str) -> Iterator[Resource]:
    """Return how a cluster receives: its settings and a permission for each primary."""
    logins = server.authentication if server.enabled else 0
    yield Resource(
        address=server_address(cluster),
        attributes=Attributes(
            {
                "enabled": server.enabled,
                "kerberos": bool(logins & KERBEROS),
                "certificate": bool(logins & CERTIFICATE),
                "http_port": server.http_port,
                "https_port": server.https_port,
                "thumbprint": server.thumbprint or None,
            }
        ),
        native=Ref(kind="replica-server", system=connection, id=cluster),
        is_shared=True,
    )
    for entry in server.entries:
        yield Resource(
            address=allow_address(cluster, entry.primary),
            attributes=Attributes({"storage": entry.storage, "trust_group": entry.trust_group}),
            facts=Attributes({"primary": entry.primary}),
            native=Ref(kind="replica-allow", system=connection, id=f"{cluster}/{entry.primary}"),
            is_shared=True,
        )


def relations(
    seen: Sequence[Seen], thumbprints: Mapping[str, str] | None = None
) -> Iterator[Sight]:
    """Put sides together and return each leg in normal form, first legs first.

    Args:
        seen: The sides.
        thumbprints: By cluster, the certificate with which it receives. While a relationship runs
            the other way round its own is that of the other side, and nobody declared that.
    """
    first: dict[str, Resource] = {}
    for sender, receiver in _legs(seen, FIRST_LEG):
        resource = _first(sender, receiver, thumbprints or {})
        first[sender.relation.vm_id] = resource
        yield Sight(sender, receiver, resource)
    for sender, receiver in _legs(seen, EXTENDED_LEG):
        known = first.get(sender.relation.vm_id)
        yield Sight(sender, receiver, _third(sender, receiver, known))


def _legs(seen: Sequence[Seen], leg: int) -> Iterator[tuple[Seen, Seen | None]]:
    of_leg = [one for one in seen if one.relation.leg == leg and one.relation.settings is not None]
    receivers = {one.relation.vm_id: one for one in of_leg if not one.relation.sends}
    for one in of_leg:
        if one.relation.sends:
            yield one, receivers.get(one.relation.vm_id)


def _first(sender: Seen, receiver: Seen | None, thumbprints: Mapping[str, str]) -> Resource:
    marker = _marker(sender, receiver)
    vm_id, name = sender.relation.vm_id, sender.relation.name
    address = marker.address if marker is not None else relation_address(sender.cluster, name)
    home = address.split("/")[1]
    is_reversed = home != sender.cluster
    settings = _settings(sender)
    attributes = {
        "vm": vm_id,
        **_common(settings, is_reversed=is_reversed),
        **_resync(settings),
        "excluded_disks": _excluded(settings, sender.disks),
    }
    if is_reversed and attributes["thumbprint"]:
        attributes["thumbprint"] = thumbprints.get(home) or attributes["thumbprint"]
    return Resource(
        address=address,
        attributes=Attributes(attributes),
        facts=Attributes(_facts(sender, receiver, is_reversed=is_reversed)),
        immutable=("vm", "server", "excluded_disks"),
        marker=marker,
        native=Ref(
            kind="relationship", system=sender.cluster, id=pair_of(vm_id, sender.relation.leg)
        ),
        holds_data=True,
    )


def _third(sender: Seen, receiver: Seen | None, first: Resource | None) -> Resource:
    vm_id = sender.relation.vm_id
    base = (
        first.address
        if first is not None
        else relation_address(sender.cluster, sender.relation.name)
    )
    address = third_address(base)
    owner = first.marker.owner if first is not None and first.marker is not None else None
    common = _common(_settings(sender), is_reversed=False)
    thumbprint = common.pop("thumbprint")
    facts = {**_facts(sender, receiver, is_reversed=False), "thumbprint": thumbprint}
    return Resource(
        address=address,
        attributes=Attributes({"vm": vm_id, **common}),
        facts=Attributes(facts),
        immutable=("vm", "server"),
        marker=Marker(owner=owner, address=address) if owner is not None else None,
        native=Ref(
            kind="relationship", system=sender.cluster, id=pair_of(vm_id, sender.relation.leg)
        ),
        depends_on=(base,),
        holds_data=True,
    )


def _marker(sender: Seen, receiver: Seen | None) -> Marker | None:
    """Return our marker from the notes of either side: they are copied when a replica is made."""
    for one in (sender, receiver):
        found = Marker.found_in(one.notes) if one is not None else None
        if found is not None and found.address.startswith("replica/"):
            return found
    return None


def _settings(seen: Seen) -> CimRow:
    settings = seen.relation.settings
    assert settings is not None, "_legs leaves out what has none"
    return settings


def _common(settings: CimRow, *, is_reversed: bool) -> dict[str, Any]:
    # After a reversal the other end is the sender itself: compared as it was declared.
    end = "PrimaryConnectionPoint" if is_reversed else "RecoveryConnectionPoint"
    login = LOGINS.get(settings.integer("AuthenticationType") or 0)
    return {
        "server": (settings.text(end) or "").casefold(),
        "port": settings.integer("RecoveryServerPortNumber"),
        "authentication": login.value if login is not None else "unknown",
        "thumbprint": settings.text("CertificateThumbPrint") or None,
        "frequency": _frequency(settings.integer("ReplicationInterval")),
        "additional_hours": settings.integer("RecoveryHistory") or 0,
        "application_hours": settings.integer("ApplicationConsistentSnapshotInterval") or 0,
        "compression": bool(settings.flag("CompressionEnabled")),
    }


def _frequency(seconds: int | None) -> str | None:
    known = {one.seconds: one.value for one in ReplicaFrequency}
    return None if seconds is None else known.get(seconds, f"{seconds}s")


def _resync(settings: CimRow) -> dict[str, Any]:
    if not settings.flag("AutoResynchronizeEnabled"):
        return {"auto_resync": False}
    return {
        "auto_resync": True,
        "resync_from": _clock(settings, "AutoResynchronizeIntervalStart"),
        "resync_until": _clock(settings, "AutoResynchronizeIntervalEnd"),
    }


def _clock(settings: CimRow, name: str) -> str | None:
    span = settings.duration(name)
    if span is None:
        return None
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _excluded(settings: CimRow, disks: Sequence[AttachedDisk]) -> tuple[str, ...]:
    """Return the names of the disks that do not take part; an empty list of members means all."""
    members = {
        CimRef.from_path(text).key("InstanceID").upper()
        for text in settings.texts("IncludedDisks")
    }
    if not members:
        return ()
    return tuple(sorted(disk.name for disk in disks if disk.instance_id.upper() not in members))


def _facts(sender: Seen, receiver: Seen | None, *, is_reversed: bool) -> dict[str, Any]:
    home, away = sender.cluster, receiver.cluster if receiver is not None else None
    if is_reversed and away is not None:
        home, away = away, home
    return {
        "name": sender.relation.name,
        "from": home,
        "to": away,
        "reversed": is_reversed,
        "state": sender.relation.state,
    }
