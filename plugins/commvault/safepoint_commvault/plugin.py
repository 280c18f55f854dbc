"""Registration: what this plugin offers, without importing what it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safepoint.drivers import Driver, DriverContext, DriverSpec
from safepoint.hookspecs import hookimpl
from safepoint.retention import RetentionArithmetic
from safepoint.schedules import ScheduleDialect
from safepoint_commvault.retention import CommvaultRetention
from safepoint_commvault.schedules import DIALECT
from safepoint_commvault.settings import CommvaultJobBlock, CommvaultSettings

__all__ = ["safepoint_drivers", "safepoint_retention", "safepoint_schedules"]


@hookimpl
def safepoint_drivers() -> Iterable[DriverSpec[Any]]:
    """Offer the driver `commvault`."""
    return (
        DriverSpec(
            name="commvault",
            title="Commvault",
            settings=CommvaultSettings,
            open=_open,
            job_block=CommvaultJobBlock,
        ),
    )


@hookimpl
def safepoint_retention() -> Iterable[RetentionArithmetic]:
    """Offer the arithmetics `commvault` (days and cycles) and `commvault-days`."""
    return (CommvaultRetention(), CommvaultRetention(None))


@hookimpl
def safepoint_schedules() -> Iterable[ScheduleDialect]:
    """Say how the product handles the clock."""
    return (DIALECT,)


def _open(settings: CommvaultSettings, context: DriverContext) -> Driver:
    from safepoint_commvault.driver import open_commvault  # noqa: PLC0415 - only when it is used

    return open_commvault(settings, context)
