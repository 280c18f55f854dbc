"""The Hyper-V side as the CommServe sees it through its access nodes."""

from __future__ import annotations

from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.products.accounts import Account
from safepoint_lab.products.fabric import Fabric, FabricError
from safepoint_lab.products.work import Crew
from safepoint_lab.world.enums import Consistency, NodeState
from safepoint_lab.world.model import Checkpoint, Node, Vm
from safepoint_lab.world.port import WorldPort

__all__ = ["CommvaultFabric"]


class CommvaultFabric(Fabric):
    """What access nodes can see and do on hosts; texts are simulated, codes invented [?]."""

    def __init__(self, world: WorldPort, settings: CommvaultSettings, crew: Crew) -> None:
        account = Account(settings.fabric_username, settings.fabric_password)
        super().__init__(world, crew, account)

    def is_up(self, name: str) -> bool:
        """Tell whether a node by name answers."""
        node = self.node(name)
        return node is not None and node.state is not NodeState.DOWN

    def members(self, server: str) -> list[Node]:
        """Return the nodes of a cluster or the one host of a name; none when it is unknown."""
        cluster = self.cluster(server)
        if cluster is not None:
            return self.nodes(cluster.name)
        node = self.node(server)
        return [] if node is None else [node]

    def protected_by(self, server: str) -> list[Vm]:
        """Return the VMs that a hypervisor of this server name covers."""
        return [vm for node in self.members(server) for vm in self.vms(node=node.name)]

    def freeze(self, vm: Vm, consistency: Consistency) -> Checkpoint:
        """Create a recovery checkpoint; it keeps the name the host gives it.

        No source tells a name of the product's own on Hyper-V.

        Raises:
            FabricError: With what the host said.
        """
        return self.create_checkpoint(vm, consistency, lead="Unable to create checkpoint: ")

    def thaw(self, vm: Vm, checkpoint: str) -> None:
        """Remove a recovery checkpoint; the merge goes on in the background."""
        self.remove_checkpoint(vm, checkpoint, lead="Unable to remove checkpoint: ")

    def require(self, server: str, user_name: str, password: str) -> None:
        """Raise `FabricError` unless a server is known, answers and takes the account."""
        nodes = self.members(server)
        if not any(node.state is not NodeState.DOWN for node in nodes):
            message = f"Unable to connect to the hypervisor [{server}] (simulated text)"
            raise FabricError(message)
        if not self.accepts(user_name, password):
            message = (
                "Unable to connect to the hypervisor with the configured account (simulated text)"
            )
            raise FabricError(message)
