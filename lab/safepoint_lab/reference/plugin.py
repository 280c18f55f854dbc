"""The reference driver as a plugin, for tests of the command line: `driver: reference`.

It is not announced by an entry point; a test makes one and puts its world under a name here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ConfigDict
from typing_extensions import override

from safepoint.drivers import Driver, DriverContext, DriverSpec
from safepoint.errors import UnreachableError
from safepoint.hookspecs import hookimpl
from safepoint.models.restore_points import RestorePoint, RestorePointQuery
from safepoint_lab.reference.checkpointing import CheckpointingSession
from safepoint_lab.reference.driver import ReferenceDriver
from safepoint_lab.reference.session import ReferenceSettings
from safepoint_lab.reference.world import World

__all__ = ["WORLDS", "safepoint_drivers"]

#: The worlds that connections can name.
WORLDS: dict[str, World] = {}


class _Settings(ReferenceSettings):
    model_config = ConfigDict(frozen=True, extra="forbid")

    world: str = "default"
    """The world to connect to; one that does not exist is out of reach."""


class _Hosts(CheckpointingSession):
    """The hypervisor alone; the repository belongs to the product."""

    @override
    def restore_points(self, query: RestorePointQuery, /) -> Iterator[RestorePoint]:
        return self._list("restore_points", list[RestorePoint])


def _open(settings: _Settings, context: DriverContext) -> Driver:
    return ReferenceDriver(_world(settings, context), settings, context)


def _open_hosts(settings: _Settings, context: DriverContext) -> Driver:
    return _Hosts(_world(settings, context), settings, context)


def _world(settings: _Settings, context: DriverContext) -> World:
    if settings.world not in WORLDS:
        msg = f"nobody answers for {context.connection}"
        raise UnreachableError(msg, operation="open", system=context.connection)
    return WORLDS[settings.world]


@hookimpl
def safepoint_drivers() -> tuple[DriverSpec[Any], ...]:
    """Offer the driver."""
    return (
        DriverSpec("reference", "Reference", _Settings, _open),
        DriverSpec("reference-hosts", "Reference, the hosts alone", _Settings, _open_hosts),
    )
