"""The simulated CommServe: HTTPS on a loopback port, engine and state behind it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from safepoint_lab.commvault.api import operations_of
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.http import WebApi
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.products.serving import HttpsPort
from safepoint_lab.world.faults import FaultBook
from safepoint_lab.world.port import WorldPort

__all__ = ["CommvaultServer"]


class CommvaultServer:
    """One simulated CommServe. Start it, talk to `url`, stop it; its state stays in `folder`.

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
        self.ca = tls.ca
        self._tls = tls
        self._port = HttpsPort(port)
        try:
            self.engine = Engine(world, folder, settings or CommvaultSettings())
        except BaseException:
            self._port.close()
            raise
        self.port = self._port.number
        self._stopped = False

    @property
    def url(self) -> str:
        """The host's address, such as ``https://127.0.0.1:40123``."""
        return self._port.url

    @property
    def api(self) -> str:
        """The base address of the API."""
        return f"{self.url}/commandcenter/api"

    @property
    def faults(self) -> FaultBook:
        """Its own fault book, over `COMMVAULT_FAULTS`."""
        return self.engine.faults

    def start(self) -> None:
        """Answer calls from now on; what a kill cut off ends as failed."""
        self.engine.start()
        app = WebApi(self.engine, operations_of(self.engine))
        self._port.serve(app, self._tls, "commvault-rest")

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
