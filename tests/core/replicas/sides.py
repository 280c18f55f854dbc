"""Sides of a relationship as a driver shows them, for what judges them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaHealth,
    ReplicaMode,
    ReplicaSide,
    ReplicaState,
    ReplicaStatistics,
)
from safepoint.models.workloads import PowerState

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
GIB = 1 << 30


def side(mode: ReplicaMode, **more: object) -> ReplicaSide:
    system = "dr" if mode is ReplicaMode.REPLICA else "prod"
    power = PowerState.OFF if mode is ReplicaMode.REPLICA else PowerState.RUNNING
    facts = {
        "ref": Ref(kind="workload", system=system, id="A1"),
        "pair": "A1/0",
        "family": "A1",
        "name": "sql01",
        "node": "hv01",
        "mode": mode,
        "state": ReplicaState.REPLICATING,
        "health": ReplicaHealth.OK,
        "power": power,
        "last_replicated_at": NOW - timedelta(minutes=4),
        "frequency_seconds": 300,
        "disk_bytes": 10 * GIB,
        "statistics": ReplicaStatistics(cycles_succeeded=100),
    }
    return ReplicaSide.model_validate({**facts, **more})
