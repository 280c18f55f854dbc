"""The abilities to run a product's own jobs, and to run a VM straight from its backup.

Nothing here waits. The core journals the intent, starts, and looks again and again; what a lost
answer led to it finds in the listings.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from safepoint.drivers.base import Driver
from safepoint.models.instant_recovery import InstantRecovery, InstantRecoveryRequest
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunRequest

__all__ = ["CanRecoverInstantly", "CanRunJobs", "CanSuspendRuns"]


class CanRunJobs(Driver):
    """Start, follow and cancel jobs that the product itself carries out.

    After an `OutcomeUnknownError` the core lists `runs` that began since the intent; nothing is
    started twice.
    """

    @abstractmethod
    def start_run(self, request: RunRequest, /, *, key: str) -> Ref:
        """Start the product's job and return the run to follow (kind `run`), at once.

        The same key given twice to this driver starts one run.

        Raises:
            BusyError: the job runs already; nothing was started.
            NotFoundError: the product has no such job.
            UnsupportedError: this product or revision has no such level or no run of single VMs.
            OutcomeUnknownError: asked, but no answer came.
        """

    @abstractmethod
    def follow_runs(self, runs: tuple[Ref, ...], /) -> Iterator[Run]:
        """Look once at several runs, in the order asked, each with its VMs.

        In as few requests as the product allows. A run that the product forgot, and a word that
        is not known, is UNKNOWN, never a guess; `native_state` keeps the word. When the product
        says beside such a word that the run has ended, `ended_at` tells it.
        """

    @abstractmethod
    def cancel_run(self, run: Ref, /, *, key: str) -> None:
        """Ask the product to stop a run. Idempotent: also for a run that has ended.

        Returns when the wish was accepted; following shows the end.
        """


class CanSuspendRuns(CanRunJobs):
    """Pause runs and let them go on."""

    @abstractmethod
    def suspend_run(self, run: Ref, /, *, key: str) -> None:
        """Ask the product to pause a run. Suspending twice is harmless.

        Raises:
            ConflictError: the run has ended.
        """

    @abstractmethod
    def resume_run(self, run: Ref, /, *, key: str) -> None:
        """Ask the product to go on with a suspended run; harmless for one that runs.

        Raises:
            ConflictError: the run has ended.
        """


class CanRecoverInstantly(Driver):
    """Run a VM from its restore point at once; move it to production storage, or stop it."""

    @abstractmethod
    def start_instant_recovery(self, request: InstantRecoveryRequest, /, *, key: str) -> Ref:
        """Start and return the recovery (kind `instant-recovery`), by the ref it is listed under.

        The same key given twice to this driver starts one recovery.

        Raises:
            NotFoundError: there is no such restore point.
            ConflictError: something is in the way, such as a VM of that name.
            OutcomeUnknownError: asked, but no answer came.
        """

    @abstractmethod
    def instant_recoveries(self) -> Iterator[InstantRecovery]:
        """List the recoveries of the product, whoever started them; complete or raises."""

    @abstractmethod
    def migrate_instant_recovery(self, recovery: Ref, /, *, key: str) -> Ref:
        """Ask to move the VM to production storage; return the recovery to follow in the listing.

        It is MIGRATING there until it is MIGRATED or no longer listed; one whose migration
        failed is MOUNTED or FAILED again, with the reason in `message`.

        Raises:
            ConflictError: it is not mounted, or a migration runs already.
            NotFoundError: it is gone.
        """

    @abstractmethod
    def stop_instant_recovery(self, recovery: Ref, /, *, key: str) -> None:
        """Ask to remove the VM and what it wrote. Idempotent: also when it is gone already.

        One that took the place of the original VM removes that one's place too.
        """
