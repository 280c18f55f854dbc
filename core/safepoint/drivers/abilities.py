"""Abilities as types: the class statement of a driver reads like its data sheet.

A new thing drivers may do is a new class here, never a new method on an old one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator

from safepoint.drivers.base import Driver
from safepoint.drivers.inspecting import CanInspectStorage
from safepoint.drivers.managing import CanFollowChanges, CanManage, CanRetire
from safepoint.drivers.replicating import CanReplicate
from safepoint.drivers.running import CanRecoverInstantly, CanRunJobs, CanSuspendRuns
from safepoint.drivers.support import Ability
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointQuery,
    CheckpointRequest,
    MergeStatus,
    OperationStatus,
    RevertRequest,
)
from safepoint.models.refs import Ref
from safepoint.models.restore_points import (
    CopyProgress,
    CopyReceipt,
    CopyRequest,
    RestorePoint,
    VerifyReport,
)
from safepoint.models.restores import RestorePreview, RestoreRequest, RestoreStatus
from safepoint.models.verification import VerifyStatus

__all__ = [
    "ABILITY_TYPES",
    "REFINEMENTS",
    "CanCheckpoint",
    "CanCopy",
    "CanFollowChanges",
    "CanInspectStorage",
    "CanManage",
    "CanRecoverInstantly",
    "CanReplicate",
    "CanRestore",
    "CanRetire",
    "CanRunJobs",
    "CanSuspendRuns",
    "CanVerify",
    "OnProgress",
    "ShouldStop",
]

#: Called with every step of long byte work; must return quickly and may be called from threads.
OnProgress = Callable[[CopyProgress], None]
#: Asked often during long byte work; True makes the work raise `RunCancelledError`.
ShouldStop = Callable[[], bool]


class CanCheckpoint(Driver):
    """List, create, revert and delete checkpoints, and prove that they are gone.

    Create and delete are never repeated by the driver. After an `OutcomeUnknownError` the core
    lists checkpoints and decides.
    """

    @abstractmethod
    def checkpoints(self, query: CheckpointQuery, /) -> Iterator[Checkpoint]:
        """List checkpoints of every kind and every owner, oldest first within a VM."""

    @abstractmethod
    def create_checkpoint(self, request: CheckpointRequest, /, *, key: str) -> Ref:
        """Ask for a checkpoint and return the operation to follow.

        The result may bear another name until `rename_checkpoint`: not every product takes a
        name at creation.

        Raises:
            BusyError: the VM is busy with another checkpoint, merge or migration.
            ConflictError: the VM is in a state that forbids it.
            OutcomeUnknownError: asked, but no answer came.
        """

    @abstractmethod
    def rename_checkpoint(self, checkpoint: Ref, name: str, /, *, key: str) -> None:
        """Give the checkpoint this name; doing it twice is harmless."""

    @abstractmethod
    def revert_checkpoint(self, request: RevertRequest, /, *, key: str) -> Ref:
        """Put the VM back to the checkpoint and return the operation to follow.

        Raises:
            ConflictError: the VM runs and `stop_running` is off, or the kind cannot be applied.
        """

    @abstractmethod
    def delete_checkpoint(self, checkpoint: Ref, /, *, key: str) -> Ref:
        """Ask for deletion and return the operation to follow. Deleted is not yet merged.

        Raises:
            NotFoundError: it is gone already.
        """

    @abstractmethod
    def operation(self, operation: Ref, /) -> OperationStatus:
        """Look once at a create, revert or delete. A forgotten one is UNKNOWN, not failed."""

    @abstractmethod
    def merge_status(self, workload: Ref, /) -> MergeStatus:
        """Tell whether the VM is back on its own files: the only proof of a release."""


class CanCopy(Driver):
    """Copy what a held checkpoint froze into a repository.

    Works in the caller's thread. Nothing of a copy is a restore point until `seal`.
    """

    @abstractmethod
    def copy(
        self, request: CopyRequest, /, *, on_progress: OnProgress, should_stop: ShouldStop
    ) -> CopyReceipt:
        """Copy every disk of the frozen chain and the VM's configuration."""

    @abstractmethod
    def verify_copy(
        self, receipt: CopyReceipt, /, *, on_progress: OnProgress, should_stop: ShouldStop
    ) -> VerifyReport:
        """Read back what was stored and compare it with what was read from the source."""

    @abstractmethod
    def seal(self, receipt: CopyReceipt, /) -> RestorePoint:
        """Turn the copy into a restore point, atomically. Sealing twice gives the same point."""

    @abstractmethod
    def discard(self, tag: str, /) -> None:
        """Remove everything unsealed of this tag, also of a process that died. Idempotent."""


class CanRestore(Driver):
    """Turn a restore point into a VM."""

    @abstractmethod
    def preview_restore(self, request: RestoreRequest, /) -> RestorePreview:
        """Say what would happen and what is in the way; changes nothing."""

    @abstractmethod
    def start_restore(self, request: RestoreRequest, /, *, key: str) -> Ref:
        """Start and return the restore to follow; refused when the preview has blockers."""

    @abstractmethod
    def restore_status(self, restore: Ref, /) -> RestoreStatus:
        """Look once."""

    @abstractmethod
    def cancel_restore(self, restore: Ref, /) -> None:
        """Ask to stop; what was half-done is removed. Idempotent; final once it has ended."""


class CanVerify(Driver):
    """Prove that a restore point is what was copied."""

    @abstractmethod
    def start_verification(self, point: Ref, /, *, key: str) -> Ref:
        """Start reading everything back and return the verification to follow."""

    @abstractmethod
    def verification(self, verification: Ref, /) -> VerifyStatus:
        """Look once."""


#: Which type carries which ability.
ABILITY_TYPES: dict[Ability, type] = {
    Ability.MANAGE: CanManage,
    Ability.RUN_JOBS: CanRunJobs,
    Ability.SUSPEND_RUNS: CanSuspendRuns,
    Ability.CHECKPOINT: CanCheckpoint,
    Ability.INSPECT_STORAGE: CanInspectStorage,
    Ability.COPY: CanCopy,
    Ability.RESTORE: CanRestore,
    Ability.INSTANT_RECOVERY: CanRecoverInstantly,
    Ability.REPLICATE: CanReplicate,
    Ability.VERIFY: CanVerify,
}

#: Classes that refine an ability and have no answer of their own in `support`.
REFINEMENTS: tuple[type, ...] = (CanFollowChanges, CanRetire)
