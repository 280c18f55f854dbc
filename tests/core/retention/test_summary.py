"""Simulations in few words."""

from __future__ import annotations

from datetime import date, timedelta

from safepoint.models.policies import Retention, RetentionSlot
from safepoint.retention import EXACT, Why, side_by_side, simulate, spans, stretches, timeline

MONDAY = date(2026, 6, 1)
SHORT = Retention(keep_for=timedelta(days=3))
LONG = Retention(keep_for=timedelta(days=5), weekly=RetentionSlot(keep=2))


def test_equal_days_become_one_row_with_rounds() -> None:
    """Three days of growth, then the same day over and over."""
    found = stretches(simulate(SHORT, timeline(None, MONDAY, 30), EXACT).states)

    assert [(s.first.number, s.days, s.rounds, s.gone, s.low, s.high) for s in found] == [
        (1, 3, 1, 0, 1, 3),
        (4, 1, 27, 1, 3, 3),
    ]


def test_stretches_cover_every_day_once() -> None:
    """And what goes adds up."""
    result = simulate(LONG, timeline(None, MONDAY, 100), EXACT)
    found = stretches(result.states)
    after = 1
    for stretch in found:
        assert stretch.first.number == after
        after += stretch.days * stretch.rounds
    assert after == 101
    gone = sum(stretch.gone * stretch.rounds for stretch in found)
    assert gone == sum(len(state.gone) for state in result.states)


def test_spans_say_when_each_point_exists_and_why() -> None:
    """From them every day can be rebuilt."""
    result = simulate(LONG, timeline(None, MONDAY, 60), EXACT)
    lives = spans(result)

    assert [(s.first_day, s.last_day, s.why) for s in lives[1]] == [
        (1, 5, (Why.AGE, Why.WEEKLY)),
        (6, 14, (Why.WEEKLY,)),
    ]
    for state in result.states:
        day = state.day.number
        there = {n for n, own in lives.items() for s in own if s.first_day <= day <= s.last_day}
        assert there == {each.point.number for each in state.held}


def test_points_side_by_side_are_joined_only_when_all_agree() -> None:
    """Neighbours in one row; a gap or another reason begins a new one."""
    made = timeline(None, MONDAY, 20)
    both = [simulate(each, made, EXACT) for each in (SHORT, LONG)]
    rows = side_by_side(both, 14)

    assert [([p.number for p in row.points], row.why) for row in rows] == [
        ([1], ((), (Why.WEEKLY,))),
        ([8], ((), (Why.WEEKLY,))),
        ([10, 11], ((), (Why.AGE,))),
        ([12, 13, 14], ((Why.AGE,), (Why.AGE,))),
    ]
