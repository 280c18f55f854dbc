"""Registration: what this plugin offers, without importing what it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safepoint.drivers import Driver, DriverContext, DriverSpec
from safepoint.hookspecs import hookimpl
from safepoint.retention import RetentionArithmetic
from safepoint.schedules import ScheduleDialect
from safepoint_veeam.block import VeeamJobBlock
from safepoint_veeam.retention import VeeamRetention
from safepoint_veeam.schedules import DIALECT
from safepoint_veeam.settings import VeeamSettings

__all__ = ["safepoint_drivers", "safepoint_retention", "safepoint_schedules"]


@hookimpl
def safepoint_drivers() -> Iterable[DriverSpec[Any]]:
    """Offer the driver `veeam`."""
    return (
        DriverSpec(
            name="veeam",
            title="Veeam Backup & Replication",
            settings=VeeamSettings,
            open=_open,
            job_block=VeeamJobBlock,
        ),
    )


@hookimpl
def safepoint_retention() -> Iterable[RetentionArithmetic]:
    """Offer the arithmetic `veeam`."""
    return (VeeamRetention(),)


@hookimpl
def safepoint_schedules() -> Iterable[ScheduleDialect]:
    """Say how the product handles the clock."""
    return (DIALECT,)


def _open(settings: VeeamSettings, context: DriverContext) -> Driver:
    from safepoint_veeam.driver import open_veeam  # noqa: PLC0415 - heavy, and only when used

    return open_veeam(settings, context)
