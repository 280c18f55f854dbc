"""The rules of `CanRunJobs`."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from safepoint.drivers import CanRunJobs
from safepoint.errors import (
    BusyError,
    DriverError,
    NotFoundError,
    OutcomeUnknownError,
    UnsupportedError,
)
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel, RunQuery, RunRequest, RunState
from safepoint.testing.harness_runs import RunHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_recovery import unknown
from safepoint.testing.rules_required import raised, workloads

__all__ = ["RUN_RULES", "look", "started"]

rule: RuleBook[RunHarness] = RuleBook()

#: A product's clock and ours are about the same; a wrong zone is an hour off.
_CLOCK_TOLERANCE: Final = timedelta(minutes=10)


def started(driver: CanRunJobs, harness: RunHarness, **request: object) -> Ref:
    """Start the harness's job under a key of its own."""
    wish = RunRequest.model_validate({"job": harness.job, **request})
    return driver.start_run(wish, key=secrets.token_hex(8))


def granted(driver: CanRunJobs, harness: RunHarness, **request: object) -> Ref | None:
    """Start the harness's job, or return None when that is refused as not supported."""
    before = harness.true_runs()
    try:
        return started(driver, harness, **request)
    except UnsupportedError as error:
        is_clean = bool(error.message) and harness.true_runs() == before
    assert is_clean, "it was refused without a reason, or began all the same"
    return None


def look(driver: CanRunJobs, ref: Ref) -> Run:
    """Look at one run."""
    (run,) = driver.follow_runs((ref,))
    return run


@rule
def starting_never_waits(harness: RunHarness) -> None:
    """Starting returns a run to follow at once, also when it never ends."""
    driver = harness.open_running()
    harness.stall_run()
    ref = started(driver, harness)
    assert ref.kind == "run", f"the reference is of kind {ref.kind!r}"
    run = look(driver, ref)
    assert not run.state.is_final, f"it is {run.state} already"
    assert run.ref == ref, f"following {ref} gives {run.ref}"
    driver.cancel_run(ref, key="away")


@rule
def one_key_starts_one_run(harness: RunHarness) -> None:
    """The same request with the same key starts one run and returns it both times."""
    driver = harness.open_running()
    before = harness.true_runs()
    request = RunRequest(job=harness.job)
    refs = {driver.start_run(request, key="once") for _ in range(2)}
    assert len(refs) == 1, f"it returns {refs}"
    harness.run_ended(driver, refs.pop())
    assert len(harness.true_runs() - before) == 1, "more than one began"


@rule
def a_lost_start_is_found_by_listing(harness: RunHarness) -> None:
    """A start whose answer is lost raises OutcomeUnknownError, is not repeated, and is listed."""
    driver = harness.open_running()
    before, known = harness.true_runs(), {r.ref for r in driver.runs(RunQuery(job=harness.job))}
    harness.lose_start()
    error = raised(lambda: started(driver, harness))
    assert isinstance(error, OutcomeUnknownError), repr(error)
    assert len(harness.true_runs() - before) == 1, "it did not begin, or was repeated"
    new = [r for r in driver.runs(RunQuery(job=harness.job)) if r.ref not in known]
    assert [r.id in harness.true_runs() for r in new] == [True], f"listed as new: {new}"
    assert new[0].ref is not None, "a listed run has no reference to follow"
    harness.run_ended(driver, new[0].ref)


@rule
def a_running_job_is_busy(harness: RunHarness) -> None:
    """Starting a job that runs raises BusyError and starts nothing."""
    driver = harness.open_running()
    harness.stall_run()
    ref = started(driver, harness)
    before = harness.true_runs()
    error = raised(lambda: started(driver, harness))
    assert isinstance(error, BusyError), repr(error)
    assert harness.true_runs() == before, "a second run began"
    driver.cancel_run(ref, key="away")


@rule
def an_unknown_job_is_not_found(harness: RunHarness) -> None:
    """Starting a job that the product has not raises NotFoundError."""
    driver = harness.open_running()
    wish = RunRequest(job=f"no-such-job-{secrets.token_hex(4)}")
    error = raised(lambda: driver.start_run(wish, key="x"))
    assert isinstance(error, NotFoundError), repr(error)


@rule
def a_run_tells_every_vm(harness: RunHarness) -> None:
    """A run that went well has SUCCEEDED, for every VM of the job, with times and a word."""
    driver = harness.open_running()
    run = harness.run_ended(driver, started(driver, harness))
    assert run.state in {RunState.SUCCEEDED, RunState.WARNING}, f"{run.state}: {run.message}"
    assert run.native_state, "the product's own word is gone"
    assert run.ended_at is not None, "an ended run has no end"
    members = {task.workload.id for task in run.tasks}
    assert members == harness.true_members(), "not the VMs of the job"
    assert {t.state for t in run.tasks} <= {RunState.SUCCEEDED, RunState.WARNING}


@rule
def vms_of_runs_are_those_of_the_inventory(harness: RunHarness) -> None:
    """The VM of a task is the one that `workloads` lists, by the same reference."""
    driver = harness.open_running()
    run = harness.run_ended(driver, started(driver, harness))
    known = {w.ref: w.name for w in workloads(driver, harness.cluster)}
    for task in run.tasks:
        assert task.workload in known, f"{task.workload} is not a VM of the inventory"
        assert task.workload_name == known[task.workload], "it has another VM's name"


@rule
def partial_success_is_its_own_state(harness: RunHarness) -> None:
    """When one VM fails and others succeed, the run is PARTIAL, whatever the product calls it."""
    driver = harness.open_running()
    harness.fail_one_vm()
    run = harness.run_ended(driver, started(driver, harness))
    assert run.state is RunState.PARTIAL, f"it is {run.state} ({run.native_state})"
    failed = [task for task in run.tasks if task.state is RunState.FAILED]
    assert len(failed) == 1, f"{len(failed)} VMs failed instead of one"
    assert failed[0].message or failed[0].error, "nobody says why"


@rule
def following_keeps_the_order(harness: RunHarness) -> None:
    """Several runs are looked at in the order asked, one answer each."""
    driver = harness.open_running()
    refs = []
    for _ in range(2):
        refs.append(started(driver, harness))
        harness.run_ended(driver, refs[-1])
    for asked in (tuple(refs), tuple(reversed(refs))):
        seen = tuple(run.ref for run in driver.follow_runs(asked))
        assert seen == asked, f"asked for {asked}, got {seen}"
    assert list(driver.follow_runs(())) == [], "no question, and an answer"


@rule
def a_run_is_followed_from_another_session(harness: RunHarness) -> None:
    """Whoever started it may be dead: another session follows the reference, read from text."""
    driver, another = harness.open_running(), harness.open_running()
    ref = Ref.parse(str(started(driver, harness)))
    assert harness.run_ended(another, ref).ref == ref


@rule
def a_forgotten_run_is_unknown(harness: RunHarness) -> None:
    """A run that the product forgot, or that never was, is UNKNOWN and no error."""
    driver = harness.open_running()
    ref = started(driver, harness)
    harness.run_ended(driver, ref)
    harness.forget_run(ref)
    for lost in (ref, unknown(ref)):
        error = raised(lambda: driver.follow_runs((lost,)))  # noqa: B023 - called at once
        assert error is None, repr(error)
        assert look(driver, lost).state is RunState.UNKNOWN, look(driver, lost).state


@rule
def an_unknown_word_is_unknown(harness: RunHarness) -> None:
    """A word that is not known maps to UNKNOWN, and stays visible; it is never guessed final."""
    driver = harness.open_running()
    harness.speak_unknown_word()
    ref = started(driver, harness)

    def told() -> Run | None:
        run = look(driver, ref)
        return run if run.state is RunState.UNKNOWN or run.state.is_final else None

    run = harness.until(told, "the word that nobody knows is told as UNKNOWN")
    assert run.state is RunState.UNKNOWN, f"{run.native_state!r} was taken for {run.state}"
    assert run.native_state, "the product's own word is gone"
    driver.cancel_run(ref, key="away")


@rule
def an_end_in_an_unknown_word_is_over(harness: RunHarness) -> None:
    """A run that has ended in a word that is not known is UNKNOWN and over, and no success.

    Only its end tells it from one that still works: without it, its job would be followed and
    kept from running again for ever.
    """
    driver = harness.open_running()
    harness.end_in_unknown_word()
    ref = started(driver, harness)

    def over() -> Run | None:
        run = look(driver, ref)
        return run if run.is_over else None

    run = harness.until(over, "a run whose last word nobody knows is told as over")
    assert run.state is RunState.UNKNOWN, f"{run.native_state!r} was taken for {run.state}"
    assert run.native_state, "the product's own word is gone"
    active = [one.ref for one in driver.runs(RunQuery(job=harness.job, only_active=True))]
    assert ref not in active, "it is over and listed as active"


@rule
def cancelling_is_idempotent(harness: RunHarness) -> None:
    """A run that is cancelled twice ends CANCELLED; cancelling one that has ended is harmless."""
    driver = harness.open_running()
    harness.stall_run()
    ref = started(driver, harness)
    driver.cancel_run(ref, key="stop")
    driver.cancel_run(ref, key="stop again")
    run = harness.run_ended(driver, ref)
    assert run.state is RunState.CANCELLED, f"it is {run.state} ({run.native_state})"
    driver.cancel_run(ref, key="and again")
    assert look(driver, ref).state is RunState.CANCELLED, "cancelling changed what had ended"


@rule
def a_level_is_carried_or_refused(harness: RunHarness) -> None:
    """A level is what the run has, or UnsupportedError; never silently another one."""
    driver = harness.open_running()
    for level in RunLevel:
        ref = granted(driver, harness, level=level)
        if ref is not None:
            run = harness.run_ended(driver, ref)
            told = {level} if level is not RunLevel.AUTO else set(RunLevel)
            assert run.level in told, f"asked for {level}, the run says {run.level}"


@rule
def one_vm_is_run_alone_or_refused(harness: RunHarness) -> None:
    """A request for one VM runs that one, or raises UnsupportedError; never the whole job."""
    driver = harness.open_running()
    members = harness.true_members()
    vm = next(w for w in workloads(driver, harness.cluster) if w.ref.id in members)
    ref = granted(driver, harness, workloads=(vm,))
    if ref is not None:
        run = harness.run_ended(driver, ref)
        assert [task.workload for task in run.tasks] == [vm.ref], "it ran other VMs"


@rule
def a_listed_run_began_when_it_began(harness: RunHarness) -> None:
    """Runs are listed with their true moment, newest first, no more than asked for."""
    driver = harness.open_running()
    refs = []
    for _ in range(2):
        refs.append(started(driver, harness))
        harness.run_ended(driver, refs[-1])
    listed = list(driver.runs(RunQuery(job=harness.job)))
    assert [run.ref for run in listed][:2] == refs[::-1], "not newest first"
    off = abs(driver.probe().probed_at - listed[0].requested_at)
    assert off <= _CLOCK_TOLERANCE, f"its time is off by {off}"
    (newest,) = driver.runs(RunQuery(job=harness.job, limit=1))
    assert newest.ref == refs[1], "a limit of one gives another one"
    later = listed[0].requested_at + timedelta(seconds=1)
    assert list(driver.runs(RunQuery(job=harness.job, since=later))) == [], "`since` is ignored"


@rule
def active_runs_tell_their_vms(harness: RunHarness) -> None:
    """A query for active runs with their VMs gives these and only these, and none when idle."""
    driver = harness.open_running()
    harness.run_ended(driver, started(driver, harness))
    query = RunQuery(only_active=True, with_tasks=True)
    assert list(driver.runs(query)) == [], "an ended run is called active"
    harness.stall_run()
    ref = started(driver, harness)
    (run,) = driver.runs(query)
    assert run.ref == ref, "it is another run"
    members = {task.workload.id for task in run.tasks}
    assert members == harness.true_members(), "not the VMs that the product works on"
    driver.cancel_run(ref, key="away")


@rule
def a_broken_run_listing_raises(harness: RunHarness) -> None:
    """A listing of runs that breaks raises a DriverError and is never a short list."""
    driver = harness.open_running()
    harness.run_ended(driver, started(driver, harness))
    for after in range(2):
        harness.break_listing("runs", after=after)
        error = raised(lambda: driver.runs(RunQuery(job=harness.job)))
        harness.heal()
        assert isinstance(error, DriverError), f"broken after {after}: {error!r}"


#: All of them, in the order in which a driver grows.
RUN_RULES: tuple[Rule[RunHarness], ...] = tuple(rule.rules)
