"""Runs: one execution of a job, and what became of each VM in it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from safepoint.models.base import Model, UtcTime
from safepoint.models.leftovers import Leftover
from safepoint.models.refs import Ref
from safepoint.models.workloads import Workload

__all__ = ["Phase", "Run", "RunLevel", "RunQuery", "RunRequest", "RunState", "Task"]


class RunLevel(StrEnum):
    """How much a run of a product reads."""

    AUTO = "auto"
    """What the product's own schedule would do now."""
    FULL = "full"
    INCREMENTAL = "incremental"
    SYNTHETIC_FULL = "synthetic-full"
    """A full made from what is stored already; the VMs are read incrementally or not at all."""


class RunState(StrEnum):
    """How a run or a VM in it stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUSPENDED = "suspended"
    """Paused by somebody; it goes on when resumed."""
    SUCCEEDED = "succeeded"
    WARNING = "warning"
    """Done, with something to look at, such as a lower consistency than wished."""
    PARTIAL = "partial"
    """Some VMs succeeded and some did not; only a run has this."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process that worked on it died, or gave up following it; looked after later."""
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """True when nothing will change any more."""
        return self not in _OPEN


_OPEN = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.SUSPENDED, RunState.UNKNOWN})


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
    """The VM as `workloads` lists it; kind `unknown-workload` when a product's run names one that
    its inventory does not identify."""
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
    """True when the checkpoint was proved gone and merged, False when it is still there; None when
    none was made or nobody could look."""
    leftovers: tuple[Leftover, ...] = ()
    """What a product's run left on the VM, as the hosts show it."""
    percent: int | None = None
    """How far the product says this VM is; None when it does not say."""
    native_state: str = ""
    """The product's own word for the state of this VM."""
    message: str = ""
    """What the product says about this VM, in one line."""
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
    """When it ended; an UNKNOWN run with an end is over, in a word that is not known."""
    native_state: str = ""
    level: RunLevel = RunLevel.AUTO
    percent: int | None = None
    """How far the product says the run is; None when it does not say."""
    message: str = ""
    """What the product says about the run, in one line."""
    ref: Ref | None = None
    """The product's handle (kind `run`, the connection as system); None for runs of our own."""
    tasks: tuple[Task, ...] = ()

    @property
    def is_over(self) -> bool:
        """True when nothing more will come of it, whether or not its last word is known."""
        is_odd_end = self.state is RunState.UNKNOWN and self.ended_at is not None
        return self.state.is_final or is_odd_end


class RunRequest(Model):
    """What a product shall run now."""

    job: str
    """The name of the `ProtectionJob` whose counterpart in the product is meant."""
    workloads: tuple[Workload, ...] = ()
    """Only these VMs; empty means all of the job."""
    level: RunLevel = RunLevel.AUTO


class RunQuery(Model):
    """Which runs to list."""

    job: str | None = None
    limit: int = 50
    since: UtcTime | None = None
    """Only runs that began at this moment or later, by the product's clock."""
    only_active: bool = False
    """Only runs that have not ended."""
    with_tasks: bool = False
    """Whether each run tells its VMs; costs some products a request per run."""
