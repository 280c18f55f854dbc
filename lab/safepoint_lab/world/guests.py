"""The guests of all VMs: one machine a VM, with its disks opened through the storage."""

from __future__ import annotations

from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.guest import GuestEngine, GuestMachine
from safepoint_lab.world.model import Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.storage import Storage

__all__ = ["Guests"]


class Guests:
    """Finds the guest of a VM, and says which guests deserve processor time."""

    def __init__(self, registry: Registry, storage: Storage) -> None:
        self._registry = registry
        self._storage = storage
        self._machines: dict[str, GuestMachine] = {}
        self.engine = GuestEngine(self._candidates)

    def of(self, vm: Vm) -> GuestMachine:
        """Return the guest of a VM."""
        with self._registry.lock:
            if vm.key not in self._machines:
                self._machines[vm.key] = GuestMachine(
                    vm.key,
                    lambda: self._storage.open_guest_disks(vm),
                    lambda: self._storage.park(vm),
                    f"{self._registry.identity.seed}/{vm.key}",
                )
            return self._machines[vm.key]

    def start_all(self) -> None:
        """Switch on the guests of all VMs that are running, as after a start of the lab."""
        for vm in self._registry.sorted_vms():
            if vm.power is PowerState.RUNNING and not vm.storage_lost:
                self.of(vm).power_on()

    def stop(self, vm: Vm, *, clean: bool) -> None:
        """Stop a guest and seal its disks, so that foreign changes are noticed."""
        machine = self.of(vm)
        with machine.lock:
            was_on = machine.on
            machine.stop(clean=clean)
            if was_on and not vm.storage_lost:
                self._storage.seal(vm)

    def forget(self, vm: Vm) -> None:
        """Stop a guest for good; its VM is gone."""
        with self._registry.lock:
            machine = self._machines.pop(vm.key, None)
        if machine is not None:
            machine.end()

    def _candidates(self) -> tuple[list[GuestMachine], list[GuestMachine]]:
        with self._registry.lock:
            merging = {vm for vm, _ in self._registry.merges}
            frozen = {item.vm for item in self._registry.checkpoints.values()}
            busy: list[GuestMachine] = []
            others: list[GuestMachine] = []
            for vm in self._registry.vms.values():
                if vm.power is PowerState.RUNNING and not vm.storage_lost:
                    wanted = vm.busy is not None or vm.key in merging or vm.key in frozen
                    (busy if wanted else others).append(self.of(vm))
            return busy, others
