"""Operations: what was accepted and takes time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from safepoint.models.checkpoints import OperationState
from safepoint.models.workloads import Activity

__all__ = ["ACTIVITY_OF", "Failure", "Operation", "OperationKind", "Pace"]


class OperationKind(StrEnum):
    """What is being done; also the kind of the reference that a driver returns for it."""

    CREATE = "create"
    REVERT = "revert"
    DELETE = "delete"
    RESTORE = "restore"
    VERIFY = "verify"
    REPLICA = "replica"
    CHANGE = "change"


#: What a machine is busy with while such an operation runs on it.
ACTIVITY_OF = {
    OperationKind.CREATE: Activity.CREATING_CHECKPOINT,
    OperationKind.REVERT: Activity.APPLYING_CHECKPOINT,
    OperationKind.DELETE: Activity.DELETING_CHECKPOINT,
}


@dataclass
class Pace:
    """How many seconds of the fake clock things take. A look takes time as well."""

    call_seconds: float = 0.05
    create_seconds: float = 1.0
    revert_seconds: float = 0.5
    delete_seconds: float = 0.5
    merge_seconds: float = 2.0
    restore_seconds: float = 1.0
    verify_seconds: float = 0.5
    replica_seconds: float = 1.0
    change_seconds: float = 30.0
    backup_seconds: float = 4.0
    """How long the product's own job copies one VM."""
    mount_seconds: float = 1.0
    migrate_seconds: float = 3.0
    forget_seconds: float = 300.0
    """How long after its end an operation is remembered."""

    def of(self, kind: OperationKind) -> float:
        """Return how long such an operation takes."""
        return float(getattr(self, f"{kind}_seconds"))


@dataclass(frozen=True)
class Failure:
    """How an accepted operation fails at its end."""

    code: str
    """The `code` of the error class that fits."""
    message: str
    leaves_effect: bool = False
    """True when it did its work although it reports failure."""


@dataclass
class Operation:
    """Something accepted. Its effect happens at its end, once."""

    id: str
    kind: OperationKind
    target: str
    """The machine it works on, or the restore point for a verification."""
    starts_at_seconds: float
    ends_at_seconds: float
    """Infinite when it never ends."""
    effect: Callable[[], str]
    """Does it and returns the id of what it made, or nothing."""
    failure: Failure | None = None
    state: OperationState = OperationState.RUNNING
    result: str = ""
    is_forgotten: bool = False
    is_cancelled: bool = False

    def percent(self, now_seconds: float) -> int:
        """Return how far it is."""
        if self.state is not OperationState.RUNNING:
            return 100
        span = self.ends_at_seconds - self.starts_at_seconds
        return min(99, int(100 * (now_seconds - self.starts_at_seconds) / span)) if span else 0
