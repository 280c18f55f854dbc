"""Replica server settings of sites: changed at once, by any node of the site."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from safepoint_lab.world.enums import JobType, ReturnValue
from safepoint_lab.world.jobs import JobOrder, JobOutcome
from safepoint_lab.world.model import Cluster, Job, Refused
from safepoint_lab.world.replication.certificates import Certificates
from safepoint_lab.world.replication.connections import ConnectionWish
from safepoint_lab.world.replication.records import Authorization, ReplicaServer
from safepoint_lab.world.replication.tools import SERVICE, Tools

__all__ = ["ServerChanges", "ServerDesk"]

_MONITORING = range(3600, 604801)
_PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class ServerChanges:
    """Settings of a replica server to change; None leaves one as it is."""

    enabled: bool | None = None
    authentication: int | None = None
    http_port: int | None = None
    https_port: int | None = None
    thumbprint: str | None = None
    monitoring_start: datetime | None = None
    monitoring_seconds: int | None = None


class ServerDesk:
    """The server side of `Msvm_ReplicationService`."""

    def __init__(self, tools: Tools, certificates: Certificates) -> None:
        self._tools = tools
        self._registry = tools.registry
        self._book = tools.book
        self._certificates = certificates

    def of(self, node: str) -> ReplicaServer:
        """Return the settings of the site a node belongs to."""
        return self._book.server(self._registry.node(node).cluster)

    def certificate(self, node: str) -> str:
        """Return the certificate of a node's site, as base64 of its DER form."""
        return self._certificates.of(self._site(node)).encoded

    def thumbprint(self, node: str) -> str:
        """Return the thumbprint of that certificate."""
        return self._certificates.of(self._site(node)).thumbprint

    def modify(self, changes: ServerChanges, node: str) -> None:
        """Change the settings of a site.

        Raises:
            Refused: INVALID_PARAMETER for values that cannot be.
        """
        with self._registry.lock:
            self._registry.require_service(node)
            server = self.of(node)
            given = {
                name: value
                for name in ServerChanges.__slots__
                if (value := getattr(changes, name)) is not None
            }
            wanted = replace(server, **given)
            self._check(wanted, node)
            self._book.save_server(wanted)

    def add_entry(self, entry: Authorization, node: str) -> None:
        """Authorise a primary."""
        with self._registry.lock:
            self._registry.require_service(node)
            if self._find(entry.primary, node) is not None:
                raise Refused(ReturnValue.INVALID_PARAMETER, f"{entry.primary} is there")
            self._check_entry(entry, node)
            self._save(node, [*self.of(node).entries, entry])

    def modify_entry(self, entry: Authorization, node: str) -> None:
        """Change where the replicas of a primary will lie."""
        with self._registry.lock:
            self._registry.require_service(node)
            self._check_entry(entry, node)
            kept = self._others(entry.primary, node)
            self._save(node, [*kept, entry])

    def remove_entry(self, primary: str, node: str) -> None:
        """Authorise a primary no more."""
        with self._registry.lock:
            self._registry.require_service(node)
            self._save(node, self._others(primary, node))

    def test(self, wish: ConnectionWish, node: str) -> Job:
        """Start TestReplicationConnection."""
        with self._registry.lock:
            self._registry.require_service(node)

            def work() -> JobOutcome:
                self._tools.connections.check(node, wish)
                return JobOutcome()

            return self._tools.crews.jobs.begin(
                JobOrder(
                    node=self._registry.node(node).name,
                    type=JobType.REPLICA_CONNECTION,
                    caption="Testing Replication Connection",
                    seconds=self._registry.timings.draw(self._registry.timings.replica_setting),
                    work=work,
                    ended=lambda: None,
                    operation=f"{SERVICE}.TestReplicationConnection",
                    cancellable=False,
                )
            )

    def _site(self, node: str) -> Cluster:
        return self._registry.clusters[self._registry.node(node).cluster]

    def _check(self, server: ReplicaServer, node: str) -> None:
        by_certificate = bool(server.authentication & 2)
        problems = (
            not 0 <= server.authentication <= 3,
            server.enabled and not server.authentication,
            server.http_port not in _PORTS,
            server.https_port not in _PORTS,
            server.http_port == server.https_port,
            server.monitoring_seconds not in _MONITORING,
            server.enabled
            and by_certificate
            and server.thumbprint.upper() != self.thumbprint(node),
        )
        if any(problems):
            raise Refused(ReturnValue.INVALID_PARAMETER, "no such replica server can be")
        if server.enabled and not self._tools.connections.point_of(self._site(node)):
            raise Refused(ReturnValue.INVALID_STATE, "the cluster has no replica broker")

    def _check_entry(self, entry: Authorization, node: str) -> None:
        shares = self._site(node).shares
        inside = entry.storage.casefold()
        if not entry.primary or not any(
            inside == share.unc.casefold() or inside.startswith(share.unc.casefold() + "\\")
            for share in shares
        ):
            raise Refused(ReturnValue.INVALID_PARAMETER, "no primary, or no storage of this site")

    def _find(self, primary: str, node: str) -> Authorization | None:
        wanted = primary.casefold()
        found = (each for each in self.of(node).entries if each.primary.casefold() == wanted)
        return next(found, None)

    def _others(self, primary: str, node: str) -> list[Authorization]:
        gone = self._find(primary, node)
        if gone is None:
            raise Refused(ReturnValue.INVALID_PARAMETER, f"{primary} is not there")
        return [each for each in self.of(node).entries if each is not gone]

    def _save(self, node: str, entries: list[Authorization]) -> None:
        self._book.save_server(replace(self.of(node), entries=entries))
