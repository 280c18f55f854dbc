"""When a job would run next by its schedule, in the server's local time.

The simulator does not start jobs by the clock; it tells when the product would.
"""

from __future__ import annotations

import calendar
from datetime import datetime, time, timedelta
from typing import Any

__all__ = ["next_run"]

_DAYS = list(calendar.day_name)
_MONTHS = list(calendar.month_name)
_HORIZON_DAYS = 800
_ORDINALS = {"First": 1, "Second": 2, "Third": 3, "Fourth": 4}
_PERIODS = {"Hours": 3600, "Minutes": 60, "Seconds": 1, "Days": 86_400}


def next_run(schedule: dict[str, Any], now: datetime) -> datetime | None:
    """Return the next start after `now`, None for a job that nothing starts."""
    if not schedule["runAutomatically"]:
        return None
    local = now.astimezone()
    if schedule["continuously"].get("isEnabled"):
        return local
    period = schedule["periodically"]
    if period.get("isEnabled"):
        seconds = _PERIODS[period.get("periodicallyKind", "Hours")] * period["frequency"]
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = int((local - midnight).total_seconds()) // seconds + 1
        return midnight + timedelta(seconds=passed * seconds)
    for name, fits in (("daily", _fits_daily), ("monthly", _fits_monthly)):
        rule = schedule[name]
        if rule.get("isEnabled"):
            return _first(local, rule, fits)
    return None


def _first(now: datetime, rule: dict[str, Any], fits: Any) -> datetime | None:
    at = time.fromisoformat((rule.get("localTime") or "22:00").rjust(5, "0"))
    for offset in range(_HORIZON_DAYS):
        day = now.date() + timedelta(days=offset)
        moment = datetime.combine(day, at).astimezone()
        if moment > now and fits(rule, moment):
            return moment
    return None


def _fits_daily(rule: dict[str, Any], moment: datetime) -> bool:
    kind = rule.get("dailyKind", "Everyday")
    if kind == "WeekDays":
        return moment.weekday() < 5
    return kind != "SelectedDays" or _DAYS[moment.weekday()] in rule.get("days", ())


def _fits_monthly(rule: dict[str, Any], moment: datetime) -> bool:
    months = rule.get("months")
    if months and _MONTHS[moment.month] not in months:
        return False
    last = calendar.monthrange(moment.year, moment.month)[1]
    ordinal = rule.get("dayNumberInMonth", "OnDay")
    if ordinal == "OnDay":
        wanted = last if rule.get("isLastDayOfMonth") else rule.get("dayOfMonth", 1)
        return bool(moment.day == wanted)
    if _DAYS[moment.weekday()] != rule.get("dayOfWeek", "Monday"):
        return False
    if ordinal == "Last":
        return moment.day > last - 7
    return (moment.day - 1) // 7 + 1 == _ORDINALS[ordinal]
