"""Which way a planned failover goes, when it may have been begun before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from safepoint.errors import UsageError
from safepoint.replicas.guarding import refused
from safepoint.replicas.looking import Pair

__all__ = ["heading"]


def heading(
    name: str, pairs: Sequence[Pair], begun: Mapping[str, str], wanted: str | None
) -> str | None:
    """Return the system to which all go; None when each simply changes sides.

    Args:
        name: The VM or group, for errors.
        pairs: Its relationships as they are now.
        begun: For relationships with a half-done planned failover: where it goes.
        wanted: What the person said.

    Raises:
        UsageError: a VM has no copy on the wanted system.
        ReplicaRefusedError: some run where others would go, and nobody said which way.
    """
    if wanted is not None:
        for pair in pairs:
            systems = [side.ref.system for side in pair.sides]
            if wanted not in systems:
                msg = f"{pair.name} has no copy on {wanted!r}"
                raise UsageError(msg, hint=f"It has copies on: {', '.join(systems)}.")
        return wanted
    if begun:
        return next(iter(begun.values())) if len(set(begun.values())) == 1 else None
    runs = {one.name: one.primary.ref.system for one in pairs if one.primary is not None}
    goes = {one.replica.ref.system for one in pairs if one.replica is not None}
    if goes & set(runs.values()):
        detail = ", ".join(f"{vm} on {system}" for vm, system in runs.items())
        raise refused(name, "replica-both-ways", detail=detail)
    return None
