"""The simulated CommServe: HTTPS on a loopback port, engine and state behind it."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp
from typing_extensions import override

from safepoint_lab.commvault.api import operations_of
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.http import WebApi
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.products.server import ProductServer
from safepoint_lab.world.port import WorldPort

__all__ = ["CommvaultServer"]


class CommvaultServer(ProductServer[Engine]):
    """One simulated CommServe; its faults are `COMMVAULT_FAULTS`.

    Args:
        world: The Hyper-V world it protects.
        folder: Its own folder: state and backup store. Opened again, it is as it was left.
        tls: Certificate authority and certificate (`LabTls.ensure` was called).
        port: The port; 0 picks a free one.
        settings: Account, lives, speed.
    """

    def __init__(
        self,
        world: WorldPort,
        folder: Path,
        tls: LabTls,
        *,
        port: int = 0,
        settings: CommvaultSettings | None = None,
    ) -> None:
        wanted = settings or CommvaultSettings()
        super().__init__(tls, port, lambda: Engine(world, folder, wanted))

    @property
    def api(self) -> str:
        """The base address of the API."""
        return f"{self.url}/commandcenter/api"

    @override
    def app(self) -> ASGIApp:
        return WebApi(self.engine, operations_of(self.engine))
