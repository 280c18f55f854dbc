"""Registration: what this plugin offers, without importing what it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safepoint.drivers import Driver, DriverContext, DriverSpec
from safepoint.hookspecs import hookimpl
from safepoint_native.settings import NativeSettings

__all__ = ["safepoint_drivers"]


@hookimpl
def safepoint_drivers() -> Iterable[DriverSpec[Any]]:
    """Offer the driver `native`."""
    return (
        DriverSpec(name="native", title="Microsoft Hyper-V", settings=NativeSettings, open=_open),
    )


def _open(settings: NativeSettings, context: DriverContext) -> Driver:
    from safepoint_native.driver import open_native  # noqa: PLC0415 - heavy, and only when used

    return open_native(settings, context)
