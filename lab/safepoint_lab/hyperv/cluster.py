"""`root/MSCluster`: the failover cluster as any of its nodes sees it.

A group and two resources a VM. The VM's GUID is in the private properties of its resource; that
these come as a nested typed object is [I], as is the name of that object's class.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safepoint_lab.hyperv.host import Host
from safepoint_lab.hyperv.schemas import MSCLUSTER
from safepoint_lab.world.enums import NodeState, PowerState
from safepoint_lab.world.model import Cluster, Vm
from safepoint_lab.wsman.values import CimInstance, CimReference, CimValue

__all__ = [
    "cluster_rows",
    "group_resource_rows",
    "group_rows",
    "node_group_rows",
    "node_resource_rows",
    "node_rows",
    "resource_rows",
]

_NAMESPACE = uuid.UUID("0d9c5a52-6a0e-4c8e-9a55-5a1c6f1f7b10")
_VIRTUAL_MACHINE_GROUP = 111
_ONLINE, _OFFLINE = 0, 1
_RESOURCE_ONLINE, _RESOURCE_OFFLINE = 2, 3
_BROKER_GROUP = 117
_BROKER = "Virtual Machine Replication Broker"
_VM = "Virtual Machine"
_CONFIGURATION = "Virtual Machine Configuration"


def cluster_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the cluster this node belongs to."""
    cluster = _cluster(host)
    yield _instance("MSCluster_Cluster", Name=cluster.name, FQDN=cluster.fqdn, Status="OK")


def node_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the nodes of the cluster with their states."""
    for node in host.world.nodes(host.node.cluster):
        yield _instance(
            "MSCluster_Node",
            Name=node.name,
            Id=node.guid,
            State=int(node.state),
            Status="OK" if node.state is NodeState.UP else "Degraded",
            BuildNumber=int(node.os_build),
            NodeWeight=1,
        )


def group_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield one group a VM, and that of the replica broker."""
    broker = _broker(host)
    if broker is not None:
        yield _instance(
            "MSCluster_ResourceGroup",
            Name=broker.name,
            Id=broker.identifier("group"),
            GroupType=_BROKER_GROUP,
            State=_ONLINE,
            OwnerNode=broker.node,
            IsCore=False,
        )
    for vm in _machines(host):
        yield _instance(
            "MSCluster_ResourceGroup",
            Name=vm.name,
            Id=_identifier(vm, "group"),
            GroupType=_VIRTUAL_MACHINE_GROUP,
            State=_ONLINE if _runs(vm) else _OFFLINE,
            OwnerNode=vm.node,
            IsCore=False,
        )


def resource_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the two resources of every VM, and those of the replica broker."""
    broker = _broker(host)
    if broker is not None:
        yield from broker.resources()
    for vm in _machines(host):
        yield _resource(vm, _VM, _RESOURCE_ONLINE if _runs(vm) else _RESOURCE_OFFLINE)
        yield _resource(vm, _CONFIGURATION, _RESOURCE_ONLINE)


def node_group_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield node to the groups it owns."""
    for vm in _machines(host):
        yield _pair("MSCluster_NodeToActiveGroup", _node(vm), _group(vm))


def node_resource_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield node to the resources it owns."""
    for vm in _machines(host):
        for kind in (_VM, _CONFIGURATION):
            resource = _named("MSCluster_Resource", f"{kind} {vm.name}")
            yield _pair("MSCluster_NodeToActiveResource", _node(vm), resource)


def group_resource_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield group to its resources."""
    for vm in _machines(host):
        for kind in (_VM, _CONFIGURATION):
            resource = _named("MSCluster_Resource", f"{kind} {vm.name}")
            yield _pair("MSCluster_ResourceGroupToResource", _group(vm), resource)


def _broker(host: Host) -> _Broker | None:
    """Return the broker role; its owner is the first node that is up."""
    cluster = _cluster(host)
    up = [each.name for each in host.world.nodes(cluster.name) if each.state is NodeState.UP]
    name, _, suffix = cluster.broker.partition(".")
    return _Broker(name, suffix, (up or cluster.nodes)[0]) if name else None


@dataclass(frozen=True, slots=True)
class _Broker:
    """The Hyper-V Replica Broker: a group with a client access point; its wire form is [I]."""

    name: str
    suffix: str
    node: str

    def identifier(self, part: str) -> str:
        """Return the identity of the group or one of its resources."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.name}.{self.suffix}/{part}"))

    def resources(self) -> Iterator[CimInstance]:
        """Yield the network name and the broker itself."""
        point = _instance(
            "MSCluster_Property_NetworkName",
            Name=self.name,
            DnsName=self.name,
            DnsSuffix=self.suffix,
        )
        for kind, name, private in (
            ("Network Name", self.name, point),
            (_BROKER, f"{_BROKER} {self.name}", None),
        ):
            yield _instance(
                "MSCluster_Resource",
                Name=name,
                Id=self.identifier(kind),
                Type=kind,
                OwnerGroup=self.name,
                OwnerNode=self.node,
                State=_RESOURCE_ONLINE,
                CoreResource=False,
                PrivateProperties=private,
            )


def _cluster(host: Host) -> Cluster:
    return next(c for c in host.world.clusters() if c.name == host.node.cluster)


def _machines(host: Host) -> Iterator[Vm]:
    return (vm for vm in host.world.vms(cluster=host.node.cluster) if not vm.planned)


def _resource(vm: Vm, kind: str, state: int) -> CimInstance:
    private = _instance("MSCluster_Property_VirtualMachine", VmID=vm.guid)
    return _instance(
        "MSCluster_Resource",
        Name=f"{kind} {vm.name}",
        Id=_identifier(vm, kind),
        Type=kind,
        OwnerGroup=vm.name,
        OwnerNode=vm.node,
        State=state,
        CoreResource=False,
        PrivateProperties=private,
    )


def _runs(vm: Vm) -> bool:
    return vm.power in {PowerState.RUNNING, PowerState.PAUSED}


def _identifier(vm: Vm, part: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{vm.guid}/{part}"))


def _node(vm: Vm) -> CimReference:
    return _named("MSCluster_Node", vm.node)


def _group(vm: Vm) -> CimReference:
    return _named("MSCluster_ResourceGroup", vm.name)


def _named(class_name: str, name: str) -> CimReference:
    return CimReference(MSCLUSTER, class_name, (("Name", name),))


def _pair(class_name: str, group: CimReference, part: CimReference) -> CimInstance:
    return _instance(class_name, GroupComponent=group, PartComponent=part)


def _instance(class_name: str, **properties: CimValue) -> CimInstance:
    return CimInstance(MSCLUSTER, class_name, properties)
