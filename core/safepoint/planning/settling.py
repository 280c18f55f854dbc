"""Looking after writes whose process died or gave up before it knew the outcome."""

from __future__ import annotations

from collections.abc import Mapping

from safepoint.drivers import CanManage
from safepoint.models.plans import Plan
from safepoint.planning.applying import has_effect
from safepoint.planning.observing import observe
from safepoint.store import Lease, Operations, OperationState

__all__ = ["settle", "verify"]


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


def verify(operations: Operations, leases: Mapping[str, Lease], plan: str, after: Plan) -> None:
    """Mark as seen what was answered, once the next plan turned out to be empty.

    Args:
        operations: The journal.
        leases: By connection.
        plan: The plan that was carried out; all of it was seen.
        after: The empty plan, with what exists; of earlier plans that stopped half-way, what it
            shows was seen too.
    """
    for connection, lease in leases.items():
        found = tuple(c.before for c in after.changes if c.connection == connection and c.before)
        for row in operations.answered(connection):
            is_seen = row.intent.after is not None and has_effect(
                row.intent, found, after.scope.owner
            )
            if row.intent.plan == plan or is_seen:
                note = "next plan is empty"
                operations.step(lease, row.key, OperationState.VERIFIED, note=note)
