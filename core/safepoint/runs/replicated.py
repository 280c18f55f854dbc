"""What must not be done to a VM that takes part in a replication."""

from __future__ import annotations

from safepoint.errors import ConflictError
from safepoint.models.workloads import PowerState, Workload

__all__ = ["refuse_checkpoint_on_replica", "refuse_restore_over_replicated"]


def refuse_checkpoint_on_replica(workload: Workload) -> None:
    """Refuse a checkpoint on a VM that receives changes: it would break the replication.

    A replica that was failed over runs, and may be protected like any other VM.

    Raises:
        ConflictError: the VM is a replica that receives.
    """
    if not workload.is_replica or workload.power is PowerState.RUNNING:
        return
    msg = (
        f"VM {workload.name} on {workload.node} is a replica: a checkpoint would branch its disks "
        "under the replication and make a comparison of both sides necessary"
    )
    hint = "Protect the primary, or let a product back up the replica from its host."
    raise ConflictError(msg, hint=hint, operation="create-checkpoint", system=workload.cluster)


def refuse_restore_over_replicated(workload: Workload) -> None:
    """Refuse to replace a VM that is replicated, whichever side it is.

    Raises:
        ConflictError: the VM takes part in a replication.
    """
    if not workload.replication:
        return
    msg = (
        f"VM {workload.name} on {workload.node} is replicated ({workload.replication}): restoring "
        "over it would put both sides out of step without either of them noticing"
    )
    hint = (
        "Restore as a new VM (--to-name), or end the replication on both sides first: "
        f"`safepoint replica remove {workload.name}`."
    )
    raise ConflictError(msg, hint=hint, operation="restore", system=workload.cluster)
