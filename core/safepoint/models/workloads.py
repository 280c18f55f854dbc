"""Workloads: the virtual machines that protection is about."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model
from safepoint.models.refs import Ref

__all__ = [
    "Activity",
    "Disk",
    "GuestState",
    "PowerState",
    "Workload",
    "WorkloadQuery",
    "workload_ref",
]


def workload_ref(cluster: str, vm_id: str) -> Ref:
    """Return the one identity of a VM, which every driver gives it whatever its product calls it.

    Leases, coverage and the look at checkpoints meet on it.

    Args:
        cluster: Name of the `Cluster` document.
        vm_id: The hypervisor's own GUID of the VM, in any case of letters.
    """
    return Ref(kind="workload", system=cluster, id=vm_id.upper())


class PowerState(StrEnum):
    """Whether the VM runs."""

    RUNNING = "running"
    OFF = "off"
    SAVED = "saved"
    PAUSED = "paused"
    CHANGING = "changing"
    CRITICAL = "critical"
    """The VM lost its storage or configuration."""
    UNKNOWN = "unknown"


class Activity(StrEnum):
    """What the hypervisor is doing with the VM right now."""

    NONE = "none"
    CREATING_CHECKPOINT = "creating-checkpoint"
    APPLYING_CHECKPOINT = "applying-checkpoint"
    DELETING_CHECKPOINT = "deleting-checkpoint"
    MERGING = "merging"
    EXPORTING = "exporting"
    MIGRATING = "migrating"
    BACKING_UP = "backing-up"
    OTHER = "other"


class GuestState(StrEnum):
    """Whether the guest can be quiesced."""

    READY = "ready"
    DEGRADED = "degraded"
    ABSENT = "absent"
    """No integration component answers: only crash consistency can be had."""
    UNKNOWN = "unknown"


class Disk(Model):
    """One virtual disk as it is attached now."""

    name: str
    """Stable name inside the VM: controller and position, such as `scsi0-0`."""
    path: str
    """The file the VM writes to now; a UNC path on a share. Under a checkpoint this is the
    differencing file."""
    location: str = ""
    """The product's own id of the attachment, opaque."""
    is_differencing: bool = False
    """True when the VM runs on a differencing file: a checkpoint exists or a merge is due."""
    is_protectable: bool = True
    """False for pass-through and shared disks, which a checkpoint cannot freeze."""


class Workload(Model):
    """A virtual machine, identified by cluster and id, never by name alone.

    A replica VM has the same id as its primary: only (system, id) together are unique.
    """

    ref: Ref
    name: str
    cluster: str
    node: str
    """The node that owns the VM at the time of reading; it may move at any moment."""
    power: PowerState
    activity: Activity = Activity.NONE
    guest: GuestState = GuestState.UNKNOWN
    guest_os: str = ""
    generation: int = 0
    """1 or 2; 0 when the product does not say."""
    disks: tuple[Disk, ...] = ()
    adapters: tuple[str, ...] = ()
    """The names of its network adapters; empty when they were not asked for."""
    is_replica: bool = False
    is_test_copy: bool = False
    """A test failover made it: it stands on files of a replica, and ends with the test."""
    replication: str = ""
    """The product's word for the replication mode; empty when the VM is not replicated."""
    native_state: str = ""
    """The product's own word or number for the power state."""


class WorkloadQuery(Model):
    """Which workloads to list. Empty means all the connection can see."""

    cluster: str | None = None
    ids: tuple[str, ...] = ()
    """Only these native ids; the driver may use them to ask less."""
    with_adapters: bool = False
    """Also the names of network adapters, where the product tells them."""
