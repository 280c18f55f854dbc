"""The simulated backup server: HTTPS on a loopback port, engine and state behind it."""

from __future__ import annotations

import socket
import threading
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.veeam.api import operations_of
from safepoint_lab.veeam.catalogue import VeeamFaultBook
from safepoint_lab.veeam.engine import Engine
from safepoint_lab.veeam.http import TRANSPORT, make_app
from safepoint_lab.veeam.profiles import Profile, find_profile
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.port import WorldPort

__all__ = ["VeeamServer"]

_BACKLOG = 128
_GRACE_SECONDS = 2


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
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen(_BACKLOG)
            self.engine = Engine(world, folder, chosen, settings or VeeamSettings(), tls.ca)
        except BaseException:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            make_app(self.engine, operations_of(self.engine)),
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        config.ssl = tls.server_context()
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="veeam-rest", daemon=True)
        self._stopped = False

    @property
    def url(self) -> str:
        """The base address, such as ``https://127.0.0.1:40123``."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def faults(self) -> VeeamFaultBook:
        """Its own fault book, over `VEEAM_FAULTS`."""
        return self.engine.faults

    def start(self) -> None:
        """Answer calls from now on; what a kill cut off ends as failed."""
        self.engine.start()
        self._thread.start()

    def stop(self) -> None:
        """Close the port, end what runs, keep the state. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        self.engine.halt()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()
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

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the transport in reach, so that a connection can be cut."""

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app = partial(_with_transport, self.app, transport)

    @override
    def shutdown(self) -> None:
        """Cut an idle connection: TLS would wait for a farewell from the client."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


async def _with_transport(
    app: Any, transport: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    scope[TRANSPORT] = transport
    await app(scope, receive, send)
