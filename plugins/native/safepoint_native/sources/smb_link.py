"""One SMB 3 connection with its session and share."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBException
from typing_extensions import override

from safepoint.models.systems import ShareServer
from safepoint_native.sources import smb_library as library
from safepoint_native.sources.smb_errors import smb_errors
from safepoint_native.sources.unc import UncPath

__all__ = ["Link"]

_CREDIT_BYTES = 1 << 16
_CREDIT_WAIT_SECONDS = 0.002
_DISCONNECT_SECONDS = 2


class _StrictConnection(Connection):
    """Refuses replies that should have been signed or encrypted and are not.

    smbprotocol 1.17 checks a signature only where there is one (found by reading its code), so
    whoever can alter packets could leave it away. It also waits for answers without end.
    """

    timeout_seconds: float = 60.0

    @override
    def receive(
        self,
        request: Any,
        wait: bool = True,
        timeout: float | None = None,
        resolve_symlinks: bool = True,
    ) -> Any:
        limit = self.timeout_seconds if timeout is None else timeout
        library_side: Any = super()
        return library_side.receive(request, wait, limit, resolve_symlinks)

    @override
    def verify_signature(
        self,
        header: Any,
        session_id: int,
        force: bool = False,
    ) -> None:
        # Called for replies that were not encrypted.
        session = self.session_table.get(session_id)
        if session is not None and not force and not _is_exempt(header):
            is_signed = header["flags"].has_flag(library.Smb2Flags.SMB2_FLAGS_SIGNED)
            if session.encrypt_data or (session.signing_required and not is_signed):
                msg = "the server's reply is neither encrypted nor signed as agreed"
                raise SMBException(msg)
        library_side: Any = super()
        library_side.verify_signature(header, session_id, force)


def _is_exempt(header: Any) -> bool:
    """Notifications, interim replies and logons carry no signature ([MS-SMB2] 3.2.5.1.3)."""
    return bool(
        header["message_id"].get_value() == 0xFFFFFFFFFFFFFFFF
        or header["status"].get_value() == library.NtStatus.STATUS_PENDING
        or header["command"].get_value() == library.Commands.SMB2_SESSION_SETUP
    )


class Link:
    """A live connection to one share; any number of threads may use it.

    Raises:
        UnreachableError: no connection.
        AuthenticationError: the account is not accepted.
        NotFoundError: no such share.
        ProtocolError: encryption is required and the server cannot, or SMB 3 is missing.
    """

    def __init__(self, server: ShareServer, root: UncPath, *, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._send_lock = threading.Lock()
        connect: Any = _StrictConnection
        self.connection: Any = connect(
            uuid.uuid4(), server.server, server.port, require_signing=True
        )
        self.connection.timeout_seconds = timeout_seconds
        try:
            with smb_errors("connect to", f"{root.root} at {server.server}:{server.port}"):
                self._connect(server, root)
        except BaseException:
            self.close()
            raise

    @property
    def is_up(self) -> bool:
        """False once the connection is known to be broken."""
        transport = self.connection.transport
        return transport is not None and bool(transport.connected)

    @property
    def chunk_bytes(self) -> int:
        """The most one read or write may carry."""
        limit = min(self.connection.max_read_size, self.connection.max_write_size)
        return int(min(limit, 1 << 20))

    def send(self, message: Any, payload_bytes: int = 0) -> Any:
        """Send a request without waiting for its answer; waits for credits when short of them.

        Every request asks for twice the credits it uses, so that the window grows until the
        server's limit.
        """
        need = max(1, -(-payload_bytes // _CREDIT_BYTES))
        deadline = time.monotonic() + self._timeout_seconds
        with self._send_lock:
            while self._credits() < need and self.is_up:
                # The receiving thread adds credits with every answer, and tells nobody.
                if time.monotonic() > deadline:
                    msg = f"the server grants {self._credits()} credits, {need} are needed"
                    raise SMBException(msg)
                time.sleep(_CREDIT_WAIT_SECONDS)
            ids = (self.tree.session.session_id, self.tree.tree_connect_id)
            return self.connection.send(message, *ids, credit_request=2 * need)

    def receive(self, request: Any) -> bytes:
        """Wait for an answer and return its body, which begins behind the SMB 2 header."""
        return bytes(self.connection.receive(request)["data"].get_value())

    def close(self) -> None:
        """Log off and disconnect; never raises, the server forgets us anyway."""
        if self.connection.transport is None:
            return
        try:
            self.connection.disconnect(close=self.is_up, timeout=_DISCONNECT_SECONDS)
        except (SMBException, OSError, ValueError):
            # The line is broken already. Nothing is lost by not saying goodbye.
            self.connection.transport.close()

    def _connect(self, server: ShareServer, root: UncPath) -> None:
        self.connection.connect(timeout=self._timeout_seconds)
        if self.connection.dialect < library.Dialects.SMB_3_0_0:
            msg = "the server does not speak SMB 3, which signing and encryption need"
            raise SMBException(msg)
        session = library.Session(
            self.connection,
            server.username or None,
            server.password.get_secret_value() or None,
            require_encryption=server.encrypt,
        )
        session.connect()
        self.tree = library.TreeConnect(session, root.root)
        self.tree.connect()

    def _credits(self) -> int:
        window = self.connection.sequence_window
        return int(window["high"] - window["low"])
