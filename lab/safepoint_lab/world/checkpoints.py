"""The snapshot service: create, delete, apply and clear checkpoints as jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from safepoint_lab.world import errors
from safepoint_lab.world.enums import (
    BusyStatus,
    CheckpointType,
    Consistency,
    GuestBackupType,
    JobType,
    PowerState,
    ReturnValue,
    ServiceStatus,
    SnapshotRequest,
    UserSnapshotType,
)
from safepoint_lab.world.freezing import FreezeOrder, Freezer
from safepoint_lab.world.jobs import JobDesk, JobOrder, JobOutcome
from safepoint_lab.world.merging import MergeCrew
from safepoint_lab.world.model import AffectedElement, Checkpoint, Job, NotHereError, Refused, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.reverting import Reverter
from safepoint_lab.world.sharestate import ShareState

__all__ = ["CHECKPOINT_LIMIT", "CheckpointDesk", "CheckpointWish"]

CHECKPOINT_LIMIT = 50
"""Commonly published figure; no source read confirmed it [I]."""

_SERVICE = "Msvm_VirtualSystemSnapshotService"
_CREATE = f"{_SERVICE}.CreateSnapshot"


@dataclass(frozen=True, slots=True)
class CheckpointWish:
    """The arguments of `CreateSnapshot`."""

    request: SnapshotRequest
    consistency: Consistency
    guest_backup_type: GuestBackupType
    ignore_non_snapshottable: bool
    by_wire: bool = False


class CheckpointDesk:
    """The methods of the snapshot service over the registry."""

    def __init__(
        self,
        registry: Registry,
        jobs: JobDesk,
        freezer: Freezer,
        reverter: Reverter,
        merges: MergeCrew,
        shares: ShareState,
        unregister: Callable[[Vm], None],
    ) -> None:
        self._registry = registry
        self._jobs = jobs
        self._freezer = freezer
        self._reverter = reverter
        self._merges = merges
        self._shares = shares
        self._unregister = unregister
        self.on_applied: Callable[[Vm], None] = _tell_nobody

    def create(self, guid: str, node: str, wish: CheckpointWish) -> Job:
        """Start CreateSnapshot; see `WorldPort.create_checkpoint`."""
        with self._registry.lock:
            vm = self._registry.vm(guid, node=node)
            self._registry.require_service(node)
            self._meet_faults(vm)
            self._require_idle(vm, (None,))
            if self._is_disabled(vm, wish):
                raise Refused(ReturnValue.INVALID_STATE, "checkpoints of this VM are disabled")
            work = partial(self._create, vm, wish)
            seconds = self._registry.timings.draw(self._registry.timings.create)
            return self._begin(vm, BusyStatus.CREATING_SNAPSHOT, JobType.SNAPSHOT, seconds, work)

    def destroy(self, guid: str, node: str, *, tree: bool) -> Job:
        """Start DestroySnapshot (or DestroySnapshotTree)."""
        with self._registry.lock:
            checkpoint, vm = self._checkpoint(guid, node)
            self._require_idle(vm, (None, BusyStatus.MERGING_DISKS))
            doomed = self._family(checkpoint) if tree else [checkpoint]
            work = partial(self._destroy, vm, doomed)
            seconds = self._registry.timings.draw(self._registry.timings.destroy)
            busy = BusyStatus.DELETING_SNAPSHOT
            return self._begin(vm, busy, JobType.DELETE_SNAPSHOT, seconds, work)

    def apply(self, guid: str, node: str) -> Job:
        """Start ApplySnapshot; the VM must be off or saved."""
        with self._registry.lock:
            checkpoint, vm = self._checkpoint(guid, node)
            if vm.power not in (PowerState.OFF, PowerState.SAVED):
                raise Refused(ReturnValue.INVALID_STATE, "the VM must be off or saved")
            self._require_idle(vm, (None,))
            work = partial(self._apply, vm, checkpoint)
            seconds = self._registry.timings.draw(self._registry.timings.apply)
            busy = BusyStatus.APPLYING_SNAPSHOT
            return self._begin(vm, busy, JobType.APPLY_SNAPSHOT, seconds, work)

    def clear_state(self, guid: str, node: str) -> Job:
        """Start ClearSnapshotState."""
        with self._registry.lock:
            checkpoint, vm = self._checkpoint(guid, node)
            self._require_idle(vm, (None,))
            work = partial(self._clear, checkpoint)
            seconds = self._registry.timings.draw(self._registry.timings.destroy)
            return self._begin(vm, None, JobType.CLEAR_SNAPSHOT_STATE, seconds, work)

    def plant(
        self,
        vm: Vm,
        name: str,
        kind: CheckpointType = CheckpointType.RECOVERY,
        age: timedelta = timedelta(),
    ) -> Checkpoint:
        """Put a checkpoint on a VM, at once, as if somebody had made it that long ago."""
        by_hand = kind is not CheckpointType.RECOVERY
        consistency = Consistency.STANDARD if by_hand else Consistency.CRASH
        order = FreezeOrder(vm, name, kind, consistency, GuestBackupType.FULL)
        made = self._freezer.freeze(order)
        with self._registry.lock:
            made.created_at -= age
            self._registry.save(made)
        return made

    def _checkpoint(self, guid: str, node: str) -> tuple[Checkpoint, Vm]:
        checkpoint = self._registry.checkpoint(guid, node=node)
        self._registry.require_service(node)
        return checkpoint, self._registry.vm(checkpoint.vm)

    def _begin(
        self,
        vm: Vm,
        busy: BusyStatus | None,
        job_type: JobType,
        seconds: float,
        work: Callable[[], JobOutcome],
    ) -> Job:
        caption, operation = _NAMES[job_type]
        vm.busy = busy
        return self._jobs.begin(
            JobOrder(
                node=vm.node,
                type=job_type,
                caption=caption,
                seconds=seconds,
                work=work,
                ended=partial(self._rest, vm),
                vm=vm.key,
                operation=operation,
            )
        )

    def _rest(self, vm: Vm) -> None:
        """A job ended: the VM is idle, or goes on merging what the job left to merge."""
        vm.busy = BusyStatus.MERGING_DISKS if self._registry.merging(vm.key) else None

    def _meet_faults(self, vm: Vm) -> None:
        """Let armed faults refuse the call (or take the VM away) before anything happens."""
        if self._registry.struck("vm-removed", vm, _CREATE) is not None:
            self._unregister(vm)
            message = f"VM {vm.guid} was removed"
            raise NotHereError(message)
        refusal = self._registry.struck("create-refused", vm, _CREATE)
        if refusal is not None:
            raise Refused(int(refusal["return_value"]), "refused by an armed fault")
        others = self._registry.checkpoints_of(vm.key)
        if any(item.type is CheckpointType.RECOVERY for item in others) and (
            self._registry.struck("second-recovery-refused", vm, _CREATE) is not None
        ):
            raise Refused(ReturnValue.INVALID_STATE, "a recovery checkpoint exists")

    def _require_idle(self, vm: Vm, allowed: tuple[BusyStatus | None, ...]) -> None:
        if vm.busy not in allowed:
            raise Refused(ReturnValue.INVALID_STATE, f"the VM is busy: {vm.busy!r}")

    def _is_disabled(self, vm: Vm, wish: CheckpointWish) -> bool:
        user = wish.request is not SnapshotRequest.RECOVERY
        return user and vm.user_snapshot_type is UserSnapshotType.DISABLED

    def _create(self, vm: Vm, wish: CheckpointWish) -> JobOutcome:
        self._check_possible(vm, wish)
        consistency = self._consistency(vm, wish)
        recovery = wish.request is SnapshotRequest.RECOVERY
        stamp = self._registry.now(vm.node).strftime("%m/%d/%Y - %H:%M:%S")
        order = FreezeOrder(
            vm=vm,
            name=f"{vm.name} - ({stamp})",
            type=CheckpointType.RECOVERY if recovery else CheckpointType.REALIZED,
            consistency=consistency,
            guest_backup_type=wish.guest_backup_type,
            by_wire=wish.by_wire,
        )
        checkpoint = self._freezer.freeze(order)
        return JobOutcome(
            [AffectedElement("checkpoint", checkpoint.guid, 5), AffectedElement("vm", vm.guid, 0)]
        )

    def _check_possible(self, vm: Vm, wish: CheckpointWish) -> None:
        """Fail as a host would before it freezes anything."""
        if self._shares.is_offline(vm.disks[0].path):
            raise errors.share_gone(vm.name, vm.disks[0].path)
        if any(disk.passthrough for disk in vm.disks) and not wish.ignore_non_snapshottable:
            raise errors.not_snapshottable(vm.name)
        if len(self._registry.checkpoints_of(vm.key)) >= CHECKPOINT_LIMIT:
            raise errors.too_many_checkpoints(vm.name, CHECKPOINT_LIMIT)
        if self._registry.struck("stale-autorecovery", vm, _CREATE) is not None:
            raise errors.file_exists(vm.name, self._shares.leave_stale_file(vm))
        is_full = self._shares.is_full(vm.disks[0].path)
        if is_full or self._registry.struck("disk-full", vm, _CREATE) is not None:
            raise errors.disk_full(vm.name)

    def _consistency(self, vm: Vm, wish: CheckpointWish) -> Consistency:
        """Decide what the checkpoint really becomes, or fail when the guest cannot rest."""
        recovery = wish.request is SnapshotRequest.RECOVERY
        kind = vm.user_snapshot_type
        if (recovery and wish.consistency is Consistency.CRASH) or (
            not recovery and kind is UserSnapshotType.STANDARD
        ):
            return Consistency.CRASH if recovery else Consistency.STANDARD
        if vm.power is PowerState.OFF:
            return Consistency.APPLICATION
        may_fall_back = not recovery and kind is UserSnapshotType.PRODUCTION
        fallback = Consistency.CRASH if recovery else Consistency.STANDARD
        if self._registry.struck("silent-fallback", vm, _CREATE) is not None:
            return fallback
        writer = self._registry.struck("vss-writer-failed", vm, _CREATE)
        if writer is not None and not may_fall_back:
            raise errors.writer_failed(vm.name, writer["hresult"])
        if writer is None and self._can_rest(vm):
            return Consistency.APPLICATION
        if may_fall_back:
            return fallback
        raise errors.no_production_checkpoint(vm.name)

    def _can_rest(self, vm: Vm) -> bool:
        works = vm.vss_enabled and vm.vss_status is ServiceStatus.OK and vm.guest_quiesces
        return works and vm.power is PowerState.RUNNING

    def _destroy(self, vm: Vm, doomed: list[Checkpoint]) -> JobOutcome:
        for checkpoint in doomed:
            self._reverter.forget(vm, checkpoint)
        self._merges.tidy(vm)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _apply(self, vm: Vm, checkpoint: Checkpoint) -> JobOutcome:
        self._reverter.apply(vm, checkpoint)
        self._merges.tidy(vm)
        self.on_applied(vm)
        return JobOutcome([AffectedElement("vm", vm.guid, 0)])

    def _clear(self, checkpoint: Checkpoint) -> JobOutcome:
        with self._registry.lock:
            checkpoint.has_saved_state = False
            self._registry.save(checkpoint)
        return JobOutcome([AffectedElement("checkpoint", checkpoint.guid, 0)])

    def _family(self, root: Checkpoint) -> list[Checkpoint]:
        """Return a checkpoint and its descendants, descendants first."""
        children = [
            item for item in self._registry.checkpoints_of(root.vm) if item.parent == root.guid
        ]
        return [member for child in children for member in self._family(child)] + [root]


_NAMES = {
    JobType.SNAPSHOT: ("Creating Virtual Machine Checkpoint", _CREATE),
    JobType.DELETE_SNAPSHOT: (
        "Deleting Virtual Machine Checkpoint",
        f"{_SERVICE}.DestroySnapshot",
    ),
    JobType.APPLY_SNAPSHOT: ("Applying Virtual Machine Checkpoint", f"{_SERVICE}.ApplySnapshot"),
    JobType.CLEAR_SNAPSHOT_STATE: ("Clearing Checkpoint State", f"{_SERVICE}.ClearSnapshotState"),
}


def _tell_nobody(vm: Vm) -> None:
    """Nobody else depends on what the VM's disks hold."""
