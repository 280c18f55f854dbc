"""What a host counts of replication, made into what is said of one cycle."""

from __future__ import annotations

import pytest

from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaHealth,
    ReplicaMode,
    ReplicaSide,
    ReplicaState,
    ReplicaStatistics,
)
from safepoint.models.workloads import PowerState
from safepoint_native.cim.values import CimRow
from safepoint_native.replica_mapping import with_statistics

GUID = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E03"
SIDE = ReplicaSide(
    ref=Ref(kind="workload", system="clu1", id=GUID),
    pair=f"{GUID}/0",
    family=GUID,
    name="sql01",
    node="hv01",
    mode=ReplicaMode.PRIMARY,
    state=ReplicaState.REPLICATING,
    health=ReplicaHealth.OK,
    power=PowerState.RUNNING,
)


def told(cycles: int) -> ReplicaStatistics:
    """Return what is said when a host counted 4000 bytes and 6 seconds in so many cycles."""
    counted = {
        "ReplicationSuccessCount": cycles,
        "ReplicationSize": 4000,
        "MaxReplicationSize": 2500,
        "ReplicationLatency": 6,
        "MaxReplicationLatency": 3,
    }
    row = CimRow("Msvm_ReplicationStatistics", {k: (str(v),) for k, v in counted.items()})
    statistics = with_statistics(SIDE, row, []).statistics
    assert statistics is not None
    return statistics


def test_averages_are_those_of_one_cycle() -> None:
    statistics = told(cycles=4)
    assert (statistics.average_bytes, statistics.largest_bytes) == (1000, 2500)
    assert statistics.average_latency_seconds == pytest.approx(1.5)
    assert statistics.largest_latency_seconds == pytest.approx(3)


def test_without_a_cycle_there_is_no_average() -> None:
    statistics = told(cycles=0)
    assert (statistics.average_bytes, statistics.average_latency_seconds) == (None, None)
