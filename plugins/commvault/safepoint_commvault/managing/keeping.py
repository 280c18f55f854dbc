"""How long a plan keeps copies, in normal form, to the wire and back.

Days count, and one full of each week, month or year for longer; `safepoint_commvault.retention`
has the arithmetic. Neutral slots are numbers of points: the normal form counts periods, so that
a rule of 63 days and one of 60 are both nine weeks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from safepoint.models.policies import Retention
from safepoint.retention import Why
from safepoint_commvault.retention import settings_for

__all__ = ["FOR_EVER", "from_wire", "normal", "policy_retention", "to_wire"]

#: In normal form: kept until somebody deletes it.
FOR_EVER: Final = "for ever"
_INFINITE: Final = -1
#: The most a plan takes [O].
_MOST_DAYS: Final = 9999
#: The most points a document can ask for.
_MOST_POINTS: Final = 10_000
_PERIODS: Final[Mapping[str, tuple[str, int, Why]]] = {
    "weekly": ("WEEKLY_FULLS", 7, Why.WEEKLY),
    "monthly": ("MONTHLY_FULLS", 31, Why.MONTHLY),
    "yearly": ("YEARLY_FULLS", 366, Why.YEARLY),
}
_ORDER: Final = ("firstExtendedRetentionRule", "secondExtendedRetentionRule")
_RULES: Final = (*_ORDER, "thirdExtendedRetentionRule")

#: Days, then a number of periods by name.
Keeping = dict[str, Any]


def normal(retention: Retention | None) -> Keeping:
    """Return what a neutral retention means here."""
    if retention is None:
        return {"days": FOR_EVER}
    settings, _ = settings_for(retention, None)
    found: Keeping = {"days": settings.days if settings.days <= _MOST_DAYS else FOR_EVER}
    for name, (_, length, why) in _PERIODS.items():
        days = settings.extended_days.get(why)
        if days is not None:
            found[name] = days // length if days <= _MOST_DAYS else FOR_EVER
    return found


def to_wire(keeping: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a copy."""
    rules = {
        place: {"type": kind, **_rule(keeping[name], length)}
        for place, (name, kind, length) in zip(_RULES, _extended(keeping), strict=False)
    }
    days = keeping.get("days", FOR_EVER)
    return {
        "overrideRetentionSettings": True,
        "retentionRuleType": "RETENTION_PERIOD",
        "retentionPeriodDays": _INFINITE if days == FOR_EVER else days,
        "useExtendedRetentionRules": bool(rules),
        "extendedRetentionRules": rules,
    }


def _extended(keeping: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    for name, (kind, length, _) in _PERIODS.items():
        if name in keeping:
            yield name, kind, length


def _rule(periods: Any, length: int) -> dict[str, Any]:
    if periods == FOR_EVER:
        return {"isInfiniteRetention": True}
    return {"isInfiniteRetention": False, "retentionPeriodDays": periods * length}


def from_wire(copy: Mapping[str, Any]) -> Keeping:
    """Return the normal form of a copy; rules that no slot stands for keep the product's word."""
    days = int(copy.get("retentionPeriodDays") or _INFINITE)
    found: Keeping = {"days": FOR_EVER if days < 0 or days > _MOST_DAYS else days}
    if not copy.get("useExtendedRetentionRules"):
        return found
    rules = copy.get("extendedRetentionRules") or {}
    for place in _RULES:
        rule = rules.get(place) or {}
        kind, days = str(rule.get("type") or ""), int(rule.get("retentionPeriodDays") or 0)
        if not kind or (days <= 0 and not rule.get("isInfiniteRetention")):
            continue
        name, length = _period(kind)
        endless = rule.get("isInfiniteRetention") or days > _MOST_DAYS
        found[name] = FOR_EVER if endless else -(-days // length)
    return found


def _period(kind: str) -> tuple[str, int]:
    for name, (word, length, _) in _PERIODS.items():
        if word == kind.upper():
            return name, length
    return kind, 1


def policy_retention(keeping: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the neutral retention that translates back to this; None for "for ever".

    Raises:
        ValueError: no neutral retention says this.
    """
    strange = sorted(keeping.keys() - {"days", *_PERIODS})
    if strange:
        msg = f"retention by {strange[0]}"
        raise ValueError(msg)
    slots = {
        name: {"keep": _MOST_POINTS if keeping[name] == FOR_EVER else keeping[name]}
        for name in _PERIODS
        if name in keeping
    }
    if keeping["days"] == FOR_EVER:
        # With slots the days are still for ever: slots then add nothing.
        return {"keepFor": f"{_MOST_DAYS + 1}d", **slots} if slots else None
    return {"keepFor": f"{keeping['days']}d", **slots}
