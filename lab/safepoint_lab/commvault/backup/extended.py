"""Extended retention: the first full of a period stays for longer.

Up to three rules of a copy, each a period and days, or for ever [O]. That the first full of a
period is the chosen one, and that weeks begin on Monday, is inference [?].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from safepoint_lab.commvault.bodies import flag, inside, integer, text
from safepoint_lab.commvault.records import RestorePoint

__all__ = ["PERIODS", "held"]

PERIODS: dict[str, Callable[[datetime], object]] = {
    "ALL_FULLS": lambda at: at,
    "HOURLY_FULLS": lambda at: (at.date(), at.hour),
    "DAILY_FULLS": lambda at: at.date(),
    "WEEKLY_FULLS": lambda at: at.isocalendar()[:2],
    "MONTHLY_FULLS": lambda at: (at.year, at.month),
    "QUARTERLY_FULLS": lambda at: (at.year, (at.month - 1) // 3),
    "HALF_YEARLY_FULLS": lambda at: (at.year, (at.month - 1) // 6),
    "YEARLY_FULLS": lambda at: at.year,
}
"""What makes two times one period, by the rule's word."""


def held(points: Iterable[RestorePoint], rules: Mapping[str, Any], now: datetime) -> set[str]:
    """Return the ids of the restore points that the rules keep; oldest first in."""
    fulls = [point for point in points if point.full]
    kept: set[str] = set()
    for name in rules:
        rule = inside(rules, name)
        period = PERIODS[text(rule, "type").upper()]
        ever = flag(rule, "isInfiniteRetention")
        limit = now - timedelta(days=integer(rule, "retentionPeriodDays"))
        seen: set[object] = set()
        for point in fulls:
            key = period(point.started_at)
            if key not in seen and (ever or point.started_at >= limit):
                kept.add(point.id)
            seen.add(key)
    return kept
