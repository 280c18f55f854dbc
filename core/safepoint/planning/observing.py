"""Looking at products: completely or not at all, several at once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from safepoint.drivers import CanManage
from safepoint.models.resources import Resource, ResourceQuery

__all__ = ["Observation", "observe", "observe_all"]

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything one connection showed."""

    connection: str
    resources: tuple[Resource, ...]


def observe(connection: str, driver: CanManage, *, with_preflight: bool = True) -> Observation:
    """Look once; raises whatever the driver raises: half a list is none."""
    query = ResourceQuery(with_preflight=with_preflight)
    return Observation(connection, tuple(driver.observe(query)))


def observe_all(drivers: Mapping[str, CanManage]) -> dict[str, Observation]:
    """Look at several connections at once; the first failure is raised."""
    if not drivers:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(drivers))) as pool:
        looks = {name: pool.submit(observe, name, driver) for name, driver in drivers.items()}
        return {name: look.result() for name, look in looks.items()}
