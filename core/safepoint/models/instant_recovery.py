"""Instant recovery: a VM that runs from a product's backup storage until it is moved or stopped."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model, UtcTime
from safepoint.models.refs import Ref

__all__ = ["InstantRecovery", "InstantRecoveryRequest", "InstantRecoveryState"]


class InstantRecoveryState(StrEnum):
    """Where an instant recovery stands."""

    STARTING = "starting"
    MOUNTED = "mounted"
    """The VM is registered and its disks are served from the backup storage."""
    MIGRATING = "migrating"
    """Its disks are being moved to production storage."""
    MIGRATED = "migrated"
    """It is an ordinary VM now; a product may also leave it out of its listing."""
    STOPPING = "stopping"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The product's word is not known; `native_state` keeps it."""


class InstantRecoveryRequest(Model):
    """Which restore point to run as a VM at once, and where."""

    point: Ref
    cluster: str
    node: str = ""
    """The host; empty lets the product choose, where it can."""
    in_place: bool = False
    """True takes the place of the VM the point came from: stopping removes the VM again."""
    new_name: str = ""
    """Name of the new VM; required unless `in_place`."""
    network: str = ""
    """The virtual switch of the new VM; empty leaves it to the product."""
    storage: str = ""
    """Folder or UNC path for configuration and changed blocks; empty leaves it to the product."""
    start: bool = True
    """Power the VM on."""
    reason: str = ""
    """Written into the product's own record."""


class InstantRecovery(Model):
    """One VM that runs from backup storage, as the product lists it."""

    ref: Ref
    """Kind `instant-recovery`; equal to what `start_instant_recovery` returned."""
    state: InstantRecoveryState
    workload_name: str
    """The VM's name as it is registered now."""
    workload: Ref | None = None
    """The VM once it is registered and the driver can tell."""
    point: Ref | None = None
    point_created_at: UtcTime | None = None
    cluster: str = ""
    node: str = ""
    job: str = ""
    """The product's job that the restore point came from."""
    in_place: bool | None = None
    """None when the product does not say."""
    started_at: UtcTime | None = None
    message: str = ""
    """What the product says, in one line; why it failed."""
    native_state: str = ""
