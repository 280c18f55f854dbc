"""Changes that take longer than a request: followed to their end, and only what is seen counts."""

from __future__ import annotations

import pytest

from safepoint.errors import AuthenticationError, UnreachableError, VendorFaultError
from safepoint.models.plans import PlanScope
from safepoint.planning.applying import ApplySink
from safepoint.planning.following import LONGEST_CHANGE_SECONDS
from safepoint.store import OperationState
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.operations import Failure

ALL = PlanScope()


class Told(ApplySink):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def begins(self, number, total, change, /) -> None:
        pass

    def ended(self, step, /) -> None:
        pass

    def remark(self, text, /) -> None:
        self.remarks.append(text)


def states(bench, plan):
    return [bench.store.operations.events(row.key) for row in bench.store.operations.of_plan(plan)]


def test_a_long_change_is_followed_with_progress_before_the_next_one_begins(bench) -> None:
    bench.world.faults.slow("apply", 90.0)
    told = Told()
    plan = bench().plan(ALL)
    report = bench().apply(plan, sink=told)

    assert report.error is None
    assert len(report.done) == len(plan.writes)
    assert any("%" in text for text in told.remarks)
    assert set(states(bench, plan.id)) == {("intent", "done", "verified")}


def test_a_long_change_that_fails_says_why_and_stops(bench) -> None:
    bench.world.faults.slow("apply", 5.0)
    bench.world.faults.fail("apply", Failure("vendor-fault", "no disk space on node2"))
    report = bench().apply(bench().plan(ALL))

    assert isinstance(report.error, VendorFaultError)
    assert "no disk space on node2" in report.error.message
    assert report.steps[0].state is OperationState.FAILED
    assert bench().apply(bench().plan(ALL)).error is None


def test_an_end_without_effect_is_a_lost_answer_and_asked_again_with_the_same_key(bench) -> None:
    bench.world.faults.slow("apply", 5.0)
    bench.world.faults.forget("apply")
    told = Told()
    plan = bench().plan(ALL)
    report = bench().apply(plan, sink=told)

    assert report.error is None
    assert len(bench.world.product.named("plan", "gold")) == 1
    asked_twice = ("intent", "unknown", "absent", "intent", "unknown", "verified")
    assert asked_twice in states(bench, plan.id)


def test_a_product_that_is_away_for_a_while_is_asked_again(bench) -> None:
    bench.world.faults.slow("apply", 60.0)
    bench.world.faults.refuse("change_status", UnreachableError("gone"), times=9)
    report = bench().apply(bench().plan(ALL))

    assert report.error is None


def test_what_can_no_longer_be_followed_is_unknown_and_not_failed(bench) -> None:
    bench.world.faults.slow("apply", 600.0)
    bench.world.faults.refuse("change_status", AuthenticationError("password changed"))
    told = Told()
    report = bench().apply(bench().plan(ALL), sink=told)

    assert report.error is None, "the same key finds what is under way"
    assert any("no answer came" in text for text in told.remarks)


def test_a_change_without_end_is_left_to_the_next_apply(bench) -> None:
    bench.world.faults.slow("apply")
    began = bench.world.clock.monotonic()
    plan = bench().plan(ALL)
    report = bench().apply(plan)

    assert report.error is not None
    assert report.error.code == "outcome-unknown"
    assert bench.world.clock.monotonic() - began > LONGEST_CHANGE_SECONDS
    assert report.steps[0].state is OperationState.ABSENT


class Killed(BaseException):
    """The process is no more."""


def test_a_process_that_dies_while_following_does_not_make_it_twice(bench, monkeypatch) -> None:
    def dying(self, change, /):
        raise Killed

    bench.world.faults.slow("apply", 90.0)
    saved = bench().plan(ALL)
    with monkeypatch.context() as patch:
        patch.setattr(ReferenceDriver, "change_status", dying)
        with pytest.raises(Killed):
            bench().apply(saved)
    bench.executor = bench.store.executors.enter()
    report = bench().apply(bench().plan(ALL))

    assert report.error is None
    assert len(bench.world.product.named("plan", "gold")) == 1
    assert bench().plan(ALL).writes == ()
