"""Looking after writes whose process died or gave up before it knew the outcome."""

from __future__ import annotations

from safepoint.drivers import CanManage
from safepoint.planning.applying import has_effect
from safepoint.planning.observing import observe
from safepoint.store import Lease, Operations, OperationState

__all__ = ["settle", "verify_plan"]


def settle(
    operations: Operations, lease: Lease, connection: str, driver: CanManage, owner: str
) -> int:
    """Find out what became of every open write of a connection; returns how many there were.

    What is not seen becomes `absent`; when the next plan asks for the same change again, it is
    sent with the same key, so that a request that is still on its way has its effect once.
    """
    rows = operations.open(connection)
    if not rows:
        return 0
    found = observe(connection, driver, with_preflight=False).resources
    for row in rows:
        if row.state is OperationState.INTENT:
            note = f"process {row.executor} ended before it knew"
            operations.step(lease, row.key, OperationState.UNKNOWN, note=note)
        is_there = has_effect(row.intent, found, owner)
        state = OperationState.VERIFIED if is_there else OperationState.ABSENT
        operations.step(lease, row.key, state, note="settled")
    return len(rows)


def verify_plan(operations: Operations, leases: dict[str, Lease], plan: str) -> None:
    """Mark what was answered as seen, once the next plan turned out to be empty."""
    for row in operations.of_plan(plan):
        if row.state is OperationState.DONE:
            lease = leases[row.intent.connection]
            operations.step(lease, row.key, OperationState.VERIFIED, note="next plan is empty")
