"""The rules for products that run jobs: the reference keeps them, each mutant breaks just one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.core.testing.mutants import Mutants

from safepoint.errors import (
    BusyError,
    ConflictError,
    DriverError,
    NotFoundError,
    OutcomeUnknownError,
    UnsupportedError,
)
from safepoint.models.instant_recovery import InstantRecoveryRequest, InstantRecoveryState
from safepoint.models.refs import Ref
from safepoint.models.runs import RunLevel, RunQuery, RunState
from safepoint.testing import (
    INSTANT_RULES,
    RUN_RULES,
    SUSPEND_RULES,
    InstantRecoverySuite,
    Rule,
    SuspendRunsSuite,
)
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.harness_runs import ReferenceRunHarness

EVERY_RULE: list[Rule[Any]] = [*RUN_RULES, *SUSPEND_RULES, *INSTANT_RULES]
MUTANTS = Mutants(EVERY_RULE, ReferenceRunHarness)
breaks = MUTANTS.breaks


class TestReference(SuspendRunsSuite, InstantRecoverySuite):
    """The reference driver keeps every rule."""

    run_harness_class = ReferenceRunHarness
    instant_harness_class = ReferenceRunHarness


@breaks("starting-never-waits")
class Mislabelling(ReferenceDriver):
    def _run_ref(self, ident):
        return super()._run_ref(ident).model_copy(update={"kind": "session"})


@breaks("an-end-in-an-unknown-word-is-over")
class Endless(ReferenceDriver):
    """Says when a run ended only of those whose last word it knows."""

    def follow_runs(self, refs, /):
        return tuple(
            run.model_copy(update={"ended_at": None}) if run.state is RunState.UNKNOWN else run
            for run in super().follow_runs(refs)
        )


@breaks("one-key-starts-one-run")
class Keyless(ReferenceDriver):
    def start_run(self, request, /, *, key):
        if key in self._world.backups.keys:
            self._world.drain()
        return super().start_run(request, key=f"{key} {self._world.clock.monotonic()}")


@breaks("a-lost-start-is-found-by-listing")
class Repeating(ReferenceDriver):
    def start_run(self, request, /, *, key):
        try:
            return super().start_run(request, key=key)
        except OutcomeUnknownError:
            return super().start_run(request, key=key)


@breaks("a-running-job-is-busy")
class Cheerful(ReferenceDriver):
    def start_run(self, request, /, *, key):
        try:
            return super().start_run(request, key=key)
        except BusyError:
            return next(iter(self.runs(RunQuery(job=request.job)))).ref


@breaks("an-unknown-job-is-not-found")
class Vague(ReferenceDriver):
    def start_run(self, request, /, *, key):
        try:
            return super().start_run(request, key=key)
        except NotFoundError as error:
            raise ConflictError(error.message) from error


@breaks("a-run-tells-every-vm")
class Short(ReferenceDriver):
    def follow_runs(self, runs, /):
        for run in super().follow_runs(runs):
            is_good = run.state is RunState.SUCCEEDED and len(run.tasks) > 1
            yield run.model_copy(update={"tasks": run.tasks[:1]}) if is_good else run


@breaks("vms-of-runs-are-those-of-the-inventory")
class Renaming(ReferenceDriver):
    def follow_runs(self, runs, /):
        for run in super().follow_runs(runs):
            changed = tuple(
                t.model_copy(update={"workload_name": t.workload_name.upper()}) for t in run.tasks
            )
            yield run.model_copy(update={"tasks": changed})


@breaks("partial-success-is-its-own-state")
class Rosy(ReferenceDriver):
    def follow_runs(self, runs, /):
        for run in super().follow_runs(runs):
            is_partial = run.state is RunState.PARTIAL
            yield run.model_copy(update={"state": RunState.SUCCEEDED}) if is_partial else run


@breaks("following-keeps-the-order")
class Sorting(ReferenceDriver):
    def follow_runs(self, runs, /):
        return super().follow_runs(tuple(sorted(runs, key=str)))


@breaks("a-run-is-followed-from-another-session")
class Private(ReferenceDriver):
    has_started = False

    def start_run(self, request, /, *, key):
        self.has_started = True
        return super().start_run(request, key=key)

    def follow_runs(self, runs, /):
        for run in super().follow_runs(runs):
            is_hidden = not self.has_started and run.state is not RunState.UNKNOWN
            yield run.model_copy(update={"state": RunState.UNKNOWN}) if is_hidden else run


@breaks("a-forgotten-run-is-unknown")
class Strict(ReferenceDriver):
    def follow_runs(self, runs, /):
        for run in super().follow_runs(runs):
            if run.state is RunState.UNKNOWN and not run.native_state:
                raise NotFoundError(f"no run {run.id}")
            yield run


@breaks("an-unknown-word-is-unknown")
class Guessing(ReferenceDriver):
    def follow_runs(self, runs, /):
        for run in super().follow_runs(runs):
            is_strange = run.state is RunState.UNKNOWN and run.native_state and not run.ended_at
            yield run.model_copy(update={"state": RunState.RUNNING}) if is_strange else run


@breaks("cancelling-is-idempotent")
class Once(ReferenceDriver):
    def cancel_run(self, run, /, *, key):
        if key == "stop again":
            raise ConflictError("it was stopped already")
        super().cancel_run(run, key=key)


@breaks("a-level-is-carried-or-refused")
class Downgrading(ReferenceDriver):
    def start_run(self, request, /, *, key):
        try:
            return super().start_run(request, key=key)
        except UnsupportedError:
            wish = request.model_copy(update={"level": RunLevel.FULL})
            return super().start_run(wish, key=key)


@breaks("one-vm-is-run-alone-or-refused")
class Wholesale(ReferenceDriver):
    def start_run(self, request, /, *, key):
        return super().start_run(request.model_copy(update={"workloads": ()}), key=key)


@breaks("a-listed-run-began-when-it-began")
class Zoned(ReferenceDriver):
    def runs(self, query, /):
        for run in super().runs(query):
            late = run.requested_at + timedelta(hours=1)
            yield run.model_copy(update={"requested_at": late})


@breaks("active-runs-tell-their-vms")
class Terse(ReferenceDriver):
    def runs(self, query, /):
        for run in super().runs(query):
            yield run.model_copy(update={"tasks": ()})


@breaks("a-broken-run-listing-raises")
class Shortening(ReferenceDriver):
    def runs(self, query, /):
        try:
            yield from super().runs(query)
        except DriverError:
            return


@breaks("a-suspended-run-rests")
class Sleepless(ReferenceDriver):
    def suspend_run(self, run, /, *, key):
        super().suspend_run(run, key=key)
        self.resume_run(run, key=key)


@breaks("suspending-and-resuming-twice-is-harmless")
class Pedantic(ReferenceDriver):
    def suspend_run(self, run, /, *, key):
        if self._world.backups.runs[run.id].is_on_hold:
            raise ConflictError("it is on hold already")
        super().suspend_run(run, key=key)


@breaks("what-has-ended-cannot-be-suspended")
class Obliging(ReferenceDriver):
    def suspend_run(self, run, /, *, key):
        try:
            super().suspend_run(run, key=key)
        except ConflictError:
            return


@breaks("a-recovery-is-listed-as-returned")
class Relabelling(ReferenceDriver):
    def start_instant_recovery(self, request, /, *, key):
        ref = super().start_instant_recovery(request, key=key)
        return ref if key != "new" else Ref(kind="mount", system=ref.system, id=ref.id)


@breaks("a-mounted-vm-is-in-the-inventory")
class Inventing(ReferenceDriver):
    def instant_recoveries(self):
        for one in super().instant_recoveries():
            ref = one.workload and one.workload.model_copy(update={"id": "elsewhere"})
            yield one.model_copy(update={"workload": ref})


@breaks("one-key-starts-one-recovery")
class Forgetful(ReferenceDriver):
    def start_instant_recovery(self, request, /, *, key):
        self._world.mounts.keys.clear()
        if key == "once" and self._world.mounts.mounts:
            request = request.model_copy(update={"new_name": f"{request.new_name}-2"})
        return super().start_instant_recovery(request, key=key)


@breaks("a-lost-recovery-is-found-by-listing")
class Insisting(ReferenceDriver):
    def start_instant_recovery(self, request, /, *, key):
        try:
            return super().start_instant_recovery(request, key=key)
        except OutcomeUnknownError:
            return super().start_instant_recovery(request, key=key)


@breaks("an-unknown-point-is-not-found")
class Hazy(ReferenceDriver):
    def start_instant_recovery(self, request, /, *, key):
        try:
            return super().start_instant_recovery(request, key=key)
        except NotFoundError as error:
            raise ConflictError(error.message) from error


@breaks("stopping-removes-the-vm-and-is-idempotent")
class Fussy(ReferenceDriver):
    def stop_instant_recovery(self, recovery, /, *, key):
        if recovery.id not in self._world.mounts.mounts:
            raise NotFoundError("it is gone")
        super().stop_instant_recovery(recovery, key=key)


@breaks("a-migrated-vm-stays")
class Sweeping(ReferenceDriver):
    def migrate_instant_recovery(self, recovery, /, *, key):
        ref = super().migrate_instant_recovery(recovery, key=key)
        self._world.machines.pop(self._world.mounts.mounts[recovery.id].machine)
        return ref


@breaks("what-is-gone-cannot-be-migrated")
class Blind(ReferenceDriver):
    def migrate_instant_recovery(self, recovery, /, *, key):
        try:
            return super().migrate_instant_recovery(recovery, key=key)
        except NotFoundError:
            return recovery


@breaks("a-broken-recovery-listing-raises")
class Hushing(ReferenceDriver):
    def instant_recoveries(self):
        try:
            yield from super().instant_recoveries()
        except DriverError:
            return


def test_every_rule_has_a_mutant() -> None:
    """A rule that nothing can break checks nothing."""
    assert set(MUTANTS.of) == set(MUTANTS.rules)


@pytest.mark.parametrize("rule", sorted(MUTANTS.rules))
def test_mutant_breaks_its_rule_and_no_other(rule: str) -> None:
    """Each rule finds what no other rule finds."""
    assert MUTANTS.broken_by(MUTANTS.of[rule]) == {rule}


def test_unknown_state_of_a_recovery_is_kept_as_a_word() -> None:
    """A word of the product that is not known is UNKNOWN, with the word kept."""
    harness = ReferenceRunHarness()
    driver = harness.open_recovering()
    assert isinstance(driver, ReferenceDriver)
    request = InstantRecoveryRequest(
        point=harness.point(), cluster=harness.cluster, new_name="odd"
    )
    ref = driver.start_instant_recovery(request, key="odd")
    harness.mounted(driver, ref)
    harness.world.mounts.mounts[ref.id].word = "levitating"

    (seen,) = driver.instant_recoveries()

    assert (seen.state, seen.native_state) == (InstantRecoveryState.UNKNOWN, "levitating")
