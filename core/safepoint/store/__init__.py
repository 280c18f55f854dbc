"""safepoint's own memory: what was intended, done and seen, on disk before it matters."""

from __future__ import annotations

from safepoint.store.audit_log import AuditLog
from safepoint.store.checkpoints import CheckpointRow, Checkpoints, Intent, Transition
from safepoint.store.database import Database
from safepoint.store.executors import Executor, Executors
from safepoint.store.leases import Lease, Leases
from safepoint.store.operations import OperationRow, Operations, OperationState, WriteIntent
from safepoint.store.points import PointRow, Points
from safepoint.store.product_runs import ProductIntent, ProductRunRow, ProductRuns
from safepoint.store.replica_deeds import (
    DeedRow,
    DeedState,
    ReplicaDeeds,
    StepRow,
    StepState,
)
from safepoint.store.runs import Runs
from safepoint.store.store import Store

__all__ = [
    "AuditLog",
    "CheckpointRow",
    "Checkpoints",
    "Database",
    "DeedRow",
    "DeedState",
    "Executor",
    "Executors",
    "Intent",
    "Lease",
    "Leases",
    "OperationRow",
    "OperationState",
    "Operations",
    "PointRow",
    "Points",
    "ProductIntent",
    "ProductRunRow",
    "ProductRuns",
    "ReplicaDeeds",
    "Runs",
    "StepRow",
    "StepState",
    "Store",
    "Transition",
    "WriteIntent",
]
