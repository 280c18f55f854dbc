"""Registration: what this plugin offers, without importing what it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safepoint.drivers import Driver, DriverContext, DriverSpec
from safepoint.hookspecs import hookimpl
from safepoint.schedules import Grade, ScheduleBehaviour, ScheduleDialect, ScheduleTrait
from safepoint_native.settings import NativeSettings

__all__ = ["safepoint_drivers", "safepoint_schedules"]


@hookimpl
def safepoint_drivers() -> Iterable[DriverSpec[Any]]:
    """Offer the driver `native`."""
    return (
        DriverSpec(name="native", title="Microsoft Hyper-V", settings=NativeSettings, open=_open),
    )


@hookimpl
def safepoint_schedules() -> Iterable[ScheduleDialect]:
    """Say how this engine keeps a schedule: as safepoint means it, since the starts are its own."""
    evidence = "starts are worked out by safepoint itself"
    trait = ScheduleTrait(ScheduleBehaviour.EXACTLY_ONCE, Grade.OWN, evidence)
    return (ScheduleDialect("native", "Microsoft Hyper-V", (trait,)),)


def _open(settings: NativeSettings, context: DriverContext) -> Driver:
    from safepoint_native.driver import open_native  # noqa: PLC0415 - heavy, and only when used

    return open_native(settings, context)
