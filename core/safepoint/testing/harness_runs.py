"""What a plugin author provides for products that run jobs themselves."""

from __future__ import annotations

from abc import abstractmethod

from safepoint.drivers import CanRecoverInstantly, CanRunJobs, CanSuspendRuns
from safepoint.models.instant_recovery import InstantRecovery, InstantRecoveryState
from safepoint.models.refs import Ref
from safepoint.models.runs import Run
from safepoint.testing.harness import Harness

__all__ = ["InstantHarness", "RunHarness", "SuspendHarness"]


class RunHarness(Harness):
    """A harness for drivers with `CanRunJobs`.

    Its world has a job with at least two VMs that nobody else runs meanwhile, and one more VM
    that is in no job.
    """

    #: The `ProtectionJob` whose counterpart is in the product.
    job: str

    @abstractmethod
    def open_running(self) -> CanRunJobs:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def true_runs(self) -> frozenset[str]:
        """Return the product's ids of all runs of the job that really began."""

    @abstractmethod
    def true_members(self) -> frozenset[str]:
        """Return the ids of the VMs that the job really has."""

    @abstractmethod
    def stall_run(self) -> None:
        """Let the next run of the job never end by itself."""

    @abstractmethod
    def fail_one_vm(self) -> None:
        """Let one VM of the next run fail, and the others succeed."""

    @abstractmethod
    def speak_unknown_word(self) -> None:
        """Let the next run stand at a state whose word no release of the product ever had."""

    @abstractmethod
    def end_in_unknown_word(self) -> None:
        """Let the next run do its work and end, in a word that no release of the product had."""

    @abstractmethod
    def forget_run(self, run: Ref) -> None:
        """Let the product forget a run."""

    @abstractmethod
    def lose_start(self) -> None:
        """Let the next start of a run happen and its answer be lost."""

    def run_ended(self, driver: CanRunJobs, ref: Ref) -> Run:
        """Follow a run to its end, whatever that is."""

        def look() -> Run | None:
            (run,) = driver.follow_runs((ref,))
            return run if run.state.is_final else None

        return self.until(look, f"run {ref} ends")


class SuspendHarness(RunHarness):
    """A harness for drivers with `CanSuspendRuns`."""

    @abstractmethod
    def open_suspending(self) -> CanSuspendRuns:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def stretch_run(self) -> None:
        """Let the next run last for many looks, at the longest until `heal`; then it ends."""


class InstantHarness(Harness):
    """A harness for drivers with `CanRecoverInstantly`; its world has a restore point."""

    @abstractmethod
    def open_recovering(self) -> CanRecoverInstantly:
        """Return a new driver, as `open` does, known to have the ability."""

    @abstractmethod
    def point(self) -> Ref:
        """Return a restore point as `restore_points` lists it."""

    @abstractmethod
    def true_recoveries(self) -> frozenset[str]:
        """Return the names of the VMs that really run from the product's storage."""

    @abstractmethod
    def lose_instant_start(self) -> None:
        """Let the next start of an instant recovery happen and its answer be lost."""

    def mounted(self, driver: CanRecoverInstantly, ref: Ref) -> InstantRecovery:
        """Wait until a recovery is mounted."""

        def look() -> InstantRecovery | None:
            for one in driver.instant_recoveries():
                if one.ref == ref and one.state is InstantRecoveryState.MOUNTED:
                    return one
            return None

        return self.until(look, f"{ref} is mounted")
