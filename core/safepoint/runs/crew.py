"""What every worker needs: the memory, the hypervisor, a way to wait."""

from __future__ import annotations

from dataclasses import dataclass, field

from safepoint.drivers import CanCheckpoint
from safepoint.errors import NotFoundError
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointQuery,
    MergeState,
    MergeStatus,
    OperationState,
    OperationStatus,
)
from safepoint.models.refs import Ref
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.waiting import Waiter
from safepoint.store import Store

__all__ = ["Crew"]


@dataclass(frozen=True)
class Crew:
    """The tools for working on VMs of one hypervisor connection."""

    store: Store
    executor: str
    """The id under which this process holds leases."""
    connection: str
    """The name of the hypervisor connection."""
    hypervisor: CanCheckpoint
    deadlines: Deadlines = field(default_factory=Deadlines)
    waiter: Waiter = field(default_factory=Waiter)

    def checkpoints_of(self, workload: Ref) -> tuple[Checkpoint, ...]:
        """List the VM's checkpoints, of every owner."""
        query = CheckpointQuery(cluster=workload.system, workload=workload)
        return tuple(self.hypervisor.checkpoints(query))

    def look_at(self, workload: Ref) -> Workload:
        """Read the VM as it is now, on whichever node.

        Raises:
            NotFoundError: no node of the cluster has it.
        """
        query = WorkloadQuery(cluster=workload.system, ids=(workload.id,))
        for found in self.hypervisor.workloads(query):
            if found.ref == workload:
                return found
        msg = f"no node of cluster {workload.system} has a VM with id {workload.id}"
        raise NotFoundError(msg, operation="workloads", system=self.connection)

    def await_operation(
        self, operation: Ref, *, deadline_seconds: float
    ) -> OperationStatus | None:
        """Wait until the hypervisor has ended an operation; None when it did not in time."""

        def ended() -> OperationStatus | None:
            status = self.hypervisor.operation(operation)
            return None if status.state is OperationState.RUNNING else status

        return self.waiter.until(ended, deadline_seconds=deadline_seconds)

    def merge_status(self, workload: Ref) -> MergeStatus:
        """Ask whether the VM is back on its own files. One that is no more runs on nothing."""
        try:
            return self.hypervisor.merge_status(workload)
        except NotFoundError:
            return MergeStatus(state=MergeState.MERGED)
