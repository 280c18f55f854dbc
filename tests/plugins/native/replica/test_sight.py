"""Relationships in normal form, as both sides of a host show them."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import MagicMock

import pytest

from safepoint.errors import ConflictError
from safepoint.models.workloads import GuestState, PowerState
from safepoint_native.cim.values import CimRow
from safepoint_native.hyperv.replication import FIRST_LEG, HostRelation, NodeReplication
from safepoint_native.managing.replica_manager import ReplicaManager
from safepoint_native.managing.replica_sight import Seen, relations
from safepoint_native.nodes import Nodes

GUID = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E03"
HERE, THERE = "AB" * 20, "CD" * 20


def seen(cluster: str, mode: int, thumbprint: str) -> Seen:
    """Return one side of a relationship that was declared on clu1."""
    settings = {
        "AuthenticationType": "2",
        "CertificateThumbPrint": thumbprint,
        "PrimaryConnectionPoint": "there.example",
        "RecoveryConnectionPoint": "here.example",
    }
    relation = HostRelation(
        vm_id=GUID,
        name="sql01",
        node="hv01",
        leg=FIRST_LEG,
        mode=mode,
        state=3,
        health=1,
        failed_over=0,
        power=PowerState.OFF,
        guest=GuestState.UNKNOWN,
        last_at=None,
        last_apply_at=None,
        last_application_at=None,
        settings=CimRow("", {name: (value,) for name, value in settings.items()}),
    )
    return Seen(cluster, relation, (), "[safepoint:default:replica/clu1/sql01]")


def test_a_reversed_relationship_bears_the_certificate_of_its_own_side() -> None:
    """The other side proves itself with another one meanwhile, which nobody declared."""
    sides = [seen("clu-dr", 1, THERE), seen("clu1", 2, THERE)]
    (sight,) = relations(sides, {"clu1": HERE, "clu-dr": THERE})
    assert sight.resource.facts["reversed"]
    assert sight.resource.attributes["thumbprint"] == HERE


def test_a_relationship_that_runs_as_declared_shows_what_it_uses() -> None:
    sides = [seen("clu1", 1, THERE), seen("clu-dr", 2, THERE)]
    (sight,) = relations(sides, {"clu1": HERE, "clu-dr": THERE})
    assert sight.resource.attributes["thumbprint"] == THERE


def test_a_third_copy_is_not_made_while_the_replica_is_the_primary() -> None:
    manager = ReplicaManager("hosts", {}, lambda: datetime.now(UTC))
    nodes = MagicMock(spec=Nodes)
    nodes.on_owner.return_value = NodeReplication((seen("clu-dr", 1, THERE).relation,))
    with pytest.raises(ConflictError, match="runs the other way round"):
        manager._check_fed(nodes, GUID, "replica-third/clu1/sql01")
