"""The harness of the reference driver for its product's own jobs and instant recoveries."""

from __future__ import annotations

import math

from typing_extensions import override

from safepoint.drivers import CanRecoverInstantly, CanSuspendRuns
from safepoint.models.refs import Ref
from safepoint.models.runs import RunLevel
from safepoint.testing.harness_runs import InstantHarness, SuspendHarness
from safepoint_lab.reference.harness import ReferenceHarness
from safepoint_lab.reference.operations import Failure
from safepoint_lab.reference.session import ReferenceSettings

__all__ = ["ReferenceRunHarness"]


class ReferenceRunHarness(ReferenceHarness, SuspendHarness, InstantHarness):
    """A job over two of the three machines, and a restore point of one of them."""

    job = "gold"

    def __init__(self) -> None:
        super().__init__()
        alpha, beta, _gamma = self.world.machines.values()
        self.world.add_job("earlier", alpha)
        self.world.backups.start(self.world, "earlier", [alpha.id], RunLevel.FULL)
        self.world.drain()
        self.world.add_job(self.job, alpha, beta)

    @override
    def open_running(self) -> CanSuspendRuns:
        return self._open(ReferenceSettings())

    @override
    def open_suspending(self) -> CanSuspendRuns:
        return self._open(ReferenceSettings())

    @override
    def open_recovering(self) -> CanRecoverInstantly:
        return self._open(ReferenceSettings())

    # --- runs -----------------------------------------------------------------------------------

    @override
    def true_runs(self) -> frozenset[str]:
        with self.world.lock:
            self.world.settle()
            return frozenset(r.id for r in self.world.backups.runs.values() if r.job == self.job)

    @override
    def true_members(self) -> frozenset[str]:
        alpha, beta, *_ = self.world.machines
        return frozenset({alpha, beta})

    @override
    def stall_run(self) -> None:
        self.world.faults.slow("backup", math.inf)

    @override
    def stretch_run(self) -> None:
        self.world.faults.slow("backup", 60.0)

    @override
    def fail_one_vm(self) -> None:
        self.world.faults.fail("backup", Failure("quiesce", "the guest does not answer"))

    @override
    def speak_unknown_word(self) -> None:
        self.world.faults.use_word("quiescing the flux")

    @override
    def end_in_unknown_word(self) -> None:
        self.world.faults.end_with_word("done, in a manner of speaking")

    @override
    def forget_run(self, run: Ref) -> None:
        self.world.backups.runs[run.id].is_forgotten = True

    @override
    def lose_start(self) -> None:
        self.world.faults.lose_answer("start_run")

    # --- instant recoveries ---------------------------------------------------------------------

    @override
    def point(self) -> Ref:
        return next(iter(self.world.repository.points.values())).point.ref

    @override
    def true_recoveries(self) -> frozenset[str]:
        with self.world.lock:
            self.world.settle()
            return frozenset(m.name for m in self.world.mounts.mounts.values())

    @override
    def lose_instant_start(self) -> None:
        self.world.faults.lose_answer("start_instant_recovery")
