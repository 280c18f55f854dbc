"""Runs: one execution of a job, and what became of each VM in it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from safepoint.models.base import Model, UtcTime
from safepoint.models.refs import Ref

__all__ = ["Phase", "Run", "RunQuery", "RunState", "Task"]


class RunState(StrEnum):
    """How a run or a VM in it stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    WARNING = "warning"
    """Done, with something to look at, such as a lower consistency than wished."""
    PARTIAL = "partial"
    """Some VMs succeeded and some did not; only a run has this."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process that worked on it died; cleaned up afterwards."""
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """True when nothing will change any more."""
        return self not in {RunState.QUEUED, RunState.RUNNING, RunState.UNKNOWN}


class Phase(StrEnum):
    """What is being done for a VM right now."""

    WAITING = "waiting"
    CHECKPOINTING = "checkpointing"
    COPYING = "copying"
    VERIFYING = "verifying"
    SEALING = "sealing"
    RELEASING = "releasing"
    MERGING = "merging"
    RECORDING = "recording"
    DONE = "done"


class Task(Model):
    """One VM in a run."""

    id: str
    run: str
    workload: Ref
    workload_name: str
    node: str = ""
    state: RunState
    phase: Phase = Phase.WAITING
    consistency: str = ""
    size_bytes: int = 0
    read_bytes: int = 0
    stored_bytes: int = 0
    held_seconds: float | None = None
    """From the moment the checkpoint held to the moment its deletion was accepted."""
    merged_seconds: float | None = None
    """From the accepted deletion to the observed end of the merge."""
    copy_seconds: float | None = None
    point: Ref | None = None
    is_verified: bool = False
    is_released: bool | None = None
    """True when the checkpoint was proved gone and merged; None when none was made."""
    error: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    started_at: UtcTime | None = None
    ended_at: UtcTime | None = None


class Run(Model):
    """One execution of a job."""

    id: str
    job: str
    connection: str
    state: RunState
    requested_at: UtcTime
    started_at: UtcTime | None = None
    ended_at: UtcTime | None = None
    native_state: str = ""
    tasks: tuple[Task, ...] = ()


class RunQuery(Model):
    """Which runs to list."""

    job: str | None = None
    limit: int = 50
