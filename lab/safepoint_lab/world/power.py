"""Switching VMs on and off, as `RequestStateChange` does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from safepoint_lab.world import errors
from safepoint_lab.world.enums import JobType, PowerState, ReturnValue
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.jobs import JobDesk, JobOrder, JobOutcome
from safepoint_lab.world.model import AffectedElement, Job, Refused, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.storage import Storage

__all__ = ["PowerDesk"]

_RUNNING = (PowerState.RUNNING,)
_STOPPED = (PowerState.OFF, PowerState.SAVED, PowerState.PAUSED)
_ALLOWED: dict[int, tuple[PowerState, ...]] = {
    2: _STOPPED,
    3: (PowerState.RUNNING, PowerState.SAVED, PowerState.PAUSED),
    4: _RUNNING,
    6: (PowerState.RUNNING, PowerState.PAUSED),
    9: _RUNNING,
    10: _RUNNING,
    11: (PowerState.RUNNING, PowerState.PAUSED),
}


class PowerDesk:
    """Power changes of VMs."""

    def __init__(
        self, registry: Registry, storage: Storage, guests: Guests, jobs: JobDesk
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._guests = guests
        self._jobs = jobs

    def request(self, guid: str, requested: int, node: str) -> Job:
        """Start RequestStateChange; see `WorldPort.request_power`."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            self._registry.require_service(node)
            if requested not in _ALLOWED:
                raise Refused(ReturnValue.INVALID_PARAMETER, f"requested state {requested}")
            if vm.power not in _ALLOWED[requested]:
                message = f"{vm.power.name} cannot go to {requested}"
                raise Refused(ReturnValue.INVALID_STATE, message)
            return self._jobs.begin(
                JobOrder(
                    node=node,
                    type=JobType.POWER,
                    caption="Changing State of Virtual Machine",
                    seconds=self._registry.timings.draw(self._registry.timings.power),
                    work=partial(self._change, vm, requested),
                    ended=_nothing,
                    vm=vm.key,
                    operation="Msvm_ComputerSystem.RequestStateChange",
                )
            )

    def start(self, vm: Vm) -> None:
        """Start a VM at once; JobFailedError when a file of it is missing."""
        for disk in vm.disks:
            for path in self._storage.chain(disk):
                if not path.exists():
                    raise errors.file_missing(vm.name, str(path.name))
        machine = self._guests.of(vm)
        if vm.power is PowerState.PAUSED and machine.on:
            machine.thaw()
        else:
            machine.power_on()
        self._set(vm, PowerState.RUNNING)

    def stop(self, vm: Vm, *, clean: bool) -> None:
        """Stop a VM at once: shut down, or cut the power."""
        self._guests.stop(vm, clean=clean)
        self._set(vm, PowerState.OFF)

    def _change(self, vm: Vm, requested: int) -> JobOutcome:
        changes: dict[int, Callable[[], None]] = {
            2: lambda: self.start(vm),
            3: lambda: self.stop(vm, clean=False),
            4: lambda: self.stop(vm, clean=True),
            6: lambda: self._save(vm),
            9: lambda: self._pause(vm),
            10: lambda: self._restart(vm, clean=True),
            11: lambda: self._restart(vm, clean=False),
        }
        changes[requested]()
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _save(self, vm: Vm) -> None:
        """Save: the guest's memory is not kept, it recovers when it starts again [I]."""
        self._guests.stop(vm, clean=False)
        self._set(vm, PowerState.SAVED)

    def _pause(self, vm: Vm) -> None:
        self._guests.of(vm).hold()
        self._set(vm, PowerState.PAUSED)

    def _restart(self, vm: Vm, *, clean: bool) -> None:
        self.stop(vm, clean=clean)
        self.start(vm)

    def _set(self, vm: Vm, power: PowerState) -> None:
        with self._registry.lock:
            if power is PowerState.RUNNING and vm.power is not PowerState.PAUSED:
                vm.started_at = self._registry.now(vm.node)
            vm.power = power
            self._registry.save(vm)


def _nothing() -> None:
    """End nothing."""
