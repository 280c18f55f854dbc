"""The Hyper-V side as a backup product sees it: names, hosts, checkpoints, VMs.

Everything goes through `WorldPort`; what a host refuses becomes `FabricError`.
"""

from __future__ import annotations

from collections.abc import Callable

from safepoint_lab.products.accounts import Account
from safepoint_lab.products.work import Crew
from safepoint_lab.world.enums import Consistency, JobState, NodeState, SnapshotRequest
from safepoint_lab.world.model import (
    Checkpoint,
    Cluster,
    Job,
    Node,
    NotHereError,
    Refused,
    Vm,
)
from safepoint_lab.world.port import WorldPort
from safepoint_lab.world.wishes import VmChanges, VmDefinition

__all__ = ["Fabric", "FabricError"]

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 20.0


class FabricError(Exception):
    """Something on the Hyper-V side failed; the text goes into the result of the work."""


class Fabric:
    """What a product can see and do on hosts.

    Args:
        world: The hosts.
        crew: Whose waiting it is.
        account: What opens the hosts; with an empty password any account does.
    """

    def __init__(self, world: WorldPort, crew: Crew, account: Account) -> None:
        self.world = world
        self._crew = crew
        self._account = account

    # -- names ---------------------------------------------------------------------------
    def clusters(self) -> list[Cluster]:
        """Return every cluster."""
        return list(self.world.clusters())

    def cluster(self, name: str) -> Cluster | None:
        """Return a cluster by FQDN or short name, in any case."""
        wanted = name.casefold()
        names = ((item, (item.fqdn.casefold(), item.name.casefold())) for item in self.clusters())
        return next((item for item, known in names if wanted in known), None)

    def node(self, name: str) -> Node | None:
        """Return a host by FQDN or short name, in any case."""
        wanted = name.casefold()
        nodes = ((node, (node.hostname.casefold(), node.name.casefold())) for node in self.nodes())
        return next((node for node, known in nodes if wanted in known), None)

    def nodes(self, cluster: str | None = None) -> list[Node]:
        """Return every host, or those of one cluster."""
        return list(self.world.nodes(cluster))

    def accepts(self, username: str, password: str) -> bool:
        """Tell whether an account opens hosts."""
        return not self._account.password or self._account.is_opened_by(username, password)

    def require_up(self, node: Node) -> None:
        """Raise `FabricError` when a host does not answer."""
        if node.state is NodeState.DOWN:
            message = f"Failed to connect to host {node.hostname}: no answer (simulated text)"
            raise FabricError(message)

    # -- VMs -------------------------------------------------------------------------------
    def vm(self, guid: str) -> Vm | None:
        """Return a VM by its id, wherever it runs now."""
        try:
            return self.world.vm(guid)
        except NotHereError:
            return None

    def vms(self, *, cluster: str | None = None, node: str | None = None) -> list[Vm]:
        """Return VMs of a cluster, a node or all."""
        return list(self.world.vms(cluster=cluster, node=node))

    # -- doing ------------------------------------------------------------------------------
    def create_checkpoint(
        self, vm: Vm, consistency: Consistency, *, lead: str, name: str = ""
    ) -> Checkpoint:
        """Create a recovery checkpoint; without a name it keeps the one the host gives.

        Raises:
            FabricError: `lead` and what the host said.
        """

        def start() -> Job:
            return self.world.create_checkpoint(
                vm.guid,
                node=vm.node,
                request=SnapshotRequest.RECOVERY,
                consistency=consistency,
                ignore_non_snapshottable=True,
            )

        job = self._run(start, lead, vm)
        made = next(item.key for item in job.affected if item.kind == "checkpoint")
        checkpoint = self.world.checkpoint(made)
        if name:
            self.world.modify_checkpoint(made, VmChanges(name=name), node=self._owner(vm))
        return checkpoint

    def remove_checkpoint(self, vm: Vm, checkpoint: str, *, lead: str) -> None:
        """Remove a recovery checkpoint; the merge goes on in the background."""
        self._run(
            lambda: self.world.destroy_checkpoint(checkpoint, node=self._owner(vm)), lead, vm
        )

    def switch(self, vm: Vm, requested: int) -> None:
        """Change the power state of a VM and wait for it."""
        lead = f"Failed to change the state of VM {vm.name}: "
        self._run(lambda: self.world.request_power(vm.guid, requested, node=vm.node), lead, vm)

    def delete(self, vm: Vm) -> list[str]:
        """Unregister a VM with its checkpoints and delete its disk files; return their paths."""
        lead = f"Failed to delete VM {vm.name}: "
        paths = [path for disk in vm.disks for path in disk.images]
        self._until(lambda: vm.busy is None and not self.world.merges(vm.key), lead)
        self._run(lambda: self.world.destroy_vm(vm.guid, node=vm.node), lead, vm)
        for path in paths:
            self.world.host_path(path).unlink(missing_ok=True)
        return paths

    def define(self, definition: VmDefinition, node: str) -> Vm:
        """Register a VM whose files exist."""
        try:
            return self.world.define_vm(definition, node=node)
        except (Refused, NotHereError) as error:
            message = f"Failed to register VM {definition.name}: {error}"
            raise FabricError(message) from error

    def _run(self, start: Callable[[], Job], lead: str, vm: Vm) -> Job:
        """Start a world job when the VM is free, wait for it, and judge it."""
        self._until(lambda: vm.busy is None, lead)
        try:
            job = start()
        except Refused as error:
            message = f"{lead}{error.reason} Error code: '{error.return_value}'"
            raise FabricError(message) from error
        except NotHereError as error:
            raise FabricError(lead + str(error)) from error
        self._until(lambda: job.finished or self._vanished(job), lead)
        if job.state not in (JobState.COMPLETED, JobState.COMPLETED_WITH_WARNINGS):
            text = job.error_description or "the job has vanished"
            message = f"{lead}Job failed ('{text}'). Error code: '{job.error_code}'"
            raise FabricError(message)
        return job

    def _vanished(self, job: Job) -> bool:
        try:
            self.world.job(job.guid, node=job.node)
        except NotHereError:
            return True
        return False

    def _until(self, holds: Callable[[], bool], lead: str) -> None:
        for _ in range(int(_PATIENCE_SECONDS / _POLL_SECONDS)):
            if holds():
                return
            self._crew.pause(_POLL_SECONDS)
        message = f"{lead}the host did not get ready in time (simulated text)"
        raise FabricError(message)

    def _owner(self, vm: Vm) -> str:
        found = self.vm(vm.guid)
        return found.node if found is not None else vm.node
