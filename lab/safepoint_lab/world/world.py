"""The world of a lab: everything behind its servers, put together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from typing_extensions import override

from safepoint_lab.world.checkpoints import CheckpointDesk, CheckpointWish
from safepoint_lab.world.childfiles import ChildFiles
from safepoint_lab.world.clustering import ClusterDesk
from safepoint_lab.world.enums import (
    CheckpointType,
    Consistency,
    ControllerKind,
    GuestBackupType,
    PowerState,
    SnapshotRequest,
)
from safepoint_lab.world.faults import Armed
from safepoint_lab.world.freezing import Freezer
from safepoint_lab.world.guest import GuestMachine
from safepoint_lab.world.guests import Guests
from safepoint_lab.world.jobs import JobDesk
from safepoint_lab.world.machines import MachineDesk
from safepoint_lab.world.merging import MergeCrew
from safepoint_lab.world.mishaps import HELD_UP, Mishaps
from safepoint_lab.world.model import (
    Checkpoint,
    Cluster,
    Controller,
    Disk,
    Job,
    Merge,
    Node,
    VirtualDiskFacts,
    Vm,
)
from safepoint_lab.world.port import WorldPort
from safepoint_lab.world.power import PowerDesk
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.desk import ReplicationDesk
from safepoint_lab.world.replication.tools import Crews
from safepoint_lab.world.reverting import Reverter
from safepoint_lab.world.scheduler import Scheduler
from safepoint_lab.world.sharestate import ShareState
from safepoint_lab.world.state import StateFile
from safepoint_lab.world.storage import Storage
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.truth import CheckpointTruth
from safepoint_lab.world.wishes import NewDisk, VmChanges, VmDefinition

__all__ = ["World"]


class World(WorldPort):
    """One lab's world over a folder; make it with `open`, then `start`.

    Args:
        folder: Holds state, templates and ground truth.
        timings: How long operations take.
        share_root: Where the shares lie now, as ``server/share``; None where they lay.
    """

    def __init__(self, folder: Path, timings: Timings, share_root: Path | None) -> None:
        self.registry = Registry(StateFile(folder / "state.db"), timings)
        for cluster in self.registry.clusters.values():
            for share in cluster.shares:
                if share_root is not None:
                    share.folder = str(share_root / share.server / share.name)
        self.storage = Storage(self.registry, folder)
        self.guests = Guests(self.registry, self.storage)
        self.scheduler = Scheduler()
        self._jobs = JobDesk(self.registry, self.scheduler)
        self._files = ChildFiles(self.registry, self.storage)
        self._merges = MergeCrew(
            self.registry, self.storage, self.guests, self._files, self._jobs, self.scheduler
        )
        self._reverter = Reverter(self.registry, self.storage, self.guests, self._files)
        self.shares = ShareState(self.registry, self.storage, self.guests)
        self._merges.is_full = self.shares.is_full
        self._power = PowerDesk(self.registry, self.storage, self.guests, self._jobs)
        self._machines = MachineDesk(self.registry, self.storage, self.guests, self._jobs)
        self._cluster = ClusterDesk(self.registry, self.guests, self._jobs)
        self._freezer = Freezer(self.registry, self.storage, self.guests, self._files)
        self._checkpoints = self._checkpoint_desk()
        self.replication = self._replication_desk()
        self._machines.on_gone = self.replication.when_gone
        self._checkpoints.on_applied = self.replication.content_changed
        self._mishaps = self._make_mishaps()
        self._jobs.on_start = self._mishaps.when_job_starts
        self.lock: threading.RLock = self.registry.lock
        self.faults = self.registry.faults

    @classmethod
    def open(
        cls, folder: Path, timings: Timings | None = None, *, share_root: Path | None = None
    ) -> Self:
        """Open the world in `folder` as it was left, also after a kill; nothing runs yet.

        With `share_root` both folders may have been moved since.
        """
        return cls(folder, timings or Timings(), share_root)

    def start(self) -> None:
        """Finish what a kill cut off, then let guests and jobs run; no fault is armed."""
        self._mishaps.undo_all()
        self._files.remove_litter()
        self._merges.finish_interrupted()
        self._reverter.resume()
        self.storage.settle_all()
        self.scheduler.start()
        self.guests.start_all()
        self._merges.tidy_all()
        self.replication.start()
        self.guests.engine.start()

    def stop(self) -> None:
        """Stop guests and jobs; what was under way is finished at the next start."""
        self.guests.engine.stop()
        self.scheduler.stop()
        for vm in self.registry.sorted_vms():
            self.guests.of(vm).park()
        self.close()

    def close(self) -> None:
        """Close the files of a world that was not started."""
        self.storage.close()
        self.registry.state.close()

    # -- looking -------------------------------------------------------------------------
    @override
    def now(self, node: str | None = None) -> datetime:
        return self.registry.now(node)

    @override
    def clusters(self) -> Sequence[Cluster]:
        with self.lock:
            return list(self.registry.clusters.values())

    @override
    def nodes(self, cluster: str | None = None) -> Sequence[Node]:
        with self.lock:
            every = self.registry.nodes.values()
            return [node for node in every if cluster is None or node.cluster == cluster]

    @override
    def node(self, name: str) -> Node:
        return self.registry.node(name)

    @override
    def vms(self, *, node: str | None = None, cluster: str | None = None) -> Sequence[Vm]:
        with self.lock:
            return [
                vm
                for vm in self.registry.sorted_vms()
                if (node is None or vm.node == node) and (cluster is None or vm.cluster == cluster)
            ]

    @override
    def vm(self, guid: str, *, node: str | None = None) -> Vm:
        return self.registry.vm(guid, node=node)

    def vm_named(self, name: str) -> Vm:
        """Return a VM by name or GUID."""
        return self.registry.vm_named(name)

    @override
    def checkpoints(self, vm: str, *, node: str | None = None) -> Sequence[Checkpoint]:
        with self.lock:
            return self.registry.checkpoints_of(self.registry.vm(vm, node=node).key)

    @override
    def checkpoint(self, guid: str, *, node: str | None = None) -> Checkpoint:
        return self.registry.checkpoint(guid, node=node)

    @override
    def jobs(self, node: str, *, vm: str | None = None) -> Sequence[Job]:
        return self._jobs.jobs(node, vm)

    @override
    def job(self, guid: str, *, node: str) -> Job:
        return self._jobs.job(guid, node)

    @override
    def merges(self, vm: str | None = None) -> Sequence[Merge]:
        with self.lock:
            every = self.registry.merges.values()
            return [merge for merge in every if vm is None or merge.vm == vm.upper()]

    @override
    def host_path(self, unc: str) -> Path:
        return self.storage.host_path(unc)

    @override
    def disk_facts(self, path: str, *, node: str) -> VirtualDiskFacts:
        self.registry.require_service(node)
        with self.lock:
            used = any(
                path.casefold() == image.casefold()
                for vm in self.registry.vms.values()
                if vm.power is not PowerState.OFF
                for disk in vm.disks
                for image in disk.images
            )
        return self.storage.facts(path, in_use=used)

    # -- checkpoints ---------------------------------------------------------------------
    @override
    def create_checkpoint(
        self,
        vm: str,
        *,
        node: str,
        request: SnapshotRequest,
        consistency: Consistency = Consistency.APPLICATION,
        guest_backup_type: GuestBackupType = GuestBackupType.FULL,
        ignore_non_snapshottable: bool = False,
        by_wire: bool = False,
    ) -> Job:
        wish = CheckpointWish(
            request, consistency, guest_backup_type, ignore_non_snapshottable, by_wire
        )
        self.replication.check_checkpoint(self.registry.vm(vm, node=node))
        return self._checkpoints.create(vm, node, wish)

    @override
    def destroy_checkpoint(self, guid: str, *, node: str, tree: bool = False) -> Job:
        self.replication.check_point(self.registry.checkpoint(guid, node=node))
        return self._checkpoints.destroy(guid, node, tree=tree)

    @override
    def apply_checkpoint(self, guid: str, *, node: str) -> Job:
        checkpoint = self.registry.checkpoint(guid, node=node)
        self.replication.check_checkpoint(self.registry.vm(checkpoint.vm))
        return self._checkpoints.apply(guid, node)

    @override
    def clear_checkpoint_state(self, guid: str, *, node: str) -> Job:
        return self._checkpoints.clear_state(guid, node)

    # -- machines ------------------------------------------------------------------------
    @override
    def request_power(self, vm: str, requested: int, *, node: str) -> Job:
        self.replication.check_start(self.registry.vm(vm, node=node), requested)
        return self._power.request(vm, requested, node)

    @override
    def modify_vm(self, vm: str, changes: VmChanges, *, node: str) -> None:
        self._machines.modify(vm, changes, node)

    @override
    def modify_checkpoint(self, guid: str, changes: VmChanges, *, node: str) -> None:
        self._machines.modify_checkpoint(guid, changes, node)

    @override
    def modify_disk(self, vm: str, slot: str, path: str, *, node: str) -> None:
        self._machines.modify_disk(vm, slot, path, node)

    @override
    def define_vm(self, definition: VmDefinition, *, node: str) -> Vm:
        return self._machines.define(definition, node)

    @override
    def add_controller(self, vm: str, kind: ControllerKind, *, node: str) -> Controller:
        return self._machines.add_controller(vm, kind, node)

    @override
    def add_disk(self, vm: str, disk: NewDisk, *, node: str) -> Disk:
        return self._machines.add_disk(vm, disk, node)

    @override
    def destroy_vm(self, vm: str, *, node: str) -> Job:
        self.replication.check_destroy(self.registry.vm(vm, node=node))
        return self._machines.destroy(vm, node)

    @override
    def cancel_job(self, guid: str, requested: int, *, node: str) -> None:
        self._jobs.cancel(guid, requested, node)

    # -- the cluster ---------------------------------------------------------------------
    @override
    def live_migrate(self, vm: str, to_node: str) -> None:
        self._cluster.migrate(vm, to_node)

    @override
    def fail_node(self, name: str) -> None:
        self._cluster.fail(name)

    @override
    def restore_node(self, name: str) -> None:
        self._cluster.restore(name)

    @override
    def pause_node(self, name: str) -> None:
        self._cluster.pause(name)

    # -- for tests, demo and the command line ----------------------------------------------
    def arm_fault(
        self,
        name: str,
        *,
        node: str = "",
        vm: str = "",
        operation: str = "",
        times: int | None = 1,
        skip: int = 0,
        parameters: Mapping[str, str] | None = None,
    ) -> Armed:
        """Arm a fault (see `FaultBook.arm`) and do what it does at once."""
        armed = self.faults.arm(
            name,
            node=self.registry.node(node).name if node else "",
            vm=self.registry.vm_named(vm).key if vm else "",
            operation=operation,
            times=times,
            skip=skip,
            parameters=parameters,
        )
        self._mishaps.when_armed(armed)
        return armed

    def clear_fault(self, name: str = "") -> int:
        """Disarm a fault (all when empty), undo what it holds; return how many were armed."""
        held = {armed.fault.name for armed in self.faults.armed()} | HELD_UP
        cleared = self.faults.clear(name)
        for each in [name] if name else sorted(held):
            self._mishaps.when_cleared(each)
        return cleared

    def plant_checkpoint(
        self,
        vm: str,
        name: str,
        *,
        kind: CheckpointType = CheckpointType.RECOVERY,
        age: timedelta = timedelta(),
    ) -> Checkpoint:
        """Put a checkpoint on a VM, at once, as if somebody had made it that long ago."""
        return self._checkpoints.plant(self.registry.vm_named(vm), name, kind, age)

    def guest(self, vm: str) -> GuestMachine:
        """Return the guest of a VM by name or GUID."""
        return self.guests.of(self.registry.vm_named(vm))

    def truth(self, checkpoint: str) -> CheckpointTruth:
        """Return what a checkpoint froze, also when it is long gone."""
        return self.registry.truth(checkpoint)

    def truths(self) -> Sequence[CheckpointTruth]:
        """Return what every checkpoint ever made froze, oldest first."""
        found = self.registry.state.load(CheckpointTruth).values()
        return sorted(found, key=lambda truth: truth.created_at)

    def advance(self, span: timedelta) -> int:
        """Move the lab's clock forward; replication does on the way what comes due.

        Returns how many replication cycles ran. Guests go on in real time.
        """
        return self.replication.advance(span)

    def start_vm(self, vm: str) -> None:
        """Start a VM at once, without a job."""
        self._power.start(self.registry.vm_named(vm))

    def stop_vm(self, vm: str, *, clean: bool = True) -> None:
        """Stop a VM at once, without a job."""
        self._power.stop(self.registry.vm_named(vm), clean=clean)

    def wait_job(self, job: Job, timeout_seconds: float = 30.0) -> bool:
        """Wait until a job has finished; False when time is up."""
        return self._jobs.wait(job, timeout_seconds)

    def wait_until(self, holds: Callable[[], bool], timeout_seconds: float = 30.0) -> bool:
        """Wait until something about jobs or merges holds; False when time is up."""
        return self._jobs.wait_until(holds, timeout_seconds)

    def wait_merged(self, vm: str, timeout_seconds: float = 30.0) -> bool:
        """Wait until a VM has no merge that is due; False when time is up."""
        key = self.registry.vm_named(vm).key
        return self.wait_until(lambda: not self.registry.merging(key), timeout_seconds)

    def _checkpoint_desk(self) -> CheckpointDesk:
        return CheckpointDesk(
            self.registry,
            self._jobs,
            self._freezer,
            self._reverter,
            self._merges,
            self.shares,
            self._machines.unregister,
        )

    def _replication_desk(self) -> ReplicationDesk:
        crews = Crews(
            self.registry,
            self.storage,
            self.guests,
            self._jobs,
            self._files,
            self._freezer,
            self._reverter,
            self._merges,
            self.scheduler,
        )
        return ReplicationDesk(crews, lambda vm: self._power.stop(vm, clean=False))

    def _make_mishaps(self) -> Mishaps:
        return Mishaps(
            self.registry,
            self.scheduler,
            self._jobs,
            self._cluster,
            self.shares,
            self._merges,
            self._checkpoints,
            self.replication,
        )
