"""What an estate document means by its retention, to the letter."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from typing_extensions import override

from safepoint.models.policies import Retention
from safepoint.retention.arithmetic import RetentionArithmetic
from safepoint.retention.periods import FirstOfPeriod
from safepoint.retention.points import Day, Held, Point, Timeline, Why

__all__ = ["EXACT", "ExactRetention"]


class ExactRetention(RetentionArithmetic):
    """The neutral meaning: every point stands alone and stays while any rule wants it.

    - `keepFor`: until it is older than this, counted from the start of its run;
    - `keepAtLeast`: while it is among that many newest points;
    - `weekly`, `monthly`, `yearly`: the first point of each period, while it is among that many
      newest of its rhythm. The first, because then a point's fate is known when it is made;
    - whatever the rules say, the newest point stays.
    """

    name = "exact"
    title = "as declared"
    evidence = "the meaning of the estate documents"

    @override
    def losses(self, retention: Retention) -> tuple[str, ...]:
        """Return nothing: this is the meaning itself."""
        return ()

    @override
    def held(self, retention: Retention, timeline: Timeline) -> Iterator[tuple[Held, ...]]:
        """Return for each day what exists at its end, and why."""
        existing: list[Point] = []
        first = FirstOfPeriod()
        slots = {why: deque[int](maxlen=keep) for why, keep in _slots(retention)}
        for day in timeline.days:
            for point in day.made:
                existing.append(point)
                for why in first.opened_by(point):
                    if why in slots:
                        slots[why].append(point.number)
            held = tuple(_judged(retention, day, existing, slots))
            existing = [each.point for each in held]
            yield held


def _slots(retention: Retention) -> Iterator[tuple[Why, int]]:
    rhythms = (
        (Why.WEEKLY, retention.weekly),
        (Why.MONTHLY, retention.monthly),
        (Why.YEARLY, retention.yearly),
    )
    return ((why, slot.keep) for why, slot in rhythms if slot is not None)


def _judged(
    retention: Retention, day: Day, existing: list[Point], slots: dict[Why, deque[int]]
) -> Iterator[Held]:
    count = len(existing)
    for rank, point in enumerate(existing):
        why = [each for each, numbers in slots.items() if point.number in numbers]
        if retention.keep_at_least is not None and rank >= count - retention.keep_at_least:
            why.insert(0, Why.COUNT)
        if retention.keep_for is not None and day.ends_at - point.made_at <= retention.keep_for:
            why.insert(0, Why.AGE)
        if not why and rank == count - 1:
            why.append(Why.NEWEST)
        if why:
            yield Held(point, tuple(why))


#: What an estate document means.
EXACT: Final = ExactRetention()
