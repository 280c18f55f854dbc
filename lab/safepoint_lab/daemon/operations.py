"""What can be asked of a running lab besides what its servers speak: for tests, demo, people.

Every method takes and returns plain data, so that `LabClient` can offer the same over HTTP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from safepoint.errors import UnknownNameError, UsageError
from safepoint_lab.daemon.rack import ProductRack
from safepoint_lab.daemon.replica_operations import ReplicaOperations
from safepoint_lab.daemon.views import (
    CallCounts,
    CheckpointView,
    DiskView,
    FaultView,
    GuestView,
    VmView,
)
from safepoint_lab.hyperv.serving import HyperVWire
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.faults import Armed
from safepoint_lab.world.images import open_chain
from safepoint_lab.world.model import Checkpoint, Vm
from safepoint_lab.world.truth import CheckpointTruth, differing_cells
from safepoint_lab.world.world import World

__all__ = ["LabOperations"]

_POWER = {"start": 2, "off": 3, "shutdown": 4, "save": 6, "pause": 9, "reboot": 10, "reset": 11}


class LabOperations(ReplicaOperations):
    """Questions and orders to one running lab.

    VMs are named by name or GUID. Unknown names raise `UnknownNameError`; what the world does
    not allow raises `UsageError`, `Refused` or `NotHereError`.
    """

    def __init__(self, world: World, wire: HyperVWire, products: ProductRack) -> None:
        self._world = world
        self._wire = wire
        self._calls = wire.calls
        self._products = products

    def vms(self) -> list[VmView]:
        """Return every VM as the hosts have it now."""
        with self._world.lock:
            return [self._vm_view(vm) for vm in self._world.vms()]

    def vm(self, name: str) -> VmView:
        """Return one VM."""
        with self._world.lock:
            return self._vm_view(self._world.vm_named(name))

    def checkpoints(self, vm: str = "") -> list[CheckpointView]:
        """Return the checkpoints that exist now, of one VM or of all, oldest first."""
        with self._world.lock:
            chosen = [self._world.vm_named(vm)] if vm else self._world.vms()
            return [
                _checkpoint_view(item, each)
                for each in chosen
                for item in self._world.checkpoints(each.key)
            ]

    def truths(self, vm: str = "") -> list[CheckpointTruth]:
        """Return what every checkpoint ever made froze (of one VM, or of all), oldest first."""
        wanted = vm.casefold()
        return [
            truth
            for truth in self._world.truths()
            if not vm or wanted in (truth.vm.casefold(), truth.vm_name.casefold())
        ]

    def truth(self, checkpoint: str) -> CheckpointTruth:
        """Return what one checkpoint froze, by its GUID or (the newest with that) name."""
        matching = [
            truth
            for truth in self._world.truths()
            if checkpoint.upper() == truth.checkpoint or checkpoint == truth.name
        ]
        if not matching:
            message = f"no checkpoint {checkpoint} was ever made in this lab"
            raise UnknownNameError(message)
        return matching[-1]

    def compare_vm(self, checkpoint: str, vm: str) -> dict[str, list[int]]:
        """Compare the disks of a VM (off) with what a checkpoint froze.

        Returns:
            For each disk slot the byte offsets of the 1 MiB cells that differ; empty lists mean
            that the disks are what was frozen. Disks are matched in order.

        Raises:
            UsageError: The VM runs, or has another number of disks.
        """
        truth = self.truth(checkpoint)
        target = self._world.vm_named(vm)
        if target.power is PowerState.RUNNING:
            message = f"VM {target.name} runs: its disks change while they are compared"
            raise UsageError(message, hint="Shut it down first.")
        if len(target.disks) != len(truth.disks):
            message = f"VM {target.name} has {len(target.disks)} disks, not {len(truth.disks)}"
            raise UsageError(message)
        found = {}
        for disk, wanted in zip(target.disks, truth.disks, strict=True):
            with open_chain(self._world.storage.chain(disk)) as chain:
                found[wanted.slot] = differing_cells(wanted, chain.read_at, chain.size_bytes)
        return found

    def compare_file(self, checkpoint: str, slot: str, path: str) -> list[int]:
        """Compare one VHDX file (local path, not differencing) with what was frozen of a disk."""
        truth = self.truth(checkpoint)
        wanted = next((disk for disk in truth.disks if disk.slot == slot), None)
        if wanted is None:
            message = f"checkpoint {checkpoint} froze no disk {slot}"
            raise UnknownNameError(message)
        with open_chain([Path(path)]) as chain:
            return differing_cells(wanted, chain.read_at, chain.size_bytes)

    def inspect(self, vm: str) -> GuestView:
        """Look into a guest."""
        target = self._world.vm_named(vm)
        guest = self._world.guest(vm)
        report = guest.inspect()
        return GuestView(
            vm=target.name,
            power=target.power.name.lower(),
            hostname=report.hostname,
            version=report.app.version,
            broken_files=report.app.broken_files,
            bank=report.bank.state,
            transaction=report.bank.transaction,
            detail=report.bank.reason,
            problem=report.problem or guest.problem,
        )

    def read_file(self, vm: str, path: str) -> str:
        """Read a text file of a guest."""
        try:
            return self._world.guest(vm).read_file(path).decode("utf-8", "replace")
        except FileNotFoundError as error:
            raise UnknownNameError(str(error)) from error

    def write_file(self, vm: str, path: str, text: str) -> None:
        """Write a text file in a guest; its directory must exist."""
        try:
            self._world.guest(vm).write_file(path, text.encode())
        except (FileNotFoundError, ValueError) as error:
            raise UsageError(str(error)) from error

    def patch(self, vm: str, version: str = "4.3.0-bad") -> None:
        """Install a bad patch in a guest: a new version whose files are broken."""
        self._world.guest(vm).apply_patch(version)

    def damage(self, vm: str) -> None:
        """Destroy the data of a guest's application."""
        self._world.guest(vm).damage()

    def power(self, vm: str, action: str, timeout_seconds: float = 30.0) -> str:
        """Switch a VM: start, off, shutdown, save, pause, reboot, reset; return its state."""
        if action not in _POWER:
            message = f"'{action}' is no power action"
            raise UsageError(message, hint=f"One of: {', '.join(_POWER)}.")
        target = self._world.vm_named(vm)
        job = self._world.request_power(target.key, _POWER[action], node=target.node)
        self._world.wait_job(job, timeout_seconds)
        if job.error_code:
            message = job.error_description or f"could not {action} VM {target.name}"
            raise UsageError(message)
        return target.power.name.lower()

    def migrate(self, vm: str, to_node: str = "") -> str:
        """Live-migrate a VM, to any other node when none is named; return its new node."""
        target = self._world.vm_named(vm)
        others = [
            node.name for node in self._world.nodes(target.cluster) if node.name != target.node
        ]
        if not to_node and not others:
            message = f"there is no other node for VM {target.name}"
            raise UsageError(message)
        self._world.live_migrate(target.key, to_node or others[0])
        return target.node

    def fail_node(self, node: str) -> None:
        """Crash a node; its VMs restart elsewhere."""
        self._world.fail_node(node)

    def restore_node(self, node: str) -> None:
        """Bring a node back."""
        self._world.restore_node(node)

    def arm_fault(
        self,
        name: str,
        node: str = "",
        vm: str = "",
        operation: str = "",
        times: int | None = 1,
        skip: int = 0,
        parameters: Mapping[str, str] | None = None,
    ) -> FaultView:
        """Arm a fault of the catalogue."""
        book = self._products.book_of(name)
        arm = self._world.arm_fault if book is None else book.arm
        armed = arm(
            name,
            node=node,
            vm=vm,
            operation=operation,
            times=times,
            skip=skip,
            parameters=parameters,
        )
        return self._fault_view(armed)

    def clear_fault(self, name: str = "") -> int:
        """Disarm a fault (all when empty); return how many were armed."""
        if not name:
            return self._world.clear_fault() + self._products.clear()
        book = self._products.book_of(name)
        return self._world.clear_fault(name) if book is None else book.clear(name)

    def faults(self) -> list[FaultView]:
        """Return the faults that are armed."""
        every = [*self._world.faults.armed(), *self._products.armed()]
        return [self._fault_view(armed) for armed in every]

    def calls(self) -> CallCounts:
        """Return how many requests the nodes' servers answered."""
        records = self._calls.records()
        names = Counter(record.exchange.operation or record.exchange.action for record in records)
        return CallCounts(total=self._calls.request_count, by_operation=dict(names))

    def clear_calls(self) -> None:
        """Start counting requests anew."""
        self._calls.clear()

    def wait_merged(self, vm: str = "", timeout_seconds: float = 30.0) -> bool:
        """Wait until a VM (or every VM) has no merge that is due; False when time is up."""
        names = [vm] if vm else [each.key for each in self._world.vms()]
        return all(self._world.wait_merged(name, timeout_seconds) for name in names)

    def _vm_view(self, vm: Vm) -> VmView:
        return VmView(
            guid=vm.guid,
            name=vm.name,
            cluster=vm.cluster,
            node=vm.node,
            power=vm.power.name.lower(),
            guest_os=vm.guest_os,
            busy=vm.busy.name.lower() if vm.busy is not None else "",
            merging=bool(self._world.merges(vm.key)),
            checkpoints=len(self._world.checkpoints(vm.key)),
            switches=self._wire.switches(vm),
            disks=tuple(
                DiskView(
                    slot=disk.slot,
                    path=disk.path,
                    file=str(self._world.host_path(disk.path)),
                    size_bytes=disk.size_bytes,
                )
                for disk in vm.disks
            ),
        )

    def _fault_view(self, armed: Armed) -> FaultView:
        return FaultView(
            name=armed.fault.name,
            title=armed.fault.title,
            node=armed.node,
            vm=armed.vm,
            operation=armed.operation or armed.fault.operation,
            times=armed.times,
            hits=armed.hits,
        )


def _checkpoint_view(checkpoint: Checkpoint, vm: Vm) -> CheckpointView:
    return CheckpointView(
        guid=checkpoint.guid,
        vm=vm.guid,
        vm_name=vm.name,
        name=checkpoint.name,
        type=checkpoint.type.rpartition(":")[2].lower(),
        consistency=checkpoint.consistency,
        created_at=checkpoint.created_at,
        cluster=vm.cluster,
        by_wire=checkpoint.by_wire,
    )
