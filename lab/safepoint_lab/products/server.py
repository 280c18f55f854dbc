"""A simulated server: HTTPS on a loopback port, an engine and its state behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from starlette.types import ASGIApp

from safepoint_lab.products.engine import ProductEngine
from safepoint_lab.products.serving import HttpsPort
from safepoint_lab.world.faults import FaultBook

if TYPE_CHECKING:
    from safepoint_lab.daemon.tls import LabTls

__all__ = ["ProductServer"]

EngineT = TypeVar("EngineT", bound=ProductEngine[Any])


class ProductServer(ABC, Generic[EngineT]):
    """One simulated server. Start it, talk to `url`, stop it; its state stays in its folder.

    Args:
        tls: Certificate authority and certificate (`LabTls.ensure` was called).
        port: The port; 0 picks a free one. It is taken at once.
        open_engine: Makes what is behind the API.
    """

    def __init__(self, tls: LabTls, port: int, open_engine: Callable[[], EngineT]) -> None:
        self.ca = tls.ca
        self._tls = tls
        self._port = HttpsPort(port)
        try:
            self.engine = open_engine()
        except BaseException:
            self._port.close()
            raise
        self.port = self._port.number
        self._stopped = False

    @abstractmethod
    def app(self) -> ASGIApp:
        """Return the application that answers the calls."""

    @property
    def url(self) -> str:
        """The base address, such as ``https://127.0.0.1:40123``."""
        return self._port.url

    @property
    def faults(self) -> FaultBook:
        """Its own fault book."""
        return self.engine.faults

    def start(self) -> None:
        """Answer calls from now on; what a kill cut off ends as failed."""
        self.engine.start()
        self._port.serve(self.app(), self._tls, f"{self.engine.name}-rest")

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
