"""The listening side: one HTTP(S) server per simulated host, on a loopback port."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from typing_extensions import override

from safepoint_lab.wsman.accounts import AccountBook
from safepoint_lab.wsman.calls import CallLog
from safepoint_lab.wsman.connection import WsmanConnection
from safepoint_lab.wsman.provider import CimProvider
from safepoint_lab.wsman.service import WsmanService
from safepoint_lab.wsman.settings import WsmanSettings

__all__ = [
    "Listener",
    "WsmanServer",
]

_logger = logging.getLogger(__name__)
_JOIN_SECONDS = 5.0


class Listener(ThreadingHTTPServer):
    """The socket and the threads of one host; knows its live connections to end them."""

    daemon_threads = True
    request_queue_size = 128
    timeout = 0.0

    def __init__(self, service: WsmanService) -> None:
        self.service = service
        self._wake, self._woken = socket.socketpair()
        self._live: dict[socket.socket, threading.Thread] = {}
        self._live_lock = threading.Lock()
        settings = service.settings
        super().__init__((settings.host, settings.port), WsmanConnection)

    @override
    def server_bind(self) -> None:
        """Bind without the reverse look-up of a name that HTTPServer does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    @override
    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        tls = self.service.settings.tls
        if tls is not None:
            connection = tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    @override
    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self.service.accepts_connection()

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._live_lock:
            self._live[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._live_lock:
                self._live.pop(request, None)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what ended a connection: a client that left is normal, the rest is a defect."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            _logger.debug("connection from %s ended: %s", client_address, error)
        else:
            _logger.error("a request from %s failed", client_address, exc_info=error)

    def serve(self) -> None:
        """Accept connections until `end`; sleeps in between, without a polling interval."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            stop = selector.register(self._woken, selectors.EVENT_READ)
            while stop not in (key for key, _ in selector.select()):
                self.handle_request()

    def end(self) -> None:
        """Make `serve` return."""
        self._wake.send(b"x")

    @override
    def server_close(self) -> None:
        super().server_close()
        self._wake.close()
        self._woken.close()

    def end_connections(self) -> None:
        """Shut every live connection and wait for its thread."""
        with self._live_lock:
            live = dict(self._live)
        for connection, thread in live.items():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_JOIN_SECONDS)


class WsmanServer:
    """A simulated host's WS-Management service. Start it, talk to `url`, stop it.

    Args:
        provider: The CIM classes of the host.
        accounts: Who may log in; stays open when the server stops (servers may share it).
        settings: Port, TLS, logins, limits, fault hook.
        calls: The log to write to; an own one when None.
    """

    def __init__(
        self,
        provider: CimProvider,
        accounts: AccountBook,
        settings: WsmanSettings,
        calls: CallLog | None = None,
    ) -> None:
        self.calls = calls if calls is not None else CallLog()
        self._service = WsmanService(provider, accounts, settings, self.calls)
        self._listener = Listener(self._service)
        self._thread = threading.Thread(
            target=self._listener.serve,
            name=f"wsman-{settings.node}",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port it listens on (bound at construction)."""
        return int(self._listener.server_port)

    @property
    def url(self) -> str:
        """The endpoint, such as `http://127.0.0.1:40123/wsman`."""
        settings = self._service.settings
        scheme = "https" if settings.tls else "http"
        return f"{scheme}://{settings.host}:{self.port}/wsman"

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection; stalled requests end. Idempotent."""
        self._service.stopping.set()
        if self._thread.is_alive():
            self._listener.end()
            self._thread.join(_JOIN_SECONDS)
        self._listener.server_close()
        self._listener.end_connections()

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
