"""Faults that happen to the world itself: when they are armed, or when a job starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from safepoint.errors import UsageError
from safepoint_lab.world.checkpoints import CheckpointDesk
from safepoint_lab.world.clustering import ClusterDesk
from safepoint_lab.world.enums import GuestOs, MergePhase, ServiceStatus
from safepoint_lab.world.faults import Armed
from safepoint_lab.world.jobs import JobControl, JobDesk, JobOrder, JobTwist
from safepoint_lab.world.merging import MergeCrew
from safepoint_lab.world.model import Node, Vm
from safepoint_lab.world.registry import Registry
from safepoint_lab.world.replication.desk import ReplicationDesk
from safepoint_lab.world.scheduler import Scheduler
from safepoint_lab.world.sharestate import ShareState

__all__ = ["HELD_UP", "Mishaps"]

HELD_UP = frozenset({"job-never-ends", "merge-stalls", "merge-fails"})
"""Faults that leave something waiting after they struck, until they are cleared."""

_TWISTS = {
    "job-warnings": JobTwist.WARN,
    "job-vanishes": JobTwist.VANISH,
    "job-never-ends": JobTwist.STICK,
    "job-killed": JobTwist.KILL,
}
_ENGLISH = "en-US"


class Mishaps:
    """Carries out the world's faults that are more than a refusal."""

    def __init__(
        self,
        registry: Registry,
        scheduler: Scheduler,
        jobs: JobDesk,
        cluster: ClusterDesk,
        shares: ShareState,
        merges: MergeCrew,
        checkpoints: CheckpointDesk,
        replication: ReplicationDesk,
    ) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._jobs = jobs
        self._cluster = cluster
        self._shares = shares
        self._merges = merges
        self._checkpoints = checkpoints
        self._replication = replication

    def when_armed(self, armed: Armed) -> None:
        """Do what a fault does at once; nothing for faults that wait for an operation."""
        strike = self._strikes().get(armed.fault.name)
        if strike is not None:
            strike(armed, {**armed.fault.parameters, **armed.parameters})

    def when_cleared(self, name: str) -> None:
        """Undo what a fault did for as long as it was armed."""
        undo = self._undoings().get(name)
        if undo is not None:
            undo()

    def undo_all(self) -> None:
        """Undo whatever faults of an earlier life of the lab still hold."""
        for undo in self._undoings().values():
            undo()

    def when_job_starts(self, order: JobOrder, control: JobControl) -> None:
        """Let armed faults decide how a job goes. The registry's lock is held."""
        vm = self._registry.vms.get(order.vm or "")
        if vm is None:
            return
        for name, twist in _TWISTS.items():
            parameters = self._registry.struck(name, vm, order.operation)
            if parameters is not None:
                control.twist(twist, percent=int(parameters.get("percent", "0")))
                return
        if self._registry.struck("vm-migrates", vm, order.operation) is not None:
            self._scheduler.after(order.seconds / 2, lambda: self._migrate(vm))
        parameters = self._registry.struck("vmms-restart", vm, order.operation)
        if parameters is not None:
            seconds = float(parameters["seconds"])
            node = order.node
            self._scheduler.after(order.seconds / 2, lambda: self._restart(node, seconds))
        parameters = self._registry.struck("node-fails-over", vm, order.operation)
        if parameters is not None:
            done = parameters["outcome"] == "done"
            control.twist(JobTwist.VANISH if done else JobTwist.DISCARD)
            control.then(lambda: self._cluster.fail(order.node))

    def _strikes(self) -> dict[str, Callable[[Armed, Mapping[str, str]], None]]:
        return {
            "share-offline": lambda _, values: self._shares.take_offline(values["share"]),
            "share-full": lambda _, values: self._shares.fill(
                values["share"], int(values["free_bytes"])
            ),
            "clock-skew": lambda armed, values: self._skew(armed, float(values["seconds"])),
            "localised": lambda armed, values: self._localise(armed, values["locale"]),
            "not-hyperv-admin": lambda armed, _: self._demote(armed),
            "no-guest-quiesce": lambda armed, _: self._mute(armed),
            "node-down": lambda armed, _: self._take_down(armed),
            "replica-changed": lambda armed, _: self._replication.disturb(self._vm(armed)),
            "foreign-recovery-checkpoint": lambda armed, values: self._plant(
                armed, values["name"]
            ),
        }

    def _undoings(self) -> dict[str, Callable[[], object]]:
        return {
            "share-offline": self._share_returns,
            "share-full": self._share_is_emptied,
            "clock-skew": lambda: self._skew(None, 0.0),
            "localised": lambda: self._localise(None, _ENGLISH),
            "not-hyperv-admin": self._promote,
            "no-guest-quiesce": self._unmute,
            "node-down": self._bring_up,
            "job-never-ends": self._jobs.release_stuck,
            "merge-stalls": lambda: self._merges.retry(MergePhase.STALLED),
            "merge-fails": lambda: self._merges.retry(MergePhase.FAILED),
        }

    def _nodes(self, armed: Armed | None) -> list[Node]:
        if armed is None or not armed.node:
            return list(self._registry.nodes.values())
        return [self._registry.node(armed.node)]

    def _vms(self, armed: Armed, os: GuestOs | None = None) -> list[Vm]:
        if armed.vm:
            return [self._registry.vm_named(armed.vm)]
        return [vm for vm in self._registry.sorted_vms() if os is None or vm.guest_os is os]

    def _skew(self, armed: Armed | None, seconds: float) -> None:
        for node in self._nodes(armed):
            node.clock_skew_seconds = seconds

    def _localise(self, armed: Armed | None, locale: str) -> None:
        for node in self._nodes(armed):
            node.locale = locale

    def _demote(self, armed: Armed) -> None:
        for node in self._nodes(armed):
            node.rights.hyperv_admin = False

    def _promote(self) -> None:
        for node in self._registry.nodes.values():
            node.rights.hyperv_admin = True

    def _mute(self, armed: Armed) -> None:
        """Take the daemon away; the host then hears nothing from the guest's service [I]."""
        for vm in self._vms(armed, GuestOs.LINUX):
            vm.guest_quiesces = False
            vm.vss_status = ServiceStatus.NO_CONTACT

    def _unmute(self) -> None:
        for vm in self._registry.vms.values():
            vm.guest_quiesces = True
            vm.vss_status = ServiceStatus.OK

    def _take_down(self, armed: Armed) -> None:
        for node in self._nodes(armed):
            self._cluster.fail(node.name)

    def _bring_up(self) -> None:
        for node in self._registry.nodes.values():
            self._cluster.restore(node.name)

    def _plant(self, armed: Armed, name: str) -> None:
        self._checkpoints.plant(self._vm(armed), name)

    def _vm(self, armed: Armed) -> Vm:
        if not armed.vm:
            message = "this fault needs a VM"
            raise UsageError(message, hint="Say which with --vm NAME.")
        return self._registry.vm_named(armed.vm)

    def _share_is_emptied(self) -> None:
        if self._shares.empty():
            self._merges.retry(MergePhase.FAILED)

    def _share_returns(self) -> None:
        self._shares.bring_back()
        self._merges.retry(MergePhase.FAILED)

    def _migrate(self, vm: Vm) -> None:
        target = self._cluster.other_node(vm)
        if target is not None:
            self._cluster.migrate(vm.key, target)

    def _restart(self, node: str, seconds: float) -> None:
        self._registry.suspend_service(node, seconds)
        self._jobs.forget_node(node, abort=False)
