"""The rules of `CanSuspendRuns`."""

from __future__ import annotations

from safepoint.errors import ConflictError
from safepoint.models.runs import RunState
from safepoint.testing.harness_runs import SuspendHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_required import raised
from safepoint.testing.rules_runs import look, started

__all__ = ["SUSPEND_RULES"]

rule: RuleBook[SuspendHarness] = RuleBook()

_LOOKS = 30


@rule
def a_suspended_run_rests(harness: SuspendHarness) -> None:
    """It says SUSPENDED and does not end; resumed it goes on to its end."""
    driver = harness.open_suspending()
    harness.stretch_run()
    ref = started(driver, harness)
    driver.suspend_run(ref, key="rest")
    harness.until(
        lambda: look(driver, ref).state is RunState.SUSPENDED or None, "it says SUSPENDED"
    )
    for _ in range(_LOOKS):
        harness.pause()
    assert look(driver, ref).state is RunState.SUSPENDED, "it went on by itself"
    harness.heal()
    driver.resume_run(ref, key="on")
    assert harness.run_ended(driver, ref).state in {RunState.SUCCEEDED, RunState.WARNING}


@rule
def suspending_and_resuming_twice_is_harmless(harness: SuspendHarness) -> None:
    """Each may be asked for again."""
    driver = harness.open_suspending()
    harness.stretch_run()
    ref = started(driver, harness)
    for _ in range(2):
        driver.suspend_run(ref, key="rest")
    for _ in range(2):
        driver.resume_run(ref, key="on")
    harness.heal()
    assert harness.run_ended(driver, ref).state in {RunState.SUCCEEDED, RunState.WARNING}


@rule
def what_has_ended_cannot_be_suspended(harness: SuspendHarness) -> None:
    """Suspending and resuming a run that has ended raise ConflictError."""
    driver = harness.open_suspending()
    ref = started(driver, harness)
    harness.run_ended(driver, ref)
    for call in (driver.suspend_run, driver.resume_run):
        error = raised(lambda: call(ref, key="late"))  # noqa: B023 - called at once
        assert isinstance(error, ConflictError), repr(error)


#: All of them.
SUSPEND_RULES: tuple[Rule[SuspendHarness], ...] = tuple(rule.rules)
