"""The ability to replicate: list sides and points, and carry out single steps.

A driver does one step on one side and waits for nothing. What must be done on which side in which
order, what is refused, and what happens after a crash is the core's (`safepoint.replicas`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from safepoint.drivers.base import Driver
from safepoint.models.checkpoints import OperationStatus
from safepoint.models.refs import Ref
from safepoint.models.replicas import (
    ReplicaPoint,
    ReplicaPointQuery,
    ReplicaQuery,
    ReplicaServerState,
    ReplicaSide,
    ReplicaStepRequest,
)

__all__ = ["CanReplicate"]


class CanReplicate(Driver):
    """Relationships between VMs of two or three systems, and their failovers.

    A relationship is made and changed by declaration (`CanManage`); here is what is done with
    one that exists.
    """

    @abstractmethod
    def replicas(self, query: ReplicaQuery, /) -> Iterator[ReplicaSide]:
        """List every side, test VMs included, whoever made the relationship.

        A system that cannot be read raises `UnreachableError` naming it in `system`: half a
        picture would hide that a primary still runs. The core asks cluster by cluster.
        """

    @abstractmethod
    def replica_points(self, query: ReplicaPointQuery, /) -> Iterator[ReplicaPoint]:
        """List recovery points, oldest first within a replica."""

    @abstractmethod
    def replica_servers(self, query: ReplicaQuery, /) -> Iterator[ReplicaServerState]:
        """List how each cluster is set up to receive; one row a cluster, also one that is not."""

    @abstractmethod
    def start_replica_step(self, request: ReplicaStepRequest, /, *, key: str) -> Ref:
        """Ask for one step and return the operation to follow. Never repeated by the driver.

        A step whose effect is there already is refused with `ConflictError`, as the product
        does it; the core looks before it asks.

        Raises:
            ConflictError: the state of the side forbids it.
            BusyError: another operation holds the VM; nothing was started.
            NotFoundError: the side or the point is not there.
            OutcomeUnknownError: asked, and no answer came.
            UnsupportedError: the product has no such step.
        """

    @abstractmethod
    def replica_operation(self, operation: Ref, /) -> OperationStatus:
        """Look once at a step. A forgotten one is UNKNOWN, not failed."""
