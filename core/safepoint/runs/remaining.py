"""Whether what a product's run left behind is still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safepoint.models.checkpoints import MergeState
from safepoint.models.leftovers import Leftover, LeftoverKind
from safepoint.runs.crew import Crew

__all__ = ["still_left"]

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
