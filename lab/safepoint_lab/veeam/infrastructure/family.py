"""Which records a managed server is made of: SCVMM over clusters over hosts."""

from __future__ import annotations

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.records import Server, new_id
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.world.model import Cluster

__all__ = ["Family"]


class Family:
    """Expands a server into its nested ones, keeping ids of those that are known."""

    def __init__(self, shelf: Shelf, fabric: VeeamFabric) -> None:
        self._shelf = shelf
        self._fabric = fabric

    def members(self, server: Server) -> list[Server]:
        """Return a server and everything nested in it."""
        found = [server]
        for child in self._shelf.where(Server, lambda item: item.parent == server.id):
            found += self.members(child)
        return found

    def require_known(self, server: Server) -> None:
        """Raise `FabricError` when the lab has no such SCVMM, cluster or host."""
        known = {
            "SCVMM": lambda: self._fabric.is_scvmm(server.name),
            "HvCluster": lambda: self._fabric.cluster(server.name) is not None,
            "HvServer": lambda: self._fabric.node(server.name) is not None,
        }[server.type]()
        if not known:
            message = f"Failed to connect to host {server.name}: not found (simulated text)"
            raise FabricError(message)

    def expand(self, server: Server) -> list[Server]:
        """Return a server with its nested ones as the fabric has them now.

        Sets `children` to the names of the hosts that are covered.
        """
        if server.type == "HvServer":
            return [server]
        if server.type == "HvCluster":
            cluster = self._fabric.cluster(server.name)
            hosts = [] if cluster is None else self._hosts(server, cluster, server)
            server.children = [host.name for host in hosts]
            return [server, *hosts]
        members: list[Server] = [server]
        for cluster in self._fabric.clusters():
            nested = self._child(server, cluster.fqdn, "HvCluster")
            hosts = self._hosts(nested, cluster, server)
            if hosts:
                nested.children = [host.name for host in hosts]
                members += [nested, *hosts]
        server.children = [item.name for item in members if item.type == "HvServer"]
        return members

    def _hosts(self, parent: Server, cluster: Cluster, asked: Server) -> list[Server]:
        wanted = {name.casefold() for name in asked.children}
        return [
            self._child(parent, node.hostname, "HvServer")
            for node in self._fabric.nodes(cluster.name)
            if asked.add_all or {node.hostname.casefold(), node.name.casefold()} & wanted
        ]

    def _child(self, parent: Server, name: str, kind: str) -> Server:
        for known in self._shelf.where(Server, lambda item: item.parent == parent.id):
            if known.name.casefold() == name.casefold():
                known.credentials_id = parent.credentials_id
                return known
        network = dict(parent.network)
        if kind == "HvCluster":
            network.pop("components", None)
        return Server(
            id=new_id(),
            name=name,
            type=kind,
            description="",
            created_at=parent.created_at,
            credentials_id=parent.credentials_id,
            network=network,
            parent=parent.id,
        )
