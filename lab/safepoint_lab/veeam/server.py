"""The simulated backup server: HTTPS on a loopback port, engine and state behind it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.products.serving import HttpsPort
from safepoint_lab.veeam.api import operations_of
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.http import make_app
from safepoint_lab.veeam.profiles import Profile, find_profile
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.port import WorldPort

__all__ = ["VeeamServer"]


class VeeamServer:
    """One simulated VBR server. Start it, talk to `url`, stop it; its state stays in `folder`.

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
        self.ca = tls.ca
        self._tls = tls
        self._port = HttpsPort(port)
        try:
            self.engine = Engine(world, folder, chosen, settings or VeeamSettings(), tls.ca)
        except BaseException:
            self._port.close()
            raise
        self.port = self._port.number
        self._stopped = False

    @property
    def url(self) -> str:
        """The base address, such as ``https://127.0.0.1:40123``."""
        return self._port.url

    @property
    def faults(self) -> FaultBook:
        """Its own fault book, over `VEEAM_FAULTS`."""
        return self.engine.faults

    def start(self) -> None:
        """Answer calls from now on; what a kill cut off ends as failed."""
        self.engine.start()
        app = make_app(self.engine, operations_of(self.engine))
        self._port.serve(app, self._tls, "veeam-rest")

    def stop(self) -> None:
        """Close the port, end what runs, keep the state. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        self.engine.halt()
        self._port.close()
        self.engine.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
