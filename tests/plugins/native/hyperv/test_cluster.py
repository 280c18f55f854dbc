"""Who owns which VM: from the cluster when there is one, else from every node."""

from __future__ import annotations

from typing import Any

import pytest

from safepoint.errors import ProtocolError, UnreachableError
from safepoint_lab.hyperv import schemas
from safepoint_lab.wsman import CimInstance
from safepoint_native.hyperv.cluster import NodeState, owners_by_listing, read_cluster

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
B = "BBBBBBBB-6C1D-4E0E-9C55-3C2B7A6D1E02"
CLUSTER = schemas.MSCLUSTER


def cluster(host: Any, **owners: str) -> None:
    host.add("MSCluster_Cluster", CLUSTER, Name="HVCLU1")
    for number, name in enumerate(("hv01", "hv02", "hv03", "hv04", "hv05")):
        host.add("MSCluster_Node", CLUSTER, Name=name, State=number if number < 4 else -1)
    for vm_id, node in owners.items():
        private = CimInstance(CLUSTER, "MSCluster_Property_VirtualMachine", {"VmID": vm_id})
        host.add(
            "MSCluster_Resource",
            CLUSTER,
            Name=f"Virtual Machine {vm_id}",
            Type="Virtual Machine",
            OwnerNode=node,
            PrivateProperties=private,
        )
    host.add("MSCluster_Resource", CLUSTER, Name="Disk", Type="Physical Disk", OwnerNode="hv01")


def test_a_cluster_tells_nodes_and_owners(host: Any) -> None:
    cluster(host, **{A.lower(): "hv02", B: "hv01"})
    view = read_cluster(host.client)

    assert view is not None
    assert view.name == "HVCLU1"
    assert list(view.nodes.values()) == [
        NodeState.UP,
        NodeState.DOWN,
        NodeState.PAUSED,
        NodeState.JOINING,
        NodeState.UNKNOWN,
    ]
    assert view.owners == {A: "hv02", B: "hv01"}
    assert host.client.request_count == 3


def test_a_host_in_no_cluster_has_none(host: Any) -> None:
    assert read_cluster(host.client) is None

    host.lacks.add(CLUSTER)
    assert read_cluster(host.client) is None


def test_a_resource_that_does_not_name_its_vm_is_an_error(host: Any) -> None:
    cluster(host)
    host.add(
        "MSCluster_Resource",
        CLUSTER,
        Name="Virtual Machine x",
        Type="Virtual Machine",
        OwnerNode="hv01",
    )

    with pytest.raises(ProtocolError, match="does not say which VM"):
        read_cluster(host.client)


def test_every_node_is_listed_when_there_is_no_cluster(new_host: Any) -> None:
    one, two = new_host("hv01"), new_host("hv02")
    one.machine(A, "a")
    two.machine(B, "b")

    assert owners_by_listing({"hv01": one.client, "hv02": two.client}) == {A: "hv01", B: "hv02"}


def test_two_nodes_that_claim_one_vm_are_an_error(new_host: Any) -> None:
    one, two = new_host("hv01"), new_host("hv02")
    one.machine(A, "a")
    two.machine(A, "a")

    with pytest.raises(ProtocolError, match="both hv01 and hv02 claim"):
        owners_by_listing({"hv01": one.client, "hv02": two.client})


def test_a_node_that_cannot_be_listed_makes_no_short_list(new_host: Any) -> None:
    one, two = new_host("hv01"), new_host("hv02")
    two.spoil = lambda _envelope: UnreachableError("hv02 is down")

    with pytest.raises(UnreachableError):
        owners_by_listing({"hv01": one.client, "hv02": two.client})
