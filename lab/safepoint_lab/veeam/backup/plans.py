"""What one run of a job shall do for one VM: which disks, how frozen, full or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safepoint_lab.veeam.fabric import VeeamFabric
from safepoint_lab.veeam.records import Exclusion, Job, RestorePoint, Server
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.world.enums import Consistency
from safepoint_lab.world.model import CheckpointDisk, Vm

__all__ = ["VmPlan", "chosen_disks", "plan_vm", "resolve_vms"]

_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class VmPlan:
    """How one VM is processed. `fallback` is a weaker freeze that may be taken with a warning."""

    consistency: Consistency
    fallback: bool
    full: bool
    synthetic: bool

    @property
    def algorithm(self) -> str:
        """The task session's word for it."""
        if not self.full:
            return "Increment"
        return "Synthetic" if self.synthetic else "Full"


def resolve_vms(shelf: Shelf, fabric: VeeamFabric, job: Job) -> list[Vm]:
    """Return the VMs a job means now: containers are looked into at every run [D]."""
    machines = job.body["virtualMachines"]
    found = {vm.guid: vm for item in machines["includes"] for vm in _expand(shelf, fabric, item)}
    out = [*machines.get("excludes", {}).get("vms", ())]
    out += [exclusion.object for exclusion in shelf.all(Exclusion)]
    for item in out:
        for vm in _expand(shelf, fabric, item):
            found.pop(vm.guid, None)
    return sorted(found.values(), key=lambda vm: vm.name)


def plan_vm(
    shelf: Shelf, job: Job, vm: Vm, points: list[RestorePoint], now: datetime, *, active: bool
) -> VmPlan:
    """Return how a VM is processed in a run that may be an active full."""
    consistency, fallback = _freeze(shelf, job, vm)
    advanced = job.body["storage"]["advancedSettings"]
    today = any(point.full and point.created_at.date() == now.date() for point in points)
    active = active or (_due(advanced.get("activeFulls", {}), now) and not today)
    synthetic = _due(advanced.get("synthenticFulls", {}), now) and not today
    full = active or synthetic or not points
    return VmPlan(consistency, fallback, full, synthetic and bool(points) and not active)


def chosen_disks(job: Job, vm: Vm, disks: list[CheckpointDisk]) -> list[CheckpointDisk]:
    """Return the frozen disks a job processes.

    Disks are named ``controller:slot``, by analogy [X]; the system disk is the first.
    """
    rules = job.body["virtualMachines"].get("excludes", {}).get("disks", ())
    for rule in rules:
        if rule["vmObject"]["objectId"].upper() == vm.guid:
            if rule["disksToProcess"] == "SystemOnly":
                return disks[:1]
            if rule["disksToProcess"] == "SelectedDisks":
                return [item for item in disks if f"{item.controller}:{item.lun}" in rule["disks"]]
    return disks


def _expand(shelf: Shelf, fabric: VeeamFabric, item: dict[str, Any]) -> list[Vm]:
    if item["type"] == "VirtualMachine":
        vm = fabric.vm(item["objectId"])
        return [] if vm is None else [vm]
    server = shelf.find(Server, item["objectId"])
    if server is None:
        return []
    names = {server.name} if server.type == "HvServer" else set(server.children)
    nodes = [node for name in sorted(names) if (node := fabric.node(name))]
    return [vm for node in nodes for vm in fabric.vms(node=node.name)]


def _freeze(shelf: Shelf, job: Job, vm: Vm) -> tuple[Consistency, bool]:
    guest = job.body["guestProcessing"]["appAwareProcessing"]
    if guest["isEnabled"]:
        mode = "RequireSuccess"
        for item in guest.get("appSettings", ()):
            if _means(shelf, item["vmObject"], vm):
                mode = item["vss"]
        if mode != "Disabled":
            return Consistency.APPLICATION, mode == "IgnoreFailures"
    quiesce = job.body["storage"]["advancedSettings"].get("hyperV", {}).get("guestQuiescence", {})
    if quiesce.get("isEnabled"):
        return Consistency.APPLICATION, bool(quiesce.get("crashConsistentBackup"))
    return Consistency.CRASH, False


def _means(shelf: Shelf, item: dict[str, Any], vm: Vm) -> bool:
    if item["type"] == "VirtualMachine":
        return bool(item["objectId"].upper() == vm.guid)
    server = shelf.find(Server, item["objectId"])
    if server is None:
        return False
    names = {name.split(".")[0] for name in (server.children or [server.name])}
    return vm.node in names


def _due(rule: dict[str, Any], now: datetime) -> bool:
    """Tell whether a weekly full is due today; monthly ones are due on their day of month."""
    if not rule.get("isEnabled"):
        return False
    local = now.astimezone()
    weekly, monthly = rule.get("weekly", {}), rule.get("monthly", {})
    by_week = weekly.get("isEnabled") and _DAY_NAMES[local.weekday()] in weekly.get("days", ())
    by_month = monthly.get("isEnabled") and monthly.get("dayOfMonth") == local.day
    return bool(by_week or by_month)
