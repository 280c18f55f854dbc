"""Whether what a product's run left behind is still there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from safepoint.errors import NotFoundError
from safepoint.models.checkpoints import Checkpoint, MergeState
from safepoint.models.leftovers import Leftover, LeftoverKind
from safepoint.models.refs import Ref
from safepoint.runs.crew import Crew
from safepoint.runs.finding import foreign_backups

__all__ = ["backups_of_others", "still_left"]

#: A chain that a later checkpoint needs is no leftover any more.
_UNMERGED = frozenset({MergeState.MERGING, MergeState.PENDING})


def still_left(crew: Crew, leftovers: Sequence[Leftover]) -> Iterator[Leftover]:
    """Look at the hosts and return those that are still there; one or two questions a VM.

    Raises:
        DriverError: the hosts cannot be looked at.
    """
    for left in leftovers:
        if left.kind is LeftoverKind.CHECKPOINT:
            if left.checkpoint in {one.ref for one in crew.checkpoints_of(left.workload)}:
                yield left
        elif crew.hypervisor.merge_status(left.workload).state in _UNMERGED:
            yield left


def backups_of_others(crew: Crew, workloads: Iterable[Ref]) -> Iterator[Checkpoint]:
    """Return the backup checkpoints on VMs that are not ours; one listing a VM.

    Raises:
        DriverError: the hosts cannot be looked at.
    """
    for workload in workloads:
        own = (row.native.id for row in crew.store.checkpoints.open(workload) if row.native)
        try:
            present = crew.checkpoints_of(workload)
        except NotFoundError:
            continue  # the VM is no more
        yield from foreign_backups(present, own)
