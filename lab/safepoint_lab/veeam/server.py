"""The simulated backup server: HTTPS on a loopback port, engine and state behind it."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp
from typing_extensions import override

from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.products.server import ProductServer
from safepoint_lab.veeam.api import operations_of
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.http import make_app
from safepoint_lab.veeam.profiles import Profile, find_profile
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.port import WorldPort

__all__ = ["VeeamServer"]


class VeeamServer(ProductServer[Engine]):
    """One simulated VBR server; its faults are `VEEAM_FAULTS`.

    Args:
        world: The Hyper-V world it protects.
        folder: Its own folder: state and backup store. Opened again, it is as it was left.
        tls: Certificate authority and certificate (`LabTls.ensure` was called).
        profile: A `Profile` or its name.
        port: The port; 0 picks a free one.
        settings: Account, lives, speed.
    """

    def __init__(
        self,
        world: WorldPort,
        folder: Path,
        tls: LabTls,
        *,
        profile: Profile | str = "1.3-rev1",
        port: int = 0,
        settings: VeeamSettings | None = None,
    ) -> None:
        chosen = find_profile(profile) if isinstance(profile, str) else profile
        wanted = settings or VeeamSettings()
        super().__init__(tls, port, lambda: Engine(world, folder, chosen, wanted, tls.ca))

    @override
    def app(self) -> ASGIApp:
        return make_app(self.engine, operations_of(self.engine))
