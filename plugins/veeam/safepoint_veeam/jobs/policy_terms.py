"""What a policy means in a Veeam job, term by term, with what is lost. Pure.

Veeam's terms: retention in days (or points), long-term flags, one trigger in the server's own
zone, application-aware processing or guest quiescence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from safepoint.models.losses import LossLedger
from safepoint.models.policies import (
    Consistency,
    Fallback,
    Policy,
    Retention,
    Schedule,
    ScheduleWindow,
)
from safepoint_veeam.block import VeeamJobBlock
from safepoint_veeam.jobs.words import DAYS, days_in_order
from safepoint_veeam.retention import MINIMUM_POINTS, settings_for

__all__ = ["MOST_RETAINED", "policy_terms"]

#: The largest quantity that jobs are given; what the product takes beyond is not documented.
MOST_RETAINED: Final = 999
_DAY_MINUTES: Final = 24 * 60


def policy_terms(
    policy: Policy, block: VeeamJobBlock, timezone: str | None, losses: LossLedger
) -> dict[str, Any]:
    """Return the part of a job's normal form that comes from its policy.

    Args:
        policy: The document.
        block: What the job says to Veeam alone.
        timezone: The zone of the backup server, when it is known.
        losses: Gets a note for everything that is not carried exactly.
    """
    losses.drop("spec.rpo", "a job has no objective; safepoint itself watches it")
    return {
        **_consistency(policy, losses),
        "retention": _retention(policy.spec.retention, block, losses),
        "gfs": _gfs(policy.spec.retention, block, losses),
        "schedule": _schedule(policy.spec.schedule, block, timezone, losses),
    }


def _consistency(policy: Policy, losses: LossLedger) -> dict[str, Any]:
    wanted, fallback = policy.spec.consistency, policy.spec.fallback
    words = {
        Consistency.APPLICATION: "application-aware processing",
        Consistency.FILESYSTEM: "Hyper-V guest quiescence",
        Consistency.CRASH: "neither application-aware processing nor quiescence",
    }
    losses.explain("spec.consistency", words[wanted])
    if wanted is Consistency.CRASH:
        losses.explain("spec.fallback", "not needed", "nothing is weaker than crash-consistent")
        return {"consistency": wanted.value, "fallback": Fallback.FAIL.value}
    if wanted is Consistency.APPLICATION:
        told = "require success" if fallback is Fallback.FAIL else "ignore failures"
    else:
        told = "crash-consistent backup " + ("off" if fallback is Fallback.FAIL else "on")
    losses.explain("spec.fallback", told)
    return {"consistency": wanted.value, "fallback": fallback.value}


# -- retention --------------------------------------------------------------------------------


def _retention(
    retention: Retention | None, block: VeeamJobBlock, losses: LossLedger
) -> dict[str, Any]:
    if block.retention_points is not None:
        reason = "the job's vendor block counts points instead"
        losses.drop("spec.retention.keepFor", reason)
        losses.drop("spec.retention.keepAtLeast", reason)
        return {"type": "points", "count": block.retention_points}
    if retention is None:
        return {"type": "days", "count": MOST_RETAINED}
    days = settings_for(retention)[0].days
    count = min(days, MOST_RETAINED)
    if retention.keep_for is not None:
        reason = f"whole days; {count} days keep the points of {count + 1} days"
        losses.approximate("spec.retention.keepFor", f"{count} days", reason)
        if (retention.keep_at_least or 0) > MINIMUM_POINTS:
            reason = f"a job by days always keeps {MINIMUM_POINTS} points and no other number"
            losses.drop("spec.retention.keepAtLeast", reason)
    else:
        reason = "retention is by days; a job cannot keep a number of points besides"
        losses.approximate("spec.retention.keepAtLeast", f"{count} days", reason)
    return {"type": "days", "count": count}


def _gfs(retention: Retention | None, block: VeeamJobBlock, losses: LossLedger) -> dict[str, Any]:
    if retention is None:
        return {}
    days = block.gfs
    terms: dict[str, Any] = {}
    slots = (
        ("weekly", retention.weekly, "weeks", {"day": days.weekly_on.value}),
        ("monthly", retention.monthly, "months", {"week": days.monthly_in.value}),
        ("yearly", retention.yearly, "years", {"month": days.yearly_in.value}),
    )
    for name, slot, unit, more in slots:
        if slot is not None:
            reason = f"a full is kept for that many {unit}, not a number of points"
            losses.approximate(f"spec.retention.{name}.keep", f"{slot.keep} {unit}", reason)
            terms[name] = {unit: slot.keep, **more}
    return terms


# -- schedule ---------------------------------------------------------------------------------


def _schedule(
    schedule: Schedule | None, block: VeeamJobBlock, timezone: str | None, losses: LossLedger
) -> dict[str, Any]:
    if block.after_job is not None or block.continuous:
        losses.drop("spec.schedule", "the job's vendor block gives another trigger")
        if block.continuous:
            return {"kind": "continuous"}
        return {"kind": "after", "job": block.after_job}
    if schedule is None:
        return {"kind": "none"}
    _note_zone(schedule, timezone, losses)
    kind, terms = _trigger(schedule, losses)
    for other in ("every", "daily", "weekly", "monthly"):
        if other != kind and getattr(schedule, other) is not None:
            reason = "a job has one trigger; " + f"`{kind}` is taken"
            losses.drop(f"spec.schedule.{other}", reason)
    if terms["kind"] == "every":
        window = block.window or _window(schedule.window, losses)
        return {**terms, "window": window} if window else terms
    for part in ("start", "end", "days"):
        path = f"spec.schedule.window.{part}"
        losses.explain(path, "not needed", "the times lie inside the window")
    return terms


def _note_zone(schedule: Schedule, timezone: str | None, losses: LossLedger) -> None:
    if timezone == schedule.timezone:
        losses.explain("spec.schedule.timezone", "the zone of the backup server")
        return
    told = timezone or "the backup server's own zone"
    reason = "job times are meant in the server's own zone"
    if timezone is None:
        reason += "; `timezone` in the connection's settings says which it is"
    losses.approximate("spec.schedule.timezone", told, reason)


def _trigger(schedule: Schedule, losses: LossLedger) -> tuple[str, dict[str, Any]]:
    """Return the rule that is taken, the most frequent one, and its terms."""
    if schedule.every is not None:
        minutes = schedule.every.minutes or 60 * (schedule.every.hours or 0)
        return "every", {"kind": "every", "minutes": minutes}
    if schedule.daily is not None:
        minutes = _even_pause(schedule.daily.at)
        if minutes:
            losses.explain("spec.schedule.daily.at", f"every {minutes // 60} hours")
            return "daily", {"kind": "every", "minutes": minutes}
        at = _first_time(schedule.daily.at, "spec.schedule.daily.at", losses)
        return "daily", {"kind": "daily", "at": at}
    if schedule.weekly is not None:
        at = _first_time(schedule.weekly.at, "spec.schedule.weekly.at", losses)
        days = days_in_order(schedule.weekly.days)
        terms: dict[str, Any] = {"kind": "daily", "at": at}
        return "weekly", terms if len(days) == len(DAYS) else {**terms, "days": days}
    monthly = schedule.monthly
    assert monthly is not None, "a schedule has at least one rule"
    at = _first_time(monthly.at, "spec.schedule.monthly.at", losses)
    on = monthly.weekday if monthly.weekday is not None else str(monthly.day)
    return "monthly", {"kind": "monthly", "at": at, "on": on}


def _even_pause(times: tuple[str, ...]) -> int:
    """Return the pause in minutes if the times repeat evenly from midnight on; else 0."""
    if len(times) < 2:
        return 0
    minutes = sorted(60 * int(t[:2]) + int(t[3:]) for t in times)
    pause = _DAY_MINUTES // len(minutes)
    is_even = minutes == list(range(0, _DAY_MINUTES, pause)) and pause % 60 == 0
    return pause if is_even else 0


def _first_time(times: tuple[str, ...], path: str, losses: LossLedger) -> str:
    first = min(times)
    if len(set(times)) > 1:
        reason = "a job starts at one time of the day; the others are left out"
        losses.approximate(path, first, reason)
    return first


def _window(window: ScheduleWindow | None, losses: LossLedger) -> tuple[str, ...]:
    if window is None:
        return ()
    start, end = _hour(window.start, up=False), _hour(window.end, up=True)
    for name in ("start", "end"):
        text = getattr(window, name)
        if not text.endswith(":00"):
            reason = "the window is made of whole hours"
            told = f"{start if name == 'start' else end:02}:00"
            losses.approximate(f"spec.schedule.window.{name}", told, reason)
    flags = {day: [False] * 24 for day in DAYS}
    opening = days_in_order(window.days) if window.days else DAYS
    hours = end - start if end > start else end + 24 - start
    for day in opening:
        for hour in range(start, start + hours):
            then = DAYS[(DAYS.index(day) + hour // 24) % len(DAYS)]
            flags[then][hour % 24] = True
    return tuple(_flags_text(flags))


def _flags_text(flags: Mapping[str, list[bool]]) -> list[str]:
    return [
        f"{day}:{''.join('1' if on else '0' for on in hours)}"
        for day, hours in flags.items()
        if any(hours)
    ]


def _hour(text: str, *, up: bool) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    return hour + (1 if up and minute else 0)
