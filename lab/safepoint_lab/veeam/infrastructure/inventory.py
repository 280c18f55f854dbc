"""What is on the registered servers: cached objects, as the inventory calls list them.

Forms of `urn` and `objectId` for SCVMM and cluster roots are inference [X]; a VM's `objectId`
is its Hyper-V id in lower case [X].
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.records import Server
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.veeam.wording import HYPERV, size_text

__all__ = ["Inventory"]

_ROOTS = {"SCVMM": "Scvmm", "HvCluster": "Cluster", "HvServer": "Host"}
_SWITCH = "vSwitch-Lab"


@dataclass(frozen=True, slots=True)
class _CachedVm:
    guid: str
    name: str
    node: str
    size_bytes: int


class Inventory:
    """Browses servers; VMs come from a cache that only a rescan or reset renews [S]."""

    def __init__(self, shelf: Shelf, fabric: VeeamFabric) -> None:
        self._shelf = shelf
        self._fabric = fabric
        self._lock = threading.Lock()
        self._cache: dict[str, list[_CachedVm]] = {}

    def roots(self) -> list[dict[str, Any]]:
        """Return the servers that were registered themselves."""
        return [self.entry(item) for item in self._shelf.all(Server) if not item.parent]

    def server(self, name: str) -> Server | None:
        """Return a registered server by name, in any case."""
        wanted = name.casefold()
        every = self._shelf.all(Server)
        return next((item for item in every if item.name.casefold() == wanted), None)

    def entry(self, server: Server, root: Server | None = None) -> dict[str, Any]:
        """Return the object of a server itself, below a root or as one."""
        kind = _ROOTS[server.type]
        top = root or server
        urn = f"{kind}:{server.name}"
        if root is not None:
            urn = f"{_ROOTS[root.type]}:{root.name};{urn}"
        entry = self._object(top.name, server.name, kind, server.id, urn)
        if root is not None and server.parent:
            entry["parentObjectId"] = server.parent
        return entry

    def refresh(self, server: Server) -> None:
        """Look at the hosts of a server again."""
        with self._lock:
            for item in self._below(server):
                if item.type == "HvServer":
                    self._cache[item.id] = self._look(item)

    def below(self, root: Server, hierarchy: str) -> list[dict[str, Any]]:
        """Return the objects under a server in one view; unknown views show hosts and VMs."""
        hosts = [item for item in self._below(root) if item.type == "HvServer"]
        view = hierarchy.casefold()
        if view == "network":
            return [self._network(host, root) for host in hosts]
        if view == "hostsandvolumes":
            return self._servers(root) + self._volumes(root, hosts)
        if view in ("tags", "groups", "vmgroups"):
            return []
        if view == "hosts":
            return self._servers(root)
        return self._servers(root) + [vm for host in hosts for vm in self._vms(host, root)]

    def covered(self, guid: str) -> Server | None:
        """Return the registered host that a VM runs on now, None when there is none."""
        vm = self._fabric.vm(guid)
        if vm is None:
            return None
        node = self._fabric.node(vm.node)
        return None if node is None else self.server(node.hostname)

    def _below(self, server: Server) -> list[Server]:
        found = [server]
        for child in self._shelf.where(Server, lambda item: item.parent == server.id):
            found += self._below(child)
        return found

    def _servers(self, root: Server) -> list[dict[str, Any]]:
        return [self.entry(item, root) for item in self._below(root) if item is not root]

    def _look(self, host: Server) -> list[_CachedVm]:
        node = self._fabric.node(host.name)
        if node is None:
            return []
        return [
            _CachedVm(vm.guid, vm.name, vm.node, sum(disk.size_bytes for disk in vm.disks))
            for vm in self._fabric.vms(node=node.name)
        ]

    def _vms(self, host: Server, root: Server) -> list[dict[str, Any]]:
        with self._lock:
            if host.id not in self._cache:
                self._cache[host.id] = self._look(host)
            cached = self._cache[host.id]
        found = []
        for vm in cached:
            urn = f"{_ROOTS[root.type]}:{root.name};Vm:{vm.name}"
            size = size_text(vm.size_bytes)
            entry = self._object(
                root.name, vm.name, "VirtualMachine", vm.guid.lower(), urn, size=size
            )
            found.append(entry | {"parentObjectId": host.id})
        return found

    def _network(self, host: Server, root: Server) -> dict[str, Any]:
        urn = f"Host:{host.name};Network:{_SWITCH}"
        entry = self._object(host.name, _SWITCH, "Network", _SWITCH, urn)
        return entry | ({} if host is root else {"parentObjectId": host.id})

    def _volumes(self, root: Server, hosts: list[Server]) -> list[dict[str, Any]]:
        """Return the SMB shares that the hosts' VMs lie on."""
        nodes = [node for host in hosts if (node := self._fabric.node(host.name))]
        names = {node.cluster for node in nodes}
        shares = [
            share.unc
            for item in self._fabric.clusters()
            if item.name in names
            for share in item.shares
        ]
        return [
            self._object(
                root.name, unc, "Volume", f"{root.id}_{unc}", f"Host:{root.name};Volume:{unc}"
            )
            for unc in shares
        ]

    def _object(
        self, host: str, name: str, kind: str, ident: str, urn: str, *, size: str = "N/A"
    ) -> dict[str, Any]:
        return {
            "platform": HYPERV,
            "size": size,
            "hostName": host,
            "name": name,
            "type": kind,
            "objectId": ident,
            "urn": urn,
        }
