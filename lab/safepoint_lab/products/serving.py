"""Serving an application over HTTPS on a loopback port, on a thread, with cuttable connections."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from safepoint_lab.daemon.tls import LabTls

__all__ = ["Answering", "HttpsPort"]

_TRANSPORT = "safepoint_lab.transport"
_BACKLOG = 128
_GRACE_SECONDS = 2


class HttpsPort:
    """One listening port. It is taken at once; calls are answered from `serve` on.

    Args:
        port: The port; 0 picks a free one.
    """

    def __init__(self, port: int = 0) -> None:
        # asyncio turns off the delay of small packets only where the protocol is spelled out.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen(_BACKLOG)
        except BaseException:
            self._socket.close()
            raise
        self.number = int(self._socket.getsockname()[1])
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base address, such as ``https://127.0.0.1:40123``."""
        return f"https://127.0.0.1:{self.number}"

    def serve(self, app: ASGIApp, tls: LabTls, name: str) -> None:
        """Answer calls on a thread of this name from now on."""
        config = uvicorn.Config(
            app,
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
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more calls and give the port back."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        assert self._server is not None
        self._server.run(sockets=[self._socket])


class Answering(ABC):
    """An application whose calls are answered on threads, or not at all: their connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        request = Request(scope, receive)
        body = await request.body()
        response = await run_in_threadpool(self.respond, request, body)
        if response is None:
            await _cut(scope, receive)
            return
        await response(scope, receive, send)

    @abstractmethod
    def respond(self, request: Request, body: bytes) -> Response | None:
        """Return the response, None to cut the connection."""


async def _cut(scope: Scope, receive: Receive) -> None:
    """Cut the connection of a call and wait until the server has seen its end."""
    scope[_TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        """The body that is still under way is of no interest."""


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
    scope[_TRANSPORT] = transport
    await app(scope, receive, send)
