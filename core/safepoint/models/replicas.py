"""Replication of VMs as a product shows it: sides, states, health, points, and single steps.

A relationship has two *sides*: the VM that is sent and the VM that receives, each on a system of
its own, with a mode, a state and a health of its own. Both sides bear one `pair`. A VM with a third
copy has two relationships, so that the system in the middle lists two sides: it receives in one
and sends in the other. All of them bear one `family`. A driver lists sides; the core puts them
together.
"""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model, UtcTime
from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref
from safepoint.models.workloads import GuestState, PowerState

__all__ = [
    "ReplicaHealth",
    "ReplicaMode",
    "ReplicaPoint",
    "ReplicaPointQuery",
    "ReplicaQuery",
    "ReplicaServerState",
    "ReplicaSide",
    "ReplicaState",
    "ReplicaStatistics",
    "ReplicaStep",
    "ReplicaStepRequest",
    "ReplicaStorage",
]


class ReplicaMode(StrEnum):
    """Which part a VM plays in one relationship."""

    PRIMARY = "primary"
    """It is sent to another system. It runs, unless it is itself the replica of another pair."""
    REPLICA = "replica"
    """It is off and receives what the primary writes."""
    EXTENDED = "extended-replica"
    """It receives what a replica received: the third copy."""
    TEST = "test-replica"
    """A throw-away VM made from a replica's point for a test."""
    UNKNOWN = "unknown"


class ReplicaState(StrEnum):
    """Where one side stands."""

    READY = "ready"
    """The relationship exists; the first full copy has not begun."""
    INITIAL = "initial-replication"
    """The first full copy is under way, or waits for its media."""
    REPLICATING = "replicating"
    PREPARED = "prepared"
    """The primary is stopped and has sent its last change: a planned failover may follow."""
    CHANGING = "changing"
    """A failover, failback or disk update is under way."""
    FAILED_OVER = "failed-over"
    """The replica was turned into a VM that may run; it can still be undone."""
    COMMITTED = "committed"
    """Failed over for good: the other recovery points are gone."""
    PAUSED = "paused"
    CRITICAL = "critical"
    """Replication stopped by an error."""
    RESYNC_REQUIRED = "resync-required"
    """Both sides have to be compared block by block before replication can go on."""
    RESYNCING = "resyncing"
    RESYNC_PAUSED = "resync-paused"
    UNKNOWN = "unknown"


class ReplicaHealth(StrEnum):
    """The product's own verdict."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    NONE = "none"
    """The product gives none for this side."""
    UNKNOWN = "unknown"


class ReplicaStatistics(Model):
    """What happened on one side since the product began to count."""

    since: UtcTime | None = None
    until: UtcTime | None = None
    cycles_succeeded: int = 0
    cycles_missed: int = 0
    """Cycles that should have happened and did not."""
    cycles_failed: int = 0
    network_failures: int = 0
    average_bytes: int | None = None
    """Of one cycle."""
    largest_bytes: int | None = None
    average_latency_seconds: float | None = None
    largest_latency_seconds: float | None = None
    pending_bytes: int | None = None
    """Written on the primary and not sent yet: the size of its logs."""
    quiesce_failures: int = 0
    """Application-consistent points that were wanted and did not come about."""
    last_test_at: UtcTime | None = None


class ReplicaSide(Model):
    """One VM of a relationship, as its own system shows it."""

    ref: Ref
    """The VM on this system, equal to `Workload.ref` there."""
    pair: str
    """The same text on both sides of one relationship and on its test VM, and on no other."""
    family: str
    """The same text on all sides of one protected VM, whichever relationship they belong to."""
    name: str
    node: str
    mode: ReplicaMode
    state: ReplicaState
    health: ReplicaHealth
    power: PowerState
    guest: GuestState = GuestState.UNKNOWN
    """Whether the guest answers; the sign that a test VM has booted."""
    peer: str = ""
    """The server this side exchanges changes with, in the product's own words."""
    frequency_seconds: int | None = None
    recovery_points: int | None = None
    """How many points the relationship keeps at most, the newest included."""
    last_replicated_at: UtcTime | None = None
    last_applied_at: UtcTime | None = None
    last_consistent_at: UtcTime | None = None
    """The newest application-consistent state."""
    statistics: ReplicaStatistics | None = None
    """None when it was not asked for."""
    disk_bytes: int | None = None
    """The size of the disks on this side, as far as it is known."""
    failed_over_to: str = ""
    """`planned`, `application`, or `latest` when it is failed over; empty otherwise."""
    issues: tuple[str, ...] = ()
    """What the product itself has to say about the health; may be in its own language."""
    native_state: str = ""
    """The product's own words or numbers for mode, state and health."""


class ReplicaQuery(Model):
    """Which sides to list. Empty means all the connection can see."""

    cluster: str | None = None
    workload: Ref | None = None
    """Only sides of this VM, and its test VM; none when its system has no such VM."""
    family: str | None = None
    """Only sides of this protected VM, and its test VM, on whichever systems are asked."""
    with_statistics: bool = False
    """Costs a request a VM with most products."""


class ReplicaPoint(Model):
    """A state to which a replica can be failed over. Not a backup: it dies with its replica."""

    ref: Ref
    replica: Ref
    """The VM of the side that holds it."""
    created_at: UtcTime
    consistency: Consistency
    native_state: str = ""


class ReplicaPointQuery(Model):
    """Which recovery points to list."""

    cluster: str | None = None
    replica: Ref | None = None


class ReplicaStorage(Model):
    """A place where a replica server keeps disks."""

    path: str
    free_bytes: int | None = None
    """None when it could not be read."""


class ReplicaServerState(Model):
    """How a host or cluster is set up to receive replicas."""

    cluster: str
    name: str
    """As primaries know it: the broker or the host."""
    can_receive: bool
    """Whether it is switched on and lets anyone in."""
    logins: tuple[str, ...] = ()
    """`kerberos`, `certificate`."""
    allowed: tuple[str, ...] = ()
    """Which primaries may send."""
    storages: tuple[ReplicaStorage, ...] = ()
    native_state: str = ""


class ReplicaStep(StrEnum):
    """One thing a driver can be asked to do to one side."""

    START_INITIAL = "start-initial"
    IMPORT_INITIAL = "import-initial"
    PAUSE = "pause"
    RESUME = "resume"
    RESYNC = "resync"
    PREPARE = "prepare"
    """On a primary that is off: send the last changes, so that a failover loses nothing."""
    CANCEL_PREPARE = "cancel-prepare"
    FAIL_OVER = "fail-over"
    CANCEL_FAIL_OVER = "cancel-fail-over"
    """Back to a receiving replica; what was written to it since is lost."""
    COMMIT = "commit"
    REVERSE = "reverse"
    """On a failed-over replica: it becomes the primary, the old primary its replica."""
    START_TEST = "start-test"
    """Make a test VM; the status names it as the result."""
    STOP_TEST = "stop-test"
    """Turn the test VM off and delete it."""
    REMOVE = "remove"
    """End the relationship on this side; its VM stays."""
    SHUT_DOWN = "shut-down"
    """By the guest itself."""
    TURN_OFF = "turn-off"
    POWER_ON = "power-on"


class ReplicaStepRequest(Model):
    """Do one thing to one side."""

    step: ReplicaStep
    side: Ref
    """The VM; for `STOP_TEST` the test VM itself."""
    pair: str
    """Which of its relationships."""
    point: Ref | None = None
    """For `FAIL_OVER` and `START_TEST`; the newest when left out."""
    at: UtcTime | None = None
    """For `START_INITIAL` and `RESYNC`: not before this moment."""
    folder: str = ""
    """For initial copies by media: the folder as the host sees it."""
