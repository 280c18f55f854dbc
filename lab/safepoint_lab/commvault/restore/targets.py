"""From what a restore asks for to a target in the world."""

from __future__ import annotations

import ntpath

from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.records import RestorePoint
from safepoint_lab.commvault.restore.wishes import VmRestore
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.products.machines import Target
from safepoint_lab.world.enums import NodeState

__all__ = ["Targets"]


class Targets:
    """Works out where a VM goes; what cannot be is a `FabricError` that ends the job."""

    def __init__(self, fabric: CommvaultFabric) -> None:
        self._fabric = fabric

    def original(self, point: RestorePoint, wish: VmRestore) -> Target:
        """Return the place a VM was backed up from; the VM's own host if it still has one."""
        vm = self._fabric.vm(point.vm)
        return Target(
            name=point.name,
            node=self._up(vm.node if vm is not None else wish.host or point.node),
            folders={},
            config_root=point.config_root,
            guid=point.vm,
            overwrite_disks=True,
        )

    def elsewhere(self, point: RestorePoint, wish: VmRestore, *, overwrite: bool) -> Target:
        """Return the place a request names; a VM that is there may have to be replaced."""
        name = wish.name or point.name
        node = self._up(wish.host or point.node)
        if self.clash(name, node) and not overwrite:
            message = f"Virtual machine [{name}] exists already (simulated text)"
            raise FabricError(message)
        root = wish.folder or ntpath.join(ntpath.dirname(point.config_root), name)
        folders = {disk.slot: wish.folders.get(disk.name.casefold(), root) for disk in point.disks}
        alive = self._fabric.vm(point.vm) is not None
        guid = None if alive or name != point.name else point.vm
        return Target(name, node, folders, root, guid, overwrite)

    def clash(self, name: str, node: str) -> str:
        """Return the id of the VM that has this name in the node's cluster, empty for none."""
        cluster = self._fabric.world.node(node).cluster
        for vm in self._fabric.vms(cluster=cluster):
            if vm.name.casefold() == name.casefold():
                return vm.guid
        return ""

    def _up(self, host: str) -> str:
        """Return a node by a host's or a cluster's name; of a cluster, one that is up."""
        nodes = self._fabric.members(host)
        if not nodes:
            message = f"Host [{host}] is unknown (simulated text)"
            raise FabricError(message)
        for node in nodes:
            if node.state is NodeState.UP:
                return node.name
        message = f"Host [{host}] is not available (simulated text)"
        raise FabricError(message)
