"""Waiting by looking: pauses that grow, a deadline, patience with what passes."""

from __future__ import annotations

import pytest

from safepoint.errors import BusyError, NotFoundError, UnreachableError
from safepoint.runs.waiting import Waiter
from safepoint_lab.reference import FakeClock


class Looks:
    """Answers from a list; the last answer stays."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.count = 0

    def __call__(self) -> object:
        self.count += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def waiter(clock: FakeClock) -> Waiter:
    return Waiter(sleep=clock.sleep, monotonic=clock.monotonic)


def test_first_result_is_returned_without_a_pause(waiter: Waiter, clock: FakeClock) -> None:
    assert waiter.until(Looks("there"), deadline_seconds=10) == "there"
    assert clock.monotonic() == 0


def test_false_is_a_result_and_none_is_not(waiter: Waiter) -> None:
    assert waiter.until(Looks(None, False), deadline_seconds=10) is False


def test_pauses_grow_to_a_limit(waiter: Waiter, clock: FakeClock) -> None:
    looks = Looks(None)
    waiter.until(looks, deadline_seconds=1000)

    assert looks.count < 520, "half a second between looks would be twice as many"
    assert 1000 <= clock.monotonic() <= 1002.1


def test_deadline_gives_none_after_one_last_look(waiter: Waiter) -> None:
    looks = Looks(None)

    assert waiter.until(looks, deadline_seconds=0) is None
    assert looks.count == 1


def test_failure_that_passes_is_no_answer_yet(waiter: Waiter) -> None:
    looks = Looks(UnreachableError("away"), UnreachableError("away"), "back")

    assert waiter.until(looks, deadline_seconds=10) == "back"


def test_not_having_seen_is_never_taken_for_nothing_there(waiter: Waiter) -> None:
    with pytest.raises(UnreachableError):
        waiter.until(Looks(None, UnreachableError("away")), deadline_seconds=10)


def test_permanent_failure_is_not_waited_out(waiter: Waiter) -> None:
    looks = Looks(NotFoundError("gone"))
    with pytest.raises(NotFoundError):
        waiter.until(looks, deadline_seconds=10)

    assert looks.count == 1


def test_only_what_is_borne_is_waited_out(waiter: Waiter) -> None:
    looks = Looks(BusyError("another merge"), BusyError("another merge"), "begun")
    assert waiter.until(looks, deadline_seconds=10, bears=BusyError) == "begun"

    looks = Looks(UnreachableError("away"))
    with pytest.raises(UnreachableError):
        waiter.until(looks, deadline_seconds=10, bears=BusyError)
    assert looks.count == 1
