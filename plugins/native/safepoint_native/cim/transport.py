"""The one interface below the protocol: send an envelope, get the answer's bytes.

`PywinrmTransport` fills it with pywinrm, which brings login and message encryption. Nothing
above this module knows pywinrm, and nothing here knows CIM.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol

from requests.exceptions import RequestException
from spnego.exceptions import SpnegoError
from typing_extensions import override
from winrm.exceptions import InvalidCredentialsError, WinRMError, WinRMTransportError

from safepoint.errors import DriverError, ProtocolError, UnreachableError
from safepoint_native.cim.session import Endpoint, Login, Trust, WinrmSession
from safepoint_native.cim.transport_errors import (
    AnswerLostError,
    http_error,
    is_soap,
    login_error,
    request_error,
)

__all__ = ["AnswerLostError", "PywinrmTransport", "Transport"]

#: How many logged-in connections are kept for later; more are made when more threads call.
_KEPT: Final = 8
_BAD_REQUEST: Final = 400


class Transport(Protocol):
    """Sends one envelope and returns what came back."""

    def post(self, envelope: str) -> bytes:
        """Send and return the SOAP answer, faults included, whatever the HTTP status was.

        Raises:
            AuthenticationError: the credentials were refused; nothing was carried out.
            CertificateError: the host is not trusted; nothing was sent.
            AnswerLostError: sent, but no answer came: a read may be repeated, a change not.
            UnreachableError: no connection; nothing was sent.
            DriverError: what else the HTTP layer answered.
        """

    def close(self) -> None:
        """Let go of all connections; may be called twice."""


class PywinrmTransport(Transport):
    """Sends through pywinrm. May be called from several threads at once.

    A login belongs to one TCP connection, so each call takes a session for itself and gives it
    back only after a clean answer; after any error the session is thrown away. A session that
    worked before and is answered with 401 (or with an empty 400 under encryption) has lost its
    login: nothing was carried out, so the call is made once more on a fresh login. The first
    401 of a fresh login is final, because accounts get locked.

    Args:
        endpoint: Where the service listens.
        login: Who calls; the password never appears in a repr or message.
        trust: How the host's certificate is checked.
        connect_seconds: How long to wait for a connection.
        read_seconds: How long to wait for an answer; must be longer than the time the host is
            given for an operation.
        node: The host's name in messages; its address when empty.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        login: Login,
        trust: Trust | None = None,
        *,
        connect_seconds: float = 10.0,
        read_seconds: float = 75.0,
        node: str = "",
    ) -> None:
        login.check(endpoint)
        self._endpoint = endpoint
        self._login = login
        self._trust = trust or Trust()
        self._timeouts = (connect_seconds, read_seconds)
        self._node = node or endpoint.host
        self._lock = threading.Lock()
        self._idle: list[WinrmSession] = []
        self._closed = False

    @override
    def post(self, envelope: str) -> bytes:
        session = self._take()
        was_used = session.has_answered
        try:
            answer = self._exchange(session, envelope)
        except _LoginLostError as exc:
            session.close()
            if not was_used:
                raise exc.error from exc.__cause__
        except BaseException:
            session.close()
            raise
        else:
            self._give_back(session)
            return answer
        return self._once_more(envelope)

    @override
    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _new_session(self) -> WinrmSession:
        connect, read = self._timeouts
        return WinrmSession(
            self._endpoint,
            self._login,
            self._trust,
            connect_seconds=connect,
            read_seconds=read,
        )

    def _once_more(self, envelope: str) -> bytes:
        """Repeat on a fresh login what an expired one did not let through."""
        session = self._new_session()
        try:
            answer = self._exchange(session, envelope)
        except _LoginLostError as exc:
            session.close()
            raise exc.error from exc.__cause__
        except BaseException:
            session.close()
            raise
        self._give_back(session)
        return answer

    def _exchange(self, session: WinrmSession, envelope: str) -> bytes:
        self._log_in(session)
        try:
            return session.send(envelope)
        except InvalidCredentialsError as exc:
            raise _LoginLostError(login_error(self._node, exc)) from exc
        except WinRMTransportError as exc:
            return self._answer_of(exc, session)
        except RequestException as exc:
            raise request_error(self._node, self._endpoint.url, exc) from exc
        except (SpnegoError, *_LEAKS) as exc:
            if self._endpoint.tls and not session.has_answered and isinstance(exc, _LOGIN):
                # Over TLS the login happens inside the first call.
                raise login_error(self._node, exc) from exc
            msg = f"{self._node}: the answer could not be opened ({type(exc).__name__})"
            raise AnswerLostError(msg, system=self._node) from exc

    def _log_in(self, session: WinrmSession) -> None:
        """Open the session; whatever fails here, our message was not sent."""
        try:
            session.open()
        except InvalidCredentialsError as exc:
            raise _LoginLostError(login_error(self._node, exc)) from exc
        except WinRMTransportError as exc:
            raise http_error(self._node, exc.code, was_sent=False) from exc
        except RequestException as exc:
            error = request_error(self._node, self._endpoint.url, exc)
            if isinstance(error, AnswerLostError):
                raise UnreachableError(error.message, hint=error.hint, system=self._node) from exc
            raise error from exc
        except (SpnegoError, *_LEAKS) as exc:
            raise login_error(self._node, exc) from exc

    def _answer_of(self, exc: WinRMTransportError, session: WinrmSession) -> bytes:
        """Return the SOAP fault that came with an HTTP error, or raise what the status means."""
        text = exc.response_text
        if is_soap(text):
            session.has_answered = True
            return text.encode()
        if exc.code == _BAD_REQUEST and not text.strip():
            reason = ProtocolError(
                f"{self._node}: the request was refused as malformed (HTTP 400)",
                hint="The encrypted session may have been lost, or the address is wrong.",
                system=self._node,
            )
            raise _LoginLostError(reason) from exc
        raise http_error(self._node, exc.code, was_sent=True) from exc

    def _take(self) -> WinrmSession:
        with self._lock:
            if self._closed:
                msg = f"{self._node}: the connection was closed"
                raise UnreachableError(msg, system=self._node)
            if self._idle:
                return self._idle.pop()
        return self._new_session()

    def _give_back(self, session: WinrmSession) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _KEPT:
                self._idle.append(session)
                return
        session.close()


class _LoginLostError(Exception):
    """The service refused a request for want of a valid login; carries what it means if final."""

    def __init__(self, error: DriverError) -> None:
        super().__init__(error.message)
        self.error = error


#: What pywinrm and its login handlers let escape when an answer is not what they expect.
_LEAKS: Final = (WinRMError, OSError, ValueError, LookupError, AttributeError, TypeError)
#: Those of them by which a login handler says that the login did not work out.
_LOGIN: Final = (SpnegoError, PermissionError, LookupError)
