"""One HTTP connection to the simulated service: login, messages, and ordered misbehaviour."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from safepoint_lab.wsman.cimfault import timed_out
from safepoint_lab.wsman.dispatch import Answer
from safepoint_lab.wsman.faults import WireFault, WireFaultKind
from safepoint_lab.wsman.login import ConnectionLogin
from safepoint_lab.wsman.sealing import SEALED_CONTENT_TYPE, SealError, is_sealed, seal, unseal
from safepoint_lab.wsman.service import Opened, WsmanService

if TYPE_CHECKING:
    from safepoint_lab.wsman.server import Listener

__all__ = [
    "WsmanConnection",
]

_logger = logging.getLogger(__name__)
_SOAP = "application/soap+xml;charset=UTF-8"
_HTML = "text/html; charset=us-ascii"
_DRAIN_BYTES = 64 << 20
_RESET_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_BODILESS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class WsmanConnection(BaseHTTPRequestHandler):
    """Handles the requests of one TCP connection in its own thread."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 << 10

    _service: WsmanService
    _login: ConnectionLogin

    @override
    def setup(self) -> None:
        super().setup()
        self._service = cast("Listener", self.server).service
        self._login = self._service.new_login()

    @override
    def log_message(self, format: str, *args: object) -> None:
        _logger.debug(format, *args)

    def do_POST(self) -> None:
        """Answer one message."""
        body = self._read_body()
        if body is None:
            return
        if self.path.partition("?")[0].rstrip("/") != "/wsman":
            self._send(HTTPStatus.NOT_FOUND)
            return
        if self.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated":
            self._identify_anonymously(body)
            return
        verdict = self._login.judge(self.headers.get("Authorization"))
        if not verdict.allowed:
            self._send(HTTPStatus.UNAUTHORIZED, challenges=verdict.challenges)
            return
        if not body:
            self._send(HTTPStatus.OK, challenges=verdict.challenges)
            return
        text = self._open_body(body)
        if text is not None:
            self._converse(self._service.open(text), verdict.challenges)

    # -- reading -----------------------------------------------------------------------

    def _read_body(self) -> bytes | None:
        """Return the body, or None after refusing one without length or over the limit."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            self._send(HTTPStatus.LENGTH_REQUIRED)
            return None
        limit = self._service.settings.max_envelope_bytes
        if int(length) > limit:
            self.rfile.read(min(int(length), _DRAIN_BYTES))
            self.close_connection = True
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return None
        return self.rfile.read(int(length))

    def _open_body(self, body: bytes) -> str | None:
        """Unseal and decode a body; None after refusing it.

        A body that cannot be unsealed is answered 400 and a plain one where sealing is required
        500, both without a body ([I]: what pywinrm's users report).
        """
        content_type = self.headers.get("Content-Type", "")
        if is_sealed(content_type):
            try:
                return unseal(self._login.sealing, body).decode("utf-8")
            except (SealError, UnicodeDecodeError):
                self._login.forget()
                self._send(HTTPStatus.BAD_REQUEST)
                return None
        if self._service.settings.wants_sealed:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR)
            return None
        return self._decode(content_type, body)

    def _decode(self, content_type: str, body: bytes) -> str | None:
        header = Message()
        header["Content-Type"] = content_type or _SOAP
        charset = header.get_content_charset("utf-8")
        try:
            return body.decode(charset)
        except (LookupError, UnicodeDecodeError):
            self._send(HTTPStatus.BAD_REQUEST)
            return None

    def _identify_anonymously(self, body: bytes) -> None:
        text = self._decode(self.headers.get("Content-Type", ""), body)
        if text is None:
            return
        opened = self._service.open(text)
        if opened.exchange.action != "Identify":
            challenges = self._login.judge(None).challenges
            self._send(HTTPStatus.UNAUTHORIZED, challenges=challenges)
            return
        if opened.fault is not None and self._misbehave(opened, opened.fault):
            return
        self._deliver(opened, self._service.answer(opened, logged_in=False), ())

    # -- answering ---------------------------------------------------------------------

    def _converse(self, opened: Opened, challenges: tuple[str, ...]) -> None:
        fault = opened.fault
        if fault is not None and not fault.after_effect and self._misbehave(opened, fault):
            return
        answer = self._service.answer(opened)
        if fault is not None and fault.after_effect and self._misbehave(opened, fault):
            return
        self._deliver(opened, answer, challenges)

    def _deliver(self, opened: Opened, answer: Answer, challenges: tuple[str, ...]) -> None:
        """Log the request and send its answer, spoiled when a fault says so."""
        kind = opened.fault.kind if opened.fault else None
        self._service.record(opened, answer.status, answer.fault_code, self._login.user)
        if kind is WireFaultKind.MALFORMED_XML:
            cut = max(answer.body.rfind(b"</"), 1)
            answer = Answer(answer.status, answer.body[: cut - 1], answer.fault_code)
        body, content_type = answer.body, _SOAP
        context = self._login.sealing
        if context is not None and is_sealed(self.headers.get("Content-Type", "")):
            body, content_type = seal(context, body), SEALED_CONTENT_TYPE
        truncated = kind is WireFaultKind.TRUNCATED
        self._send(answer.status, body, content_type, challenges, truncated=truncated)

    def _misbehave(self, opened: Opened, fault: WireFault) -> bool:
        """Do what an ordered fault says; True when the request is done with."""
        match fault.kind:
            case WireFaultKind.RESET:
                self._cut(opened)
            case WireFaultKind.STALL:
                self._wait_for_client(fault.seconds)
                self._cut(opened)
            case WireFaultKind.DELAY:
                return self._delay(opened, fault.seconds)
            case WireFaultKind.UNAUTHORIZED | WireFaultKind.DROP_LOGIN:
                self._login.forget(for_good=fault.kind is WireFaultKind.UNAUTHORIZED)
                challenges = self._login.judge(None).challenges
                self._service.record(opened, HTTPStatus.UNAUTHORIZED, None, "")
                self._send(HTTPStatus.UNAUTHORIZED, challenges=challenges)
            case WireFaultKind.HTTP_STATUS | WireFaultKind.HTML_200:
                status = 200 if fault.kind is WireFaultKind.HTML_200 else fault.status
                self._service.record(opened, status, None, self._login.user)
                page = b"" if status in _BODILESS else _html_page(status)
                self._send(status, page, _HTML)
            case WireFaultKind.SOAP_FAULT | WireFaultKind.SOAP_FAULT_200:
                assert fault.fault is not None
                answer = self._service.fault_answer(opened, fault.fault)
                status = 200 if fault.kind is WireFaultKind.SOAP_FAULT_200 else answer.status
                self._deliver(opened, Answer(status, answer.body, answer.fault_code), ())
            case _:
                return False
        return True

    def _delay(self, opened: Opened, seconds: float) -> bool:
        """Wait; when that is longer than OperationTimeout allows, give up with TimedOut."""
        limit = opened.timeout_seconds
        self._service.stopping.wait(min(seconds, limit))
        if seconds <= limit:
            return False
        self._deliver(opened, self._service.fault_answer(opened, timed_out()), ())
        return True

    def _wait_for_client(self, seconds: float) -> None:
        """Wait until the client closes, the server stops (it shuts the socket) or time is up."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            selector.select(seconds or None)

    def _cut(self, opened: Opened) -> None:
        """Reset the connection: the client sees ECONNRESET, not an orderly end."""
        self._service.record(opened, 0, None, self._login.user)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_LINGER)
        for stream in (self.rfile, self.wfile):
            with contextlib.suppress(OSError):
                stream.close()
        self.connection.close()

    def _send(
        self,
        status: int,
        body: bytes = b"",
        content_type: str = "",
        challenges: tuple[str, ...] = (),
        *,
        truncated: bool = False,
    ) -> None:
        self.send_response(status)
        for challenge in challenges:
            self.send_header("WWW-Authenticate", challenge)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if truncated:
            body = body[: len(body) // 2]
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _html_page(status: int) -> bytes:
    title = HTTPStatus(status).phrase
    return (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()
    )
