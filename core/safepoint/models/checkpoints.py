"""Checkpoints: a frozen state of a VM that lives on the same storage. Not a backup."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model, UtcTime
from safepoint.models.refs import Ref

__all__ = [
    "Checkpoint",
    "CheckpointKind",
    "CheckpointQuery",
    "CheckpointRequest",
    "Consistency",
    "FrozenDisk",
    "MergeState",
    "MergeStatus",
    "OperationState",
    "OperationStatus",
    "RevertRequest",
]


class CheckpointKind(StrEnum):
    """What the hypervisor made the checkpoint for."""

    BACKUP = "backup"
    """A recovery checkpoint: made by a backup product, cannot be applied by hand."""
    PRODUCTION = "production"
    """A user checkpoint of quiesced disks."""
    STANDARD = "standard"
    """A user checkpoint with memory state."""
    REPLICA = "replica"
    """A recovery point of Hyper-V Replica; never ours to touch."""
    UNKNOWN = "unknown"


class Consistency(StrEnum):
    """In what state the frozen disks are, best first."""

    APPLICATION = "application"
    """Windows applications were asked to flush (VSS)."""
    FILESYSTEM = "filesystem"
    """File systems were frozen (Linux fsfreeze)."""
    CRASH = "crash"
    """As after pulling the plug."""
    UNKNOWN = "unknown"

    def satisfies(self, wanted: Consistency) -> bool:
        """Tell whether disks in this state are at least as good as `wanted`."""
        order = [
            Consistency.UNKNOWN,
            Consistency.CRASH,
            Consistency.FILESYSTEM,
            Consistency.APPLICATION,
        ]
        return order.index(self) >= order.index(wanted)


class FrozenDisk(Model):
    """One disk as a checkpoint froze it."""

    name: str
    """The same name as `Disk.name`."""
    path: str
    """The frozen file, at the end of a chain when the VM had checkpoints before."""


class Checkpoint(Model):
    """A checkpoint that exists."""

    ref: Ref
    workload: Ref
    workload_name: str
    name: str
    kind: CheckpointKind
    created_at: UtcTime
    """By the host's clock."""
    node: str = ""
    has_default_name: bool = False
    """True while it bears the name the hypervisor gave it: nobody has claimed it by name."""
    consistency: Consistency = Consistency.UNKNOWN
    """What the hypervisor says it reached; UNKNOWN when it does not say."""
    parent_id: str = ""
    disks: tuple[FrozenDisk, ...] = ()
    native_state: str = ""


class CheckpointQuery(Model):
    """Which checkpoints to list. Empty means all the connection can see."""

    cluster: str | None = None
    workload: Ref | None = None


class CheckpointRequest(Model):
    """What to freeze and how."""

    workload: Ref
    name: str
    """Unique; letters, digits, space and `-_.()` only."""
    kind: CheckpointKind = CheckpointKind.BACKUP
    consistency: Consistency = Consistency.APPLICATION
    """APPLICATION and FILESYSTEM both ask the guest to quiesce; CRASH does not ask."""


class RevertRequest(Model):
    """Put a VM back to a checkpoint of its own."""

    checkpoint: Ref
    stop_running: bool = False
    """Turn a running VM off first, and start it again afterwards."""


class OperationState(StrEnum):
    """Where something long stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The product forgot it: look for the effect."""


class OperationStatus(Model):
    """One look at something long."""

    ref: Ref
    state: OperationState
    percent: int = 0
    result: Ref | None = None
    """What it made, when it made something and the driver can tell."""
    code: str = ""
    """For FAILED: the `code` of the error class that fits, such as `quiesce`."""
    message: str = ""
    """For FAILED: one line a person understands."""
    hint: str = ""
    native_code: str = ""
    native_message: str = ""
    warnings: tuple[str, ...] = ()


class MergeState(StrEnum):
    """Whether the VM is back on its own files."""

    MERGED = "merged"
    MERGING = "merging"
    PENDING = "pending"
    """A differencing file is in use and nothing seems to be merging it."""
    HELD = "held"
    """A checkpoint still exists that needs the differencing file."""


class MergeStatus(Model):
    """The proof that a checkpoint is really gone, or what is still in the way."""

    state: MergeState
    differencing: tuple[str, ...] = ()
    """Differencing files the VM still runs on and no remaining checkpoint explains."""
    node: str = ""
