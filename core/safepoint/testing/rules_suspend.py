"""The rules of `CanSuspendRuns`."""

from __future__ import annotations

from safepoint.drivers import CanSuspendRuns
from safepoint.errors import ConflictError
from safepoint.models.refs import Ref
from safepoint.models.runs import RunState
from safepoint.testing.harness_runs import SuspendHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_required import raised
from safepoint.testing.rules_runs import look, started

__all__ = ["SUSPEND_RULES"]

rule: RuleBook[SuspendHarness] = RuleBook()

_LOOKS = 30
_STARTS = 5


def rested(driver: CanSuspendRuns, harness: SuspendHarness) -> Ref:
    """Return a run that rests; a small one may end before it is told to, and is begun anew."""
    for _ in range(_STARTS):
        ref = started(driver, harness)
        error = raised(lambda: driver.suspend_run(ref, key="rest"))  # noqa: B023 - called at once
        assert error is None or isinstance(error, ConflictError), repr(error)

        def told() -> RunState | None:
            state = look(driver, ref).state  # noqa: B023 - called at once
            return state if state is RunState.SUSPENDED or state.is_final else None

        if harness.until(told, "it says SUSPENDED") is RunState.SUSPENDED:
            return ref
    msg = f"{_STARTS} runs ended although they were suspended"
    raise AssertionError(msg)


@rule
def a_suspended_run_rests(harness: SuspendHarness) -> None:
    """It says SUSPENDED and does not end; resumed it goes on to its end."""
    driver = harness.open_suspending()
    ref = rested(driver, harness)
    for _ in range(_LOOKS):
        harness.pause()
    assert look(driver, ref).state is RunState.SUSPENDED, "it went on by itself"
    driver.resume_run(ref, key="on")
    assert harness.run_ended(driver, ref).state in {RunState.SUCCEEDED, RunState.WARNING}


@rule
def suspending_and_resuming_twice_is_harmless(harness: SuspendHarness) -> None:
    """Each may be asked for again, as long as the run has not ended meanwhile."""
    driver = harness.open_suspending()
    ref = started(driver, harness)
    for call in (driver.suspend_run, driver.suspend_run, driver.resume_run, driver.resume_run):
        error = raised(lambda: call(ref, key="again"))  # noqa: B023 - called at once
        has_ended = isinstance(error, ConflictError) and look(driver, ref).state.is_final
        assert error is None or has_ended, repr(error)
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
