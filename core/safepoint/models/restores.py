"""Restoring: turning a restore point into a VM."""

from __future__ import annotations

from safepoint.models.base import Model
from safepoint.models.checkpoints import OperationState
from safepoint.models.refs import Ref

__all__ = ["RestorePreview", "RestoreRequest", "RestoreStatus"]


class RestoreRequest(Model):
    """What to restore, and where to."""

    point: Ref
    cluster: str
    node: str = ""
    """Empty lets the driver choose."""
    in_place: bool = False
    """True replaces the VM the point came from; False makes a new VM with a new identity."""
    new_name: str = ""
    """Name of the new VM; required unless `in_place`."""
    share: str = ""
    """UNC path below which a new VM's files go; empty takes the share the VM came from."""
    network: str = ""
    """The virtual switch of a new VM; empty leaves the choice to the driver."""
    reason: str = ""
    """Written into the product's own record, where it keeps one."""
    stop_running: bool = False
    """In place only: turn the VM off when it runs, instead of refusing."""
    start: bool = False
    """Start the VM afterwards."""


class RestorePreview(Model):
    """What a restore would do; reading it changes nothing."""

    workload_name: str
    target_name: str
    cluster: str
    node: str
    size_bytes: int
    free_bytes: int | None
    steps: tuple[str, ...]
    blockers: tuple[str, ...] = ()
    """Why it would be refused; empty when it can start."""
    warnings: tuple[str, ...] = ()


class RestoreStatus(Model):
    """One look at a restore."""

    ref: Ref
    state: OperationState
    phase: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    workload: Ref | None = None
    """The restored VM once it is registered."""
    code: str = ""
    message: str = ""
    hint: str = ""
    is_cancelled: bool = False
