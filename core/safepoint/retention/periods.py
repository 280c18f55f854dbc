"""The first point of each week, month and year."""

from __future__ import annotations

from datetime import date

from safepoint.retention.points import Point, Why

__all__ = ["FirstOfPeriod"]


class FirstOfPeriod:
    """Tells which periods a point opens, for points that come in the order they were made.

    Weeks are those of ISO 8601 (Monday to Sunday), months and years those of the calendar, all
    in the zone of the points.
    """

    def __init__(self) -> None:
        self._seen: dict[Why, tuple[int, ...]] = {}

    def opened_by(self, point: Point) -> tuple[Why, ...]:
        """Return the periods whose first point this is."""
        opened = []
        for why, period in _periods(point.date):
            if self._seen.get(why) != period:
                self._seen[why] = period
                opened.append(why)
        return tuple(opened)


def _periods(day: date) -> tuple[tuple[Why, tuple[int, ...]], ...]:
    return (
        (Why.WEEKLY, tuple(day.isocalendar())[:2]),
        (Why.MONTHLY, (day.year, day.month)),
        (Why.YEARLY, (day.year,)),
    )
