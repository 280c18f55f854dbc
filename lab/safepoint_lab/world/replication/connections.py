"""Whether one site can send to another: names, ports, authentication, authorisation, the link.

Every refusal is the failure of a job, as on a host.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from dataclasses import dataclass

from safepoint_lab.world.enums import NodeState
from safepoint_lab.world.jobs import JobFailedError
from safepoint_lab.world.model import Cluster, Node, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.book import ReplicationBook
from safepoint_lab.world.replication.certificates import Certificates
from safepoint_lab.world.replication.numbers import Authentication
from safepoint_lab.world.replication.records import Authorization
from safepoint_lab.world.replication.trouble import HResult, failed

__all__ = ["LINK_DOWN", "ConnectionWish", "Connections"]

LINK_DOWN = "replica-link-down"
_EXPIRED = "replica-certificate-expired"


@dataclass(frozen=True, slots=True)
class ConnectionWish:
    """How a primary wants to reach a replica server."""

    point: str
    port: int
    authentication: int
    thumbprint: str = ""


class Connections:
    """Opens connections between sites; every refusal is a `JobFailedError`."""

    def __init__(
        self, registry: Registry, book: ReplicationBook, certificates: Certificates
    ) -> None:
        self._registry = registry
        self._book = book
        self._certificates = certificates

    def point_of(self, cluster: Cluster) -> str:
        """Return the name a site is reached by; empty for a cluster without a broker."""
        if cluster.standalone:
            return self._registry.nodes[cluster.nodes[0]].hostname
        return cluster.broker

    def check(self, node: str, wish: ConnectionWish, vm: Vm | None = None) -> Cluster:
        """Return the site behind a connection point, having gone all the way to it.

        Raises:
            JobFailedError: What a host would say.
        """
        source = self._cluster_of(node)
        if not self.point_of(source):
            raise failed(
                HResult.NOT_FOUND, f"cluster '{source.name}' has no Hyper-V Replica Broker"
            )
        site = self._site(wish.point)
        self._check_link(node, site, vm)
        server = self._book.server(site.name)
        if not server.enabled:
            raise _unreachable(wish.point, "it is not enabled as a replica server")
        by_certificate = wish.authentication == Authentication.CERTIFICATE
        port = server.https_port if by_certificate else server.http_port
        if wish.port != port:
            raise _unreachable(wish.point, f"nothing listens on port {wish.port}")
        if not server.authentication & wish.authentication:
            raise failed(
                HResult.UNSUPPORTED_AUTHENTICATION,
                f"'{wish.point}' does not accept this authentication",
            )
        if by_certificate:
            self._check_certificates(source, site, wish, node, vm)
        self.entry(site, source, node)
        return site

    def entry(self, site: Cluster, source: Cluster, node: str) -> Authorization:
        """Return the authorisation that lets a source in."""
        names = {source.fqdn, self.point_of(source), self._registry.node(node).hostname}
        for entry in self._book.server(site.name).entries:
            pattern = entry.primary.casefold()
            if any(fnmatch.fnmatchcase(name.casefold(), pattern) for name in names if name):
                return entry
        raise failed(
            HResult.ACCESS_DENIED, f"'{site.name}' does not authorise {', '.join(sorted(names))}"
        )

    def up_node(self, site: Cluster) -> Node:
        """Return the node of a site that takes the next replica VM: the emptiest that is up."""
        nodes = self._registry.up_nodes(site.name)
        if not nodes:
            raise _unreachable(site.name, "no node is up")
        with self._registry.lock:
            load = Counter(vm.node for vm in self._registry.vms.values())
        return min(nodes, key=lambda node: load[node.name])

    def _site(self, point: str) -> Cluster:
        for cluster in self._registry.clusters.values():
            if self.point_of(cluster).casefold() == point.casefold():
                return cluster
            if any(point.casefold() == host.casefold() for host in self._hosts(cluster)):
                why = "it is a node of a cluster, whose broker must be named"
                raise _unreachable(point, why)
        raise _unreachable(point, "the name could not be resolved", HResult.NAME_NOT_RESOLVED)

    def _hosts(self, cluster: Cluster) -> list[str]:
        return [self._registry.nodes[name].hostname for name in cluster.nodes]

    def _cluster_of(self, node: str) -> Cluster:
        return self._registry.clusters[self._registry.node(node).cluster]

    def _check_link(self, node: str, site: Cluster, vm: Vm | None) -> None:
        names = self._registry.names_of(vm) if vm is not None else ()
        ends = [node, *site.nodes]
        faults = self._registry.faults
        if any(faults.take(LINK_DOWN, node=end, vms=names) is not None for end in ends):
            raise _unreachable(site.name, "the network path is down")
        states = [self._registry.nodes[name].state for name in site.nodes]
        if all(state is NodeState.DOWN for state in states):
            raise _unreachable(site.name, "no node of it answers")

    def _check_certificates(
        self, source: Cluster, site: Cluster, wish: ConnectionWish, node: str, vm: Vm | None
    ) -> None:
        if self._certificates.of(source).thumbprint != wish.thumbprint.upper():
            raise failed(HResult.NO_KEY, f"no certificate {wish.thumbprint} is installed")
        theirs = self._book.server(site.name).thumbprint.upper()
        if self._certificates.of(site).thumbprint != theirs:
            raise failed(HResult.NO_KEY, f"'{site.name}' has no valid certificate")
        names = self._registry.names_of(vm) if vm is not None else ()
        if self._registry.faults.take(_EXPIRED, node=node, vms=names) is not None:
            raise failed(HResult.CERTIFICATE_EXPIRED, "the certificate has expired")


def _unreachable(point: str, why: str, code: HResult = HResult.CANNOT_CONNECT) -> JobFailedError:
    return failed(code, f"no connection to the replica server '{point}': {why}")
