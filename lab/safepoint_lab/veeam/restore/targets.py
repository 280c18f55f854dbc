"""From a restore request to a target in the world; wrong requests are refused here."""

from __future__ import annotations

import ntpath
from typing import Any

from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.machines import Target
from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.problems import invalid
from safepoint_lab.veeam.records import RestorePoint, Server
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.world.enums import NodeState

__all__ = ["Targets"]


class Targets:
    """Works out where a restore goes."""

    def __init__(self, shelf: Shelf, fabric: VeeamFabric) -> None:
        self._shelf = shelf
        self._fabric = fabric

    def original(self, point: RestorePoint) -> Target:
        """Return the place a VM was backed up from, on a node that is up."""
        vm = self._fabric.vm(point.vm)
        return Target(
            name=point.name,
            node=self._up(vm.node if vm is not None else point.node),
            folders={},
            config_root=point.config_root,
            guid=point.vm,
            overwrite_disks=True,
        )

    def customized(self, point: RestorePoint, spec: dict[str, Any]) -> Target:
        """Return the place a request names; what it leaves out stays as it was.

        Raises:
            ApiError: 400 for an unknown host, disk, or a name that is taken.
        """
        wanted = spec.get("target", {})
        name = wanted.get("vmName", point.name)
        node = self._host(spec.get("destinationHost"), point)
        clash = self.clash(name, node)
        if clash and not wanted.get("overwriteExistingVm"):
            raise invalid(
                field="target.vmName", reason=f"A VM named {name} exists already.", value=name
            )
        alive = self._fabric.vm(point.vm) is not None
        keep = wanted.get("preserveUUID", False) and (not alive or bool(clash))
        store = spec.get("datastore", {})
        root = store.get("configurationFilesPath") or ntpath.join(
            ntpath.dirname(point.config_root), name
        )
        folders = self._folders(point, store.get("diskMappings", ()))
        if not folders and name != point.name:
            folders = {disk.slot: root for disk in point.disks}
        overwrite = wanted.get("overwriteExistingDisks", False)
        return Target(name, node, folders, root, point.vm if keep else None, overwrite)

    def clash(self, name: str, node: str) -> str:
        """Return the id of the VM that has this name in the node's cluster, empty for none."""
        cluster = self._fabric.world.node(node).cluster
        for vm in self._fabric.vms(cluster=cluster):
            if vm.name.casefold() == name.casefold():
                return vm.guid
        return ""

    def _folders(self, point: RestorePoint, mappings: Any) -> dict[str, str]:
        """Disks are named by the `uid` of their extent, sent back unchanged [S]."""
        slots = {f"{disk.uid}:{point.id}": disk.slot for disk in point.disks}
        folders = {}
        for at, item in enumerate(mappings):
            uid = item["disk"]["uid"]
            if uid not in slots:
                where = f"datastore.diskMappings[{at}].disk.uid"
                raise invalid(field=where, reason="The restore point has no such disk.", value=uid)
            folders[slots[uid]] = item["targetFolder"]
        return folders

    def _host(self, wanted: dict[str, Any] | None, point: RestorePoint) -> str:
        if wanted is None:
            return self._up(point.node)
        server = self._shelf.find(Server, wanted["objectId"])
        if server is None or wanted["type"] not in ("Host", "Cluster"):
            raise invalid(
                field="destinationHost.objectId",
                reason="The host was not found.",
                value=wanted["name"],
            )
        if server.type == "HvServer":
            node = self._fabric.node(server.name)
            return point.node if node is None else node.name
        cluster = self._fabric.cluster(server.name)
        names = [] if cluster is None else cluster.nodes
        return self._up(names[0] if names else point.node)

    def _up(self, name: str) -> str:
        """Return this node, or another one of its cluster that is up."""
        node = self._fabric.world.node(name)
        for candidate in (node, *self._fabric.nodes(node.cluster)):
            if candidate.state is NodeState.UP:
                return candidate.name
        message = f"No host of cluster {node.cluster} is available (simulated text)"
        raise FabricError(message)
