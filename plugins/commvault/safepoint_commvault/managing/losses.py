"""What becomes of every neutral field here: exact, approximated, dropped, and why."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

from safepoint.models.durations import format_duration
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Loss, LossLedger
from safepoint.models.policies import Consistency, Policy, Retention
from safepoint_commvault.managing import keeping
from safepoint_commvault.managing.content import Content
from safepoint_commvault.settings import CommvaultJobBlock, CommvaultSettings

__all__ = ["job_losses", "policy_losses"]

_DAY_MINUTES: Final = 1440
_SHORTEST_MONTH: Final = 28
_RETENTION: Final = "spec.retention"
_SCHEDULE: Final = "spec.schedule"


def policy_losses(
    policy: Policy, driver: str, block: CommvaultJobBlock, settings: CommvaultSettings
) -> tuple[Loss, ...]:
    """Return one entry for every field of a policy."""
    ledger = LossLedger(policy, driver=driver)
    if block.plan is not None:
        reason = f"the plan {block.plan!r}, which the job names, decides it"
        ledger.drop(_SCHEDULE, reason).drop(_RETENTION, reason)
    else:
        _schedule(ledger, policy, settings)
        _retention(ledger, policy.spec.retention)
    ledger.drop("spec.rpo", "a plan's objective follows its schedule; safepoint watches this one")
    if policy.spec.consistency is Consistency.FILESYSTEM:
        why = "a VM group asks guests to quiesce or does not; applications are asked as well"
        ledger.approximate("spec.consistency", "application", why)
    why = "what a VM that cannot be quiesced gets is the product's own choice, and not documented"
    ledger.drop("spec.fallback", why)
    return ledger.entries()


def _schedule(ledger: LossLedger, policy: Policy, settings: CommvaultSettings) -> None:
    schedule = policy.spec.schedule
    if schedule is None:
        return
    zone = f"{_SCHEDULE}.timezone"
    if schedule.timezone == settings.timezone:
        why = "the plan keeps times in the zone of the clients, which the connection says it is"
        ledger.explain(zone, schedule.timezone, why)
    else:
        why = "the same wall-clock times, in the zone of the clients: a plan is given no other"
        ledger.approximate(zone, settings.timezone, why)
    if schedule.every is not None:
        minutes = schedule.every.minutes or (schedule.every.hours or 0) * 60
        if _DAY_MINUTES % minutes:
            why = "counted on from day to day, not from midnight"
            for name in ("minutes", "hours"):
                ledger.approximate(f"{_SCHEDULE}.every.{name}", f"{minutes} minutes", why)
    day = schedule.monthly.day if schedule.monthly is not None else None
    if isinstance(day, int) and day > _SHORTEST_MONTH:
        why = "in a shorter month the product runs on its last day"
        ledger.approximate(f"{_SCHEDULE}.monthly.day", f"day {day}", why)
    if schedule.window is not None:
        why = "jobs also pause outside the window, instead of only not starting"
        for name in ("start", "end", "days"):
            ledger.approximate(f"{_SCHEDULE}.window.{name}", "backup window", why)


def _retention(ledger: LossLedger, retention: Retention | None) -> None:
    if retention is None:
        return
    kept = keeping.normal(retention)
    days = kept["days"]
    shown = days if days == keeping.FOR_EVER else f"{days} days"
    if retention.keep_for is not None:
        why = "a job goes when it is older than that many calendar days"
        if days == keeping.FOR_EVER:
            why = f"longer than a plan takes ({format_duration(retention.keep_for)})"
        ledger.approximate(f"{_RETENTION}.keepFor", str(shown), why)
        ledger.drop(f"{_RETENTION}.keepAtLeast", "points are not counted; only days keep them")
    else:
        why = "points are not counted: days instead"
        ledger.approximate(f"{_RETENTION}.keepAtLeast", str(shown), why)
    for name in ("weekly", "monthly", "yearly"):
        if name in kept:
            periods = kept[name]
            value = periods if periods == keeping.FOR_EVER else f"{periods} periods of days"
            why = f"the first full of each {name.removesuffix('ly')} by its age, not a number"
            ledger.approximate(f"{_RETENTION}.{name}.keep", str(value), why)


def job_losses(job: ProtectionJob, driver: str, chosen: Content) -> tuple[Loss, ...]:
    """Return one entry for every field of a job."""
    ledger = LossLedger(job, driver=driver)
    for name, notes in (("include", chosen.include_notes), ("exclude", chosen.exclude_notes)):
        if notes:
            rules = chosen.include if name == "include" else chosen.exclude
            ledger.approximate(f"spec.{name}", _shown(rules), "; ".join(notes))
    ledger.drop("spec.verify", "the product verifies by jobs of its own, which nobody starts here")
    return ledger.entries()


def _shown(rules: Sized) -> str:
    return f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
