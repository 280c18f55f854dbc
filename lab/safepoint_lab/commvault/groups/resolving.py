"""Which VMs a group means now: its rules are looked at anew for every job."""

from __future__ import annotations

import fnmatch
import ntpath
from collections.abc import Callable
from typing import Any

from safepoint_lab.commvault.fabric import CommvaultFabric
from safepoint_lab.commvault.records import Hypervisor, RestorePoint, VmGroup
from safepoint_lab.commvault.shelf import Shelf
from safepoint_lab.commvault.vocabulary import Content
from safepoint_lab.products.disks import base_of
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.model import Vm

__all__ = ["Resolver"]

_ON = ("1", "true")


class Resolver:
    """Matches VMs of the world with content rules.

    The outermost rules add up (one that fits is enough); inside a group `allOrAnyChildren` says
    all or any. What the outermost level means in the product is not known for certain [?].
    Rules over things that the lab has not (tags, folders, volumes of a cluster) match no VM.
    """

    def __init__(self, shelf: Shelf, fabric: CommvaultFabric) -> None:
        self._shelf = shelf
        self._fabric = fabric

    def group(self, group: VmGroup) -> list[Vm]:
        """Return the VMs of a group by name; the default group has what no other one has."""
        hypervisor = self._shelf.find(Hypervisor, group.hypervisor_id)
        if hypervisor is None:
            return []
        if group.is_default and not group.content:
            others = self._shelf.where(
                VmGroup,
                lambda item: item.hypervisor_id == hypervisor.id and item.id != group.id,
            )
            taken = {vm.guid for item in others for vm in self.group(item)}
            everything = self._fabric.protected_by(hypervisor.host_name)
            return [vm for vm in everything if vm.guid not in taken]
        return self.content(hypervisor, group.content, group.filters)

    def owners(self, hypervisor: Hypervisor) -> dict[str, VmGroup]:
        """Return for each VM the group that has it: the first by id, the default one last."""
        groups = self._shelf.where(VmGroup, lambda item: item.hypervisor_id == hypervisor.id)
        found: dict[str, VmGroup] = {}
        for group in sorted(groups, key=lambda item: (item.is_default, item.id)):
            if group.is_default and not group.content:
                everything = self._fabric.protected_by(hypervisor.host_name)
                machines = [vm for vm in everything if vm.guid not in found]
            else:
                machines = self.group(group)
            for vm in machines:
                found.setdefault(vm.guid, group)
        return found

    def content(
        self, hypervisor: Hypervisor, content: list[dict[str, Any]], filters: list[dict[str, Any]]
    ) -> list[Vm]:
        """Return the VMs that content takes in and filters leave, by name."""
        everything = self._fabric.protected_by(hypervisor.host_name)
        found = [
            vm
            for vm in everything
            if any(self._fits(rule, vm) for rule in content)
            and not any(self._fits(rule, vm) for rule in filters)
        ]
        return sorted(found, key=lambda vm: vm.name.casefold())

    def _fits(self, rule: dict[str, Any], vm: Vm) -> bool:
        if "children" in rule:
            results = [self._fits(item, vm) for item in rule["children"]]
            return bool(results) and (all if rule["allOrAnyChildren"] else any)(results)
        tests: dict[int, Callable[[dict[str, Any], Vm], bool]] = {
            Content.VM: _by_guid,
            Content.VM_NAME: lambda item, of: _like(item, of.name),
            Content.SERVER: self._on_server,
            Content.CLUSTER: self._in_cluster,
            Content.SMB_SHARE: lambda item, of: _on_share(item, of, whole=True),
            Content.FILE_SERVER: lambda item, of: _on_share(item, of, whole=False),
            Content.VM_POWER_STATE: _by_power,
            Content.VM_GUEST_OS: lambda item, of: _like(item, of.guest_os.value),
            Content.VM_GUEST_HOST_NAME: lambda item, of: _like(item, of.name),
            Content.VM_NOTES: lambda item, of: any(_like(item, note) for note in of.notes),
            Content.UNPROTECTED_VMS: lambda _, of: self._is_unprotected(of),
            Content.ROOT: lambda _item, _of: True,
        }
        test = tests.get(rule["type"])
        if test is None:
            return False
        wanted: bool = rule["equalsOrNotEquals"]
        return test(rule, vm) is wanted

    def _on_server(self, rule: dict[str, Any], vm: Vm) -> bool:
        node = self._fabric.node(vm.node)
        names = (vm.node,) if node is None else (node.name, node.hostname)
        return any(_like(rule, name) for name in names)

    def _in_cluster(self, rule: dict[str, Any], vm: Vm) -> bool:
        cluster = self._fabric.cluster(vm.cluster)
        return cluster is not None and any(
            _like(rule, name) for name in (cluster.name, cluster.fqdn)
        )

    def _is_unprotected(self, vm: Vm) -> bool:
        return not self._shelf.where(RestorePoint, lambda point: point.vm == vm.guid)


def _like(rule: dict[str, Any], shown: str) -> bool:
    pattern = rule["displayName"] or rule["name"]
    return fnmatch.fnmatchcase(shown.casefold(), pattern.casefold())


def _by_guid(rule: dict[str, Any], vm: Vm) -> bool:
    """A rule for a VM names it by GUID; one without a GUID by its name."""
    if rule["name"]:
        return bool(rule["name"].casefold() == vm.guid.casefold())
    return bool(rule["displayName"].casefold() == vm.name.casefold())


def _by_power(rule: dict[str, Any], vm: Vm) -> bool:
    wanted: str = rule["value"] or rule["name"] or rule["displayName"]
    return (vm.power is PowerState.RUNNING) == (wanted.casefold() in _ON)


def _on_share(rule: dict[str, Any], vm: Vm, *, whole: bool) -> bool:
    """Tell whether a disk of a VM lies on a share, or on a file server."""
    for disk in vm.disks:
        if disk.passthrough:
            continue
        share = ntpath.splitdrive(base_of(disk, disk.path))[0]
        server = share.strip("\\").split("\\")[0]
        if _like(rule, share if whole else server):
            return True
    return False
