"""What the world offers to the servers in front of it: the contract of `World`.

The wire layer (WS-Man, later vendor simulators) depends on this port, not on how the world does
it. Rules for every method:

* ``node`` is the node that was asked. An object that is not on that node raises `NotHereError`.
* A call the host refuses raises `Refused` with the ReturnValue; nothing has happened then.
* Methods that answer with a `Job` have *started* it; results are in ``job.affected`` once
  ``job.finished``. Methods that answer None are done when they return.
* Readers hold `lock` while they look at the returned objects; they never change them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from safepoint_lab.world.enums import (
    Consistency,
    ControllerKind,
    GuestBackupType,
    SnapshotRequest,
)
from safepoint_lab.world.faults import FaultBook
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
from safepoint_lab.world.replication.desk import ReplicationDesk
from safepoint_lab.world.wishes import NewDisk, VmChanges, VmDefinition

__all__ = ["NewDisk", "VmChanges", "VmDefinition", "WorldPort"]


class WorldPort(Protocol):
    """One world for a lab; thread-safe by `lock` (re-entrant)."""

    lock: threading.RLock
    faults: FaultBook
    replication: ReplicationDesk

    # -- looking -------------------------------------------------------------------------
    def now(self, node: str | None = None) -> datetime:
        """Return the lab's time, or a node's own idea of it (its clock skew added)."""
        ...

    def clusters(self) -> Sequence[Cluster]:
        """Return every cluster."""
        ...

    def nodes(self, cluster: str | None = None) -> Sequence[Node]:
        """Return every node, or those of one cluster, in order."""
        ...

    def node(self, name: str) -> Node:
        """Return a node by name; `NotHereError` when there is none."""
        ...

    def vms(self, *, node: str | None = None, cluster: str | None = None) -> Sequence[Vm]:
        """Return VMs, by owner node or cluster, ordered by name then GUID."""
        ...

    def vm(self, guid: str, *, node: str | None = None) -> Vm:
        """Return a VM by GUID (any case); with `node` only if that node owns it."""
        ...

    def checkpoints(self, vm: str, *, node: str | None = None) -> Sequence[Checkpoint]:
        """Return the checkpoints of a VM, oldest first."""
        ...

    def checkpoint(self, guid: str, *, node: str | None = None) -> Checkpoint:
        """Return a checkpoint by GUID; with `node` only if that node owns its VM."""
        ...

    def jobs(self, node: str, *, vm: str | None = None) -> Sequence[Job]:
        """Return the jobs a node still remembers, oldest first."""
        ...

    def job(self, guid: str, *, node: str) -> Job:
        """Return a job of this node; `NotHereError` once it vanished."""
        ...

    def merges(self, vm: str | None = None) -> Sequence[Merge]:
        """Return background merges that are not finished."""
        ...

    def host_path(self, unc: str) -> Path:
        """Return the file behind a UNC path; `Refused` FILE_NOT_FOUND outside the shares."""
        ...

    def disk_facts(self, path: str, *, node: str) -> VirtualDiskFacts:
        """Return facts of a VHDX by UNC path.

        Refused: FILE_NOT_FOUND 32779, FAILED 32768 for a file that is no VHDX or a lost share.
        """
        ...

    # -- checkpoints ---------------------------------------------------------------------
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
        """Start `CreateSnapshot`.

        A recovery request freezes with `consistency` (application, or crash). Full and disk
        requests make a realized checkpoint as the VM's `user_snapshot_type` says: production
        (falls back to standard), production-only (fails), standard, disabled (refused).
        When done: affected (checkpoint, effect 5) and (vm, effect 0).
        Refused: INVALID_STATE 32775 while migrating, merging or checkpointing.
        """
        ...

    def destroy_checkpoint(self, guid: str, *, node: str, tree: bool = False) -> Job:
        """Start `DestroySnapshot` (`tree`: with its descendants).

        The object is gone when the job ends; the merge runs afterwards, see `merges`.
        """
        ...

    def apply_checkpoint(self, guid: str, *, node: str) -> Job:
        """Start `ApplySnapshot`. Refused INVALID_STATE unless the VM is off or saved."""
        ...

    def clear_checkpoint_state(self, guid: str, *, node: str) -> Job:
        """Start `ClearSnapshotState`: drop the saved state of a standard checkpoint."""
        ...

    # -- machines ------------------------------------------------------------------------
    def request_power(self, vm: str, requested: int, *, node: str) -> Job:
        """Start `RequestStateChange`: 2 start, 3 off, 6 save, 9 pause, 10 reboot, 11 reset.

        4 (guest shut-down) is accepted as `Msvm_ShutdownComponent.InitiateShutdown` would be.
        Refused: INVALID_STATE for a transition that cannot be, INVALID_PARAMETER otherwise.
        """
        ...

    def modify_vm(self, vm: str, changes: VmChanges, *, node: str) -> None:
        """Change settings of the VM itself."""
        ...

    def modify_checkpoint(self, guid: str, changes: VmChanges, *, node: str) -> None:
        """Change `name` and `notes` of a checkpoint; other settings are refused 32773."""
        ...

    def modify_disk(self, vm: str, slot: str, path: str, *, node: str) -> None:
        """Point a disk at another file (`HostResource`); the VM must be off, no checkpoints."""
        ...

    def define_vm(self, definition: VmDefinition, *, node: str) -> Vm:
        """Register a VM (off) whose files exist already; `DefineSystem` or an import.

        Refused: FILE_NOT_FOUND for a missing disk, INVALID_PARAMETER for a GUID in use.
        """
        ...

    def add_controller(self, vm: str, kind: ControllerKind, *, node: str) -> Controller:
        """Add a controller to a VM that is off (`AddResourceSettings`)."""
        ...

    def add_disk(self, vm: str, disk: NewDisk, *, node: str) -> Disk:
        """Attach an existing file to a VM (`AddResourceSettings` with a disk SASD)."""
        ...

    def destroy_vm(self, vm: str, *, node: str) -> Job:
        """Start `DestroySystem`: unregister the VM and its checkpoints; files stay.

        Refused INVALID_STATE while it runs or while a checkpoint operation runs [R].
        """
        ...

    def cancel_job(self, guid: str, requested: int, *, node: str) -> None:
        """`RequestStateChange` of a job: 4 terminate, 5 kill.

        Refused INVALID_TRANSITION 4097 for a finished or stuck job, INVALID_STATE 32775 for
        one that cannot be cancelled.
        """
        ...

    # -- the cluster ---------------------------------------------------------------------
    def live_migrate(self, vm: str, to_node: str) -> None:
        """Move a VM to another node of its cluster at once; its jobs stay behind and vanish."""
        ...

    def fail_node(self, name: str) -> None:
        """Crash a node: its jobs are gone, its VMs restart on the nodes that are up."""
        ...

    def restore_node(self, name: str) -> None:
        """Bring a failed or paused node back up; VMs stay where they are."""
        ...

    def pause_node(self, name: str) -> None:
        """Pause a node: its VMs run on, no new ones come."""
        ...
