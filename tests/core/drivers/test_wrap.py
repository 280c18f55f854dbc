"""What is put around a driver: complete listings, patience with reads only, declared errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from safepoint.drivers import (
    ABILITY_TYPES,
    REFINEMENTS,
    CanCheckpoint,
    CanRunJobs,
    CanSuspendRuns,
    Driver,
    DriverContext,
)
from safepoint.drivers.wrap import Call, CountCalls, RetryReads, check_contract, intercepted
from safepoint.errors import (
    AuthenticationError,
    BusyError,
    DriverContractError,
    NotFoundError,
    OutcomeUnknownError,
    RunCancelledError,
    ThrottledError,
    UnreachableError,
    UnsupportedError,
)
from safepoint.models.checkpoints import CheckpointQuery, CheckpointRequest
from safepoint.models.refs import Ref
from safepoint.models.workloads import WorkloadQuery
from safepoint_lab.reference import ReferenceDriver, ReferenceSettings, World
from safepoint_lab.reference.checkpointing import CheckpointingSession
from safepoint_lab.reference.running import RunningSession
from safepoint_lab.reference.session import ReferenceSession

_READ = Call("acme", "workloads")
_WRITE = Call("acme", "create_checkpoint")
_WRITES = {
    "apply",
    "cancel_restore",
    "cancel_run",
    "close",
    "copy",
    "create_checkpoint",
    "delete_checkpoint",
    "discard",
    "migrate_instant_recovery",
    "rename_checkpoint",
    "resume_run",
    "revert_checkpoint",
    "seal",
    "start_instant_recovery",
    "start_replica_step",
    "start_restore",
    "start_run",
    "start_verification",
    "stop_instant_recovery",
    "suspend_run",
    "verify_copy",
}


@pytest.fixture
def world() -> World:
    made = World()
    for name in ("sql01", "web01", "app01"):
        made.add_machine(name)
    return made


def opened(world: World, kind: type[ReferenceSession] = ReferenceDriver) -> Driver:
    context = DriverContext(connection="acme", now=world.clock.now, data_dir=Path("unused"))
    return kind(world, ReferenceSettings(), context)


class Attempts:
    """Fails with each error in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


# --- the wrapper itself -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ReferenceDriver, CheckpointingSession, RunningSession])
def test_wrapped_driver_has_the_same_abilities(world: World, kind: type[ReferenceSession]) -> None:
    inside = opened(world, kind)
    outside = intercepted(inside, "acme")

    for ability in (*ABILITY_TYPES.values(), *REFINEMENTS):
        assert isinstance(outside, ability) == isinstance(inside, ability)


def test_ability_that_builds_on_another_one_brings_it_along(world: World) -> None:
    outside = intercepted(opened(world, RunningSession), "acme")

    assert isinstance(outside, CanSuspendRuns)
    assert isinstance(outside, CanRunJobs)
    assert list(outside.follow_runs(())) == []


def test_calls_pass_the_interceptors_outermost_first(world: World) -> None:
    seen: list[str] = []

    def named(name: str) -> Callable[[Call, Callable[[], Any]], Any]:
        def around(call: Call, proceed: Callable[[], Any]) -> Any:
            seen.append(f"{name} before {call.method}")
            result = proceed()
            seen.append(f"{name} after {call.method}")
            return result

        return around

    intercepted(opened(world), "acme", named("outer"), named("inner")).support()

    assert seen == [
        "outer before support",
        "inner before support",
        "inner after support",
        "outer after support",
    ]


def test_arguments_and_results_pass_unchanged(world: World) -> None:
    inside = cast("CanCheckpoint", opened(world))
    outside = cast("CanCheckpoint", intercepted(inside, "acme"))
    vm = next(iter(outside.workloads(WorkloadQuery())))
    assert vm == next(iter(inside.workloads(WorkloadQuery())))

    operation = outside.create_checkpoint(
        CheckpointRequest(workload=vm.ref, name="name"), key="key"
    )
    world.drain()

    assert outside.operation(operation) == inside.operation(operation)
    assert len(list(outside.checkpoints(CheckpointQuery()))) == 1


@pytest.mark.parametrize("after", [0, 1, 2])
def test_listing_that_breaks_half_way_yields_nothing_at_all(world: World, after: int) -> None:
    """The failure comes at the call, not after some rows were worked with."""
    driver = intercepted(opened(world), "acme")
    world.faults.break_listing("workloads", after=after)

    with pytest.raises(UnreachableError):
        driver.workloads(WorkloadQuery())


def test_broken_listing_is_read_again_from_its_beginning(world: World) -> None:
    driver = intercepted(opened(world), "acme", RetryReads(lambda _seconds: None))
    world.faults.break_listing("workloads", after=2, times=2)

    names = [workload.name for workload in driver.workloads(WorkloadQuery())]

    assert names == ["sql01", "web01", "app01"]


# --- patience -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [UnreachableError("x"), BusyError("x"), ThrottledError("x")])
def test_read_is_repeated_after_what_passes(error: Exception) -> None:
    pauses: list[float] = []
    attempts = Attempts(error, error)

    assert RetryReads(pauses.append)(_READ, attempts) == "done"
    assert pauses == [0.25, 0.5]


@pytest.mark.parametrize(
    "error", [AuthenticationError("x"), NotFoundError("x"), OutcomeUnknownError("x")]
)
def test_read_is_not_repeated_after_what_stays(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)):
        RetryReads(lambda _seconds: None)(_READ, attempts)

    assert attempts.count == 1


def test_patience_ends_with_the_last_error() -> None:
    last = UnreachableError("the last")
    attempts = Attempts(UnreachableError("1"), UnreachableError("2"), last, UnreachableError("4"))

    with pytest.raises(UnreachableError) as caught:
        RetryReads(lambda _seconds: None, attempts=3)(_READ, attempts)

    assert caught.value is last
    assert attempts.count == 3


@pytest.mark.parametrize("method", sorted(_WRITES))
def test_write_is_never_repeated(method: str) -> None:
    attempts = Attempts(UnreachableError("x"))
    with pytest.raises(UnreachableError):
        RetryReads(lambda _seconds: None)(Call("acme", method), attempts)

    assert attempts.count == 1


def test_every_method_is_either_a_known_read_or_a_write_with_a_key_or_a_byte_mover() -> None:
    """A new method must not be repeated just because nobody thought about it."""
    writes = {
        name
        for kind in (Driver, *ABILITY_TYPES.values())
        for name in getattr(kind, "__abstractmethods__", ())
        if not Call("acme", name).is_read
    }

    assert writes == _WRITES


def test_system_that_asks_for_patience_gets_it_within_reason() -> None:
    pauses: list[float] = []
    attempts = Attempts(
        ThrottledError("x", retry_after_seconds=2.0), ThrottledError("x", retry_after_seconds=900)
    )

    RetryReads(pauses.append)(_READ, attempts)

    assert pauses == [2.0, 5.0]


# --- the contract -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [NotFoundError("x"), UnsupportedError("x"), RunCancelledError("x")]
)
def test_declared_error_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        check_contract(_WRITE, Attempts(error))

    assert caught.value is error


def test_undeclared_error_is_named_as_the_defect_of_the_driver() -> None:
    original = KeyError("Msvm_Wrong")
    with pytest.raises(DriverContractError) as caught:
        check_contract(_WRITE, Attempts(original))

    assert "'acme'" in caught.value.message
    assert "KeyError in create_checkpoint" in caught.value.message
    assert "defect of the plugin" in caught.value.hint
    assert caught.value.__cause__ is original


def test_interrupt_is_nobodys_defect() -> None:
    with pytest.raises(KeyboardInterrupt):
        check_contract(_WRITE, Attempts(cast("Exception", KeyboardInterrupt())))


def test_calls_are_counted_and_timed_also_when_they_fail() -> None:
    count = CountCalls()
    count(_READ, Attempts())
    with pytest.raises(NotFoundError):
        count(_READ, Attempts(NotFoundError("x")))

    assert count.counts == {"workloads": 2}
    assert count.seconds["workloads"] >= 0


def test_call_shows_no_argument() -> None:
    call = Call("acme", "workloads", arguments=("a secret",), key="a key")
    assert repr(call) == "Call(driver='acme', method='workloads')"


def test_refs_of_a_wrapped_driver_are_those_of_the_one_inside(world: World) -> None:
    outside = intercepted(opened(world), "acme")

    assert next(iter(outside.workloads(WorkloadQuery()))).ref == Ref(
        kind="workload", system=world.cluster, id=next(iter(world.machines))
    )
