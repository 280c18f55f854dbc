"""The cluster's doings: live migration, a node that dies, comes back or is paused."""

from __future__ import annotations

from safepoint_lab.world.enums import NodeState, PowerState
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.jobs import JobDesk
from safepoint_lab.world.model import NotHereError, Vm
from safepoint_lab.world.registry import Registry

__all__ = ["ClusterDesk"]


class ClusterDesk:
    """Moves VMs between the nodes of their cluster."""

    def __init__(self, registry: Registry, guests: Guests, jobs: JobDesk) -> None:
        self._registry = registry
        self._guests = guests
        self._jobs = jobs

    def migrate(self, guid: str, to_node: str) -> None:
        """Move a VM; its job objects stay behind and are gone, their work goes on."""
        with self._registry.lock:
            vm = self._registry.vm(guid)
            target = self._registry.node(to_node)
            if target.cluster != vm.cluster or target.state is not NodeState.UP:
                message = f"{to_node} cannot take VM {vm.name}"
                raise NotHereError(message)
            vm.node = target.name
            self._jobs.forget_vm(vm.key)
            self._registry.save(vm)

    def other_node(self, vm: Vm) -> str | None:
        """Return another node that could take a VM, None when there is none."""
        names = [node.name for node in self._registry.up_nodes(vm.cluster)]
        return next((name for name in names if name != vm.node), None)

    def fail(self, name: str) -> None:
        """Crash a node: jobs are gone, running VMs crash and restart on other nodes."""
        with self._registry.lock:
            node = self._registry.node(name)
            node.state = NodeState.DOWN
            self._jobs.forget_node(node.name, abort=True)
            victims = [vm for vm in self._registry.sorted_vms() if vm.node == node.name]
            self._registry.save(node)
        for vm in victims:
            self._fail_over(vm)

    def restore(self, name: str) -> None:
        """Bring a node back; one that was down has been booted."""
        with self._registry.lock:
            node = self._registry.node(name)
            if node.state is NodeState.DOWN:
                node.booted_at = self._registry.now()
            self._set(name, NodeState.UP)

    def pause(self, name: str) -> None:
        """Pause a node."""
        self._set(name, NodeState.PAUSED)

    def _set(self, name: str, state: NodeState) -> None:
        with self._registry.lock:
            node = self._registry.node(name)
            node.state = state
            self._registry.save(node)

    def _fail_over(self, vm: Vm) -> None:
        self._guests.stop(vm, clean=False)
        with self._registry.lock:
            target = self.other_node(vm)
            if target is None and vm.power is PowerState.RUNNING:
                vm.power = PowerState.OFF
            vm.node = target or vm.node
            runs = vm.power is PowerState.RUNNING
            self._registry.save(vm)
        if runs:
            self._guests.of(vm).power_on()
