"""Registration: what this plugin knows of its product; it brings no driver yet."""

from __future__ import annotations

from collections.abc import Iterable

from safepoint.hookspecs import hookimpl
from safepoint.retention import RetentionArithmetic
from safepoint.schedules import ScheduleDialect
from safepoint_commvault.retention import CommvaultRetention
from safepoint_commvault.schedules import DIALECT

__all__ = ["safepoint_retention", "safepoint_schedules"]


@hookimpl
def safepoint_retention() -> Iterable[RetentionArithmetic]:
    """Offer the arithmetics `commvault` (days and cycles) and `commvault-days`."""
    return (CommvaultRetention(), CommvaultRetention(None))


@hookimpl
def safepoint_schedules() -> Iterable[ScheduleDialect]:
    """Say how the product handles the clock."""
    return (DIALECT,)
