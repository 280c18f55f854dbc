"""Is the VM back on its own files? The only proof that a checkpoint is really gone.

Deleting a checkpoint ends its job long before its differencing file is merged. What counts is
what the VM runs on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safepoint.models.checkpoints import MergeState
from safepoint.models.workloads import Activity
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.wql import guid
from safepoint_native.hyperv.checkpoints import list_checkpoints
from safepoint_native.hyperv.disks import disk_file, is_differencing, virtual_disk_rows
from safepoint_native.hyperv.inventory import read_activity, system_row
from safepoint_native.hyperv.schema import SASD
from safepoint_native.hyperv.settings import owned_rows

__all__ = ["MergeLook", "look_at_merge"]


@dataclass(frozen=True)
class MergeLook:
    """What a VM runs on."""

    state: MergeState
    unexplained: tuple[str, ...]
    """Differencing files in use that no remaining checkpoint explains."""
    active: tuple[str, ...]
    """All files the VM writes to."""
    activity: Activity


def look_at_merge(
    client: CimClient, vm_id: str, *, parent_of: Callable[[str], str] | None = None
) -> MergeLook:
    """Look once.

    A differencing file in use is explained when its parent is what a remaining checkpoint
    froze; parents are read only while checkpoints remain.

    Args:
        client: The node that owns the VM.
        vm_id: The VM.
        parent_of: Tells the parent of a differencing file, empty when it has none. The default
            asks the host, which for a file on a share may need delegation (a second hop); who
            can read the share itself can tell it from the file.

    Raises:
        NotFoundError: the VM is not on this node (any more).
        PermissionDeniedError: the host may not open the file to tell its parent.
    """
    parent_path = parent_of or (lambda path: disk_file(client, path).parent_path)
    system_row(client, vm_id)
    rows = owned_rows(client, SASD, [vm_id])[guid(vm_id)]
    active = tuple(row.texts("HostResource")[0] for row in virtual_disk_rows(rows))
    # Asked before and after: a VM that moves away meanwhile leaves an empty list of disks,
    # which must not look like proof.
    activity = read_activity(system_row(client, vm_id))
    differencing = [path for path in active if is_differencing(path)]
    if not differencing:
        return MergeLook(MergeState.MERGED, (), active, activity)
    frozen = {file.path.lower() for one in list_checkpoints(client, vm_id) for file in one.frozen}
    unexplained = tuple(
        path for path in differencing if not frozen or parent_path(path).lower() not in frozen
    )
    if not unexplained:
        state = MergeState.HELD
    elif activity is Activity.MERGING:
        state = MergeState.MERGING
    else:
        state = MergeState.PENDING
    return MergeLook(state, unexplained, active, activity)
