"""What Replica documents mean to Hyper-V. Pure.

::

    replica-server/<cluster>            switched on, ports, logins; exists on every host
    replica-allow/<cluster>/<primary>   who may send, and where that is stored
    replica/<cluster>/<vm>              the relationship, on the primary
    replica-network/<cluster>/<vm>      where the replica's adapters go
    replica-third/<cluster>/<vm>        the relationship with the third copy, on the replica
    replica-third-network/<cluster>/<vm>  where the third copy's adapters go
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from safepoint.models.attributes import Attributes
from safepoint.models.estate import Cluster
from safepoint.models.losses import Loss, LossLedger, document_key
from safepoint.models.plans import Desired, DesiredReplica
from safepoint.models.replica_documents import (
    Replica,
    ReplicaFrequency,
    ReplicaLogin,
    ReplicaPointPolicy,
    ReplicaServer,
    ResyncPolicy,
)
from safepoint.models.resources import Marker, Resource
from safepoint.models.workloads import Workload
from safepoint_native.managing.replica_wiring import network_wish

__all__ = [
    "ANY_TIME",
    "allow_address",
    "connection_point",
    "relation_address",
    "replica_losses",
    "replica_resources",
    "server_address",
    "third_address",
]

#: Hyper-V knows a window only; this one means "at any time".
ANY_TIME: Final = ("00:00", "23:59")
_HTTP: Final = 80
_HTTPS: Final = 443


def server_address(cluster: str) -> str:
    """Return the address of a cluster's settings as a replica server."""
    return f"replica-server/{cluster}"


def allow_address(cluster: str, primary: str) -> str:
    """Return the address of a permission to send."""
    return f"replica-allow/{cluster}/{primary.casefold()}"


def relation_address(cluster: str, vm: str) -> str:
    """Return the address of a relationship, by the cluster that is declared as primary."""
    return f"replica/{cluster}/{vm}"


def third_address(relation: str) -> str:
    """Return the address of the third copy's relationship."""
    return f"replica-third/{relation.partition('/')[2]}"


def connection_point(server: ReplicaServer, clusters: Mapping[str, Cluster]) -> str:
    """Return the name that primaries connect to; the only node's when nothing is said."""
    if server.server is not None:
        return server.server.casefold()
    found = clusters.get(server.cluster)
    return found.spec.nodes[0].name.casefold() if found is not None else server.cluster


def replica_resources(desired: Desired) -> Iterator[Resource]:
    """Yield everything that the replicas of a connection need."""
    clusters = {cluster.name: cluster for cluster in desired.clusters}
    receivers: dict[str, _Receiver] = {}
    for one in desired.replicas:
        for server, primary in _receiving(one.replica, clusters):
            receiver = receivers.setdefault(server.cluster, _Receiver(server.cluster))
            receiver.add(one.replica, server, primary)
    for receiver in receivers.values():
        yield from receiver.resources()
    for one in desired.replicas:
        yield from _relations(one, desired.owner, clusters)


def _receiving(
    replica: Replica, clusters: Mapping[str, Cluster]
) -> Iterator[tuple[ReplicaServer, tuple[str, ...]]]:
    """Yield each receiving server with the names of those who send to it."""
    spec = replica.spec
    at_home = _names_of(spec.reverse, spec.cluster, clusters)
    away = _names_of(spec.target, spec.target.cluster, clusters)
    yield spec.target, at_home
    if spec.reverse is not None:
        yield spec.reverse, away
    if spec.extended is not None:
        yield spec.extended.target, away


def _names_of(
    server: ReplicaServer | None, cluster: str, clusters: Mapping[str, Cluster]
) -> tuple[str, ...]:
    if server is not None:
        return (connection_point(server, clusters),)
    found = clusters.get(cluster)
    return tuple(node.name.casefold() for node in found.spec.nodes) if found is not None else ()


@dataclass
class _Receiver:
    """One cluster that receives, for all documents together."""

    cluster: str

    def __post_init__(self) -> None:
        self._logins: set[ReplicaLogin] = set()
        self._ports = {ReplicaLogin.KERBEROS: _HTTP, ReplicaLogin.CERTIFICATE: _HTTPS}
        self._thumbprint: str | None = None
        self._allowed: dict[str, ReplicaServer] = {}
        self._documents: list[str] = []

    def add(self, replica: Replica, server: ReplicaServer, primaries: tuple[str, ...]) -> None:
        """Take in what one document says about it."""
        login = replica.spec.authentication.method
        self._logins.add(login)
        if server.port is not None:
            self._ports[login] = server.port
        self._thumbprint = self._thumbprint or server.thumbprint
        for primary in server.allow_from or primaries:
            self._allowed.setdefault(primary.casefold(), server)
        self._documents.append(document_key(replica))

    def resources(self) -> Iterator[Resource]:
        """Yield the server's settings and a permission for each primary."""
        documents = tuple(dict.fromkeys(self._documents))
        address = server_address(self.cluster)
        yield Resource(
            address=address,
            attributes=Attributes(
                {
                    "enabled": True,
                    "kerberos": ReplicaLogin.KERBEROS in self._logins,
                    "certificate": ReplicaLogin.CERTIFICATE in self._logins,
                    "http_port": self._ports[ReplicaLogin.KERBEROS],
                    "https_port": self._ports[ReplicaLogin.CERTIFICATE],
                    "thumbprint": self._thumbprint,
                }
            ),
            documents=documents,
            is_shared=True,
        )
        for primary, server in self._allowed.items():
            yield Resource(
                address=allow_address(self.cluster, primary),
                attributes=Attributes(
                    {"storage": server.storage, "trust_group": server.trust_group}
                ),
                documents=documents,
                depends_on=(address,),
                is_shared=True,
            )


def _relations(
    one: DesiredReplica, owner: str, clusters: Mapping[str, Cluster]
) -> Iterator[Resource]:
    spec = one.replica.spec
    servers = [server_address(spec.target.cluster)]
    servers += [allow_address(spec.target.cluster, p) for p in _allowed(one.replica, clusters)]
    if spec.reverse is not None:
        servers.append(server_address(spec.reverse.cluster))
    for workload in one.workloads:
        address = relation_address(spec.cluster, workload.name)
        yield Resource(
            address=address,
            attributes=Attributes(
                {
                    "vm": workload.ref.id,
                    **_common(
                        one.replica, spec.target, spec.frequency, spec.recovery_points, clusters
                    ),
                    **_resync(spec.resync),
                    "excluded_disks": _excluded(workload, spec.exclude_disks),
                }
            ),
            facts=Attributes(_first_copy(one.replica)),
            immutable=("vm", "server", "excluded_disks"),
            marker=Marker(owner=owner, address=address),
            documents=(document_key(one.replica),),
            depends_on=tuple(servers),
            holds_data=True,
        )
        document = document_key(one.replica)
        wirings = [
            network_wish(
                workload,
                spec.networks,
                on=spec.target.cluster,
                relation=address,
                document=document,
            )
        ]
        if spec.extended is not None:
            yield _third(one.replica, workload, owner, address, clusters)
            wirings.append(
                network_wish(
                    workload,
                    spec.extended.networks,
                    on=spec.extended.target.cluster,
                    relation=third_address(address),
                    document=document,
                )
            )
        yield from (wiring for wiring in wirings if wiring is not None)


def _third(
    replica: Replica,
    workload: Workload,
    owner: str,
    first: str,
    clusters: Mapping[str, Cluster],
) -> Resource:
    extended = replica.spec.extended
    assert extended is not None, "asked for only with a third copy"
    address = third_address(first)
    common = _common(
        replica, extended.target, extended.frequency, extended.recovery_points, clusters
    )
    common.pop("thumbprint")  # it is the replica's own certificate that proves it
    return Resource(
        address=address,
        attributes=Attributes({"vm": workload.ref.id, **common}),
        facts=Attributes({"thumbprint": replica.spec.target.thumbprint}),
        immutable=("vm", "server"),
        marker=Marker(owner=owner, address=address),
        documents=(document_key(replica),),
        depends_on=(first, server_address(extended.target.cluster)),
        holds_data=True,
    )


def _allowed(replica: Replica, clusters: Mapping[str, Cluster]) -> tuple[str, ...]:
    spec = replica.spec
    return spec.target.allow_from or _names_of(spec.reverse, spec.cluster, clusters)


def _common(
    replica: Replica,
    server: ReplicaServer,
    frequency: ReplicaFrequency,
    points: ReplicaPointPolicy,
    clusters: Mapping[str, Cluster],
) -> dict[str, Any]:
    login = replica.spec.authentication
    usual = _HTTP if login.method is ReplicaLogin.KERBEROS else _HTTPS
    return {
        "server": connection_point(server, clusters),
        "port": server.port or usual,
        "authentication": login.method.value,
        "thumbprint": login.thumbprint,
        "frequency": frequency.value,
        "additional_hours": points.additional_hours,
        "application_hours": points.application_consistent_every_hours or 0,
        "compression": replica.spec.compression,
    }


def _resync(policy: ResyncPolicy) -> dict[str, Any]:
    if not policy.automatic:
        return {"auto_resync": False}
    window = policy.window
    start, end = (window.start, window.end) if window is not None else ANY_TIME
    return {"auto_resync": True, "resync_from": str(start), "resync_until": str(end)}


def _excluded(workload: Workload, patterns: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(patterns)
    return tuple(
        sorted(
            disk.name
            for disk in workload.disks
            if any(fnmatch.fnmatchcase(disk.name.casefold(), p.casefold()) for p in chosen)
        )
    )


def _first_copy(replica: Replica) -> dict[str, Any]:
    initial = replica.spec.initial
    return {
        "initial_method": initial.method.value,
        "initial_at": str(initial.at) if initial.at is not None else None,
        "initial_timezone": initial.timezone,
        "initial_folder": initial.folder,
        "initial_on": replica.spec.target.cluster,
        "feeds_third": replica.spec.extended is not None,
    }


def replica_losses(replica: Replica, driver: str) -> tuple[Loss, ...]:
    """Return what becomes of every field of a document."""
    ledger = LossLedger(replica, driver=driver)
    if replica.spec.resync.automatic and replica.spec.resync.window is None:
        ledger.explain("spec.resync.automatic", " to ".join(ANY_TIME))
    return ledger.entries()
