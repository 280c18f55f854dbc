"""Which access node moves a VM.

Preferred is the node that owns the VM. The rule for a VM whose owner is no access node with the
VSA is not known for certain [?]: by the settings it fails, or another access node reads it over
the network.
"""

from __future__ import annotations

from safepoint_lab.commvault.backup.workshop import Workshop
from safepoint_lab.commvault.records import Client, Hypervisor, VmGroup
from safepoint_lab.products.fabric import FabricError
from safepoint_lab.world.model import Vm

__all__ = ["mover_of"]


def mover_of(
    shop: Workshop, hypervisor: Hypervisor, group: VmGroup, vm: Vm, *, lost: str = ""
) -> Client:
    """Return the access node for a VM, not the one that was lost.

    Raises:
        FabricError: No access node may move it.
    """
    nodes = [item for item in shop.access_nodes(hypervisor, group) if item.name != lost]
    owner = next((item for item in nodes if item.node == vm.node), None)
    if owner is not None:
        return owner
    if nodes and (shop.settings.remote_owner or lost):
        return nodes[0]
    message = (
        f"Virtual machine [{vm.name}] runs on host [{vm.node}], which is no access node with "
        "the Virtual Server Agent (simulated text)"
    )
    raise FabricError(message)
