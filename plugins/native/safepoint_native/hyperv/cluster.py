"""Who owns which VM: asked of the failover cluster, or of every node in turn.

A VM's objects exist only on the node that owns it, and it may move at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safepoint.errors import NotFoundError, ProtocolError
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.instance_text import parse_instance_text
from safepoint_native.cim.values import CimRow
from safepoint_native.cim.wql import guid, literal
from safepoint_native.hyperv.inventory import machine_ids
from safepoint_native.hyperv.schema import CIMV2, MSCLUSTER

__all__ = [
    "ClusterView",
    "NodeState",
    "owners_by_listing",
    "read_cluster",
    "read_connection_point",
]


class NodeState(StrEnum):
    """State of a cluster node."""

    UP = "up"
    DOWN = "down"
    PAUSED = "paused"
    JOINING = "joining"
    UNKNOWN = "unknown"


_NODE_STATES: Final = {
    0: NodeState.UP,
    1: NodeState.DOWN,
    2: NodeState.PAUSED,
    3: NodeState.JOINING,
}


@dataclass(frozen=True)
class ClusterView:
    """A failover cluster as one of its nodes sees it."""

    name: str
    nodes: Mapping[str, NodeState]
    owners: Mapping[str, str]
    """VM GUID → node that owns it."""


def read_cluster(client: CimClient) -> ClusterView | None:
    """Return the cluster this node belongs to; None when it is in none.

    None also means that the cluster service's provider is not loaded, as for a while after a
    node has started. Then `owners_by_listing` still answers.
    """
    try:
        names = client.query(MSCLUSTER, "SELECT * FROM MSCluster_Cluster")
    except NotFoundError:
        return None
    if not names:
        return None
    nodes = client.query(MSCLUSTER, "SELECT * FROM MSCluster_Node")
    kind = literal("Virtual Machine")
    wql = f"SELECT * FROM MSCluster_Resource WHERE Type = {kind}"  # noqa: S608  (constants)
    resources = client.query(MSCLUSTER, wql)
    return ClusterView(
        name=names[0].need_text("Name"),
        nodes={row.need_text("Name"): _node_state(row) for row in nodes},
        owners=dict(_owner(row) for row in resources),
    )


def owners_by_listing(clients: Mapping[str, CimClient]) -> dict[str, str]:
    """Return VM GUID → node by listing every node; raises when one cannot be listed.

    Raises:
        ProtocolError: two nodes claim the same VM.
    """
    owners: dict[str, str] = {}
    for node, client in clients.items():
        for vm_id in machine_ids(client):
            if vm_id in owners:
                msg = f"both {owners[vm_id]} and {node} claim the VM {vm_id}"
                raise ProtocolError(msg, hint="It may be moving right now; look again.")
            owners[vm_id] = node
    return owners


def _node_state(row: CimRow) -> NodeState:
    number = row.integer("State")
    return _NODE_STATES.get(-1 if number is None else number, NodeState.UNKNOWN)


def _owner(row: CimRow) -> tuple[str, str]:
    """Read VM id and owner of a cluster resource.

    The id stands in the private properties; whether those come as elements or as text is
    inference, so both are read.
    """
    for private in _private(row):
        if "VmID" in private:
            return guid(private.need_text("VmID")), row.need_text("OwnerNode")
    msg = f"the cluster resource {row.text('Name')!r} does not say which VM it runs"
    raise ProtocolError(msg)


def read_connection_point(client: CimClient) -> str:
    """Return the name under which others send replicas here.

    That of the cluster's replica broker, else that of the host. How a broker shows in the
    cluster's objects is inference.

    Raises:
        ProtocolError: neither can be read.
    """
    broker = _broker_name(client)
    if broker:
        return broker
    rows = client.query(CIMV2, "SELECT * FROM Win32_ComputerSystem")
    if not rows:
        msg = f"{client.node}: the host does not say how it is called"
        raise ProtocolError(msg, operation="Enumerate", system=client.node)
    name = rows[0].text("DNSHostName") or rows[0].need_text("Name")
    domain = rows[0].text("Domain")
    return f"{name}.{domain}".lower() if domain else name.lower()


def _broker_name(client: CimClient) -> str:
    kind = literal("Virtual Machine Replication Broker")
    wql = f"SELECT * FROM MSCluster_Resource WHERE Type = {kind}"  # noqa: S608  (constants)
    try:
        brokers = client.query(MSCLUSTER, wql)
        kind = literal("Network Name")
        names = client.query(MSCLUSTER, f"SELECT * FROM MSCluster_Resource WHERE Type = {kind}")  # noqa: S608  (constants)
    except NotFoundError:
        return ""
    groups = {row.text("OwnerGroup") for row in brokers}
    for row in names:
        if row.text("OwnerGroup") in groups:
            for private in _private(row):
                if "DnsName" in private:
                    suffix = private.text("DnsSuffix")
                    name = private.need_text("DnsName")
                    return f"{name}.{suffix}" if suffix else name
    return ""


def _private(row: CimRow) -> Iterator[CimRow]:
    """Yield the private properties of a cluster resource, sent as elements or as text."""
    for item in row.items("PrivateProperties"):
        if isinstance(item, CimRow):
            yield item
        elif isinstance(item, str) and item:
            yield parse_instance_text(item, what="private properties of a cluster resource")
