"""One login for all threads of a client: made at the first call, renewed once, ended once.

For drivers whose product hands out tokens for a password. What a token is, and how it is fetched,
is the product's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import requests
from typing_extensions import override

from safepoint.drivers.https import Transport
from safepoint.errors import ConflictError, DriverError

__all__ = ["Login", "RestClient"]

TokenT = TypeVar("TokenT")


class Login(Generic[TokenT]):
    """One login of one account. Usable from several threads, which share the token.

    Args:
        system: The server as errors name it.
        log_in: Fetches a token by user and password.
        renew: Fetches a newer token by a lapsed one; None when the server refuses that.
        log_out: Gives a token back.
    """

    def __init__(
        self,
        system: str,
        *,
        log_in: Callable[[], TokenT],
        renew: Callable[[TokenT], TokenT | None],
        log_out: Callable[[TokenT], object],
    ) -> None:
        self._system = system
        self._log_in = log_in
        self._renew = renew
        self._log_out = log_out
        self._token: TokenT | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def send(self, send: Callable[[TokenT], requests.Response]) -> requests.Response:
        """Send with the token; once more with a newer one after a 401, which did nothing."""
        token = self.current()
        answer = send(token)
        if answer.status_code == requests.codes.unauthorized:
            answer = send(self._newer_than(token))
        return answer

    def current(self) -> TokenT:
        """Return the token; logs in when that is not done yet.

        Raises:
            ConflictError: it was closed.
        """
        with self._lock:
            self._check_open()
            if self._token is None:
                self._token = self._log_in()
            return self._token

    def _newer_than(self, refused: TokenT) -> TokenT:
        """Return a newer token; another thread may have fetched it already."""
        with self._lock:
            self._check_open()
            if self._token is None or self._token is refused:
                newer = self._renew(refused)
                self._token = newer if newer is not None else self._log_in()
            return self._token

    def _check_open(self) -> None:
        if self._is_closed:
            msg = f"{self._system}: the client is closed"
            raise ConflictError(msg, system=self._system)

    def close(self) -> None:
        """Log out when logged in. Idempotent.

        A server that no longer listens ends the token by itself in time.
        """
        with self._lock:
            token, self._token = self._token, None
            was_closed, self._is_closed = self._is_closed, True
        if token is None or was_closed:
            return
        try:
            self._log_out(token)
        except DriverError:
            return


class RestClient:
    """What the client of a product has, whatever the product.

    Args:
        transport: Where to.
        login: As whom.
    """

    def __init__(self, transport: Transport, login: Login[Any]) -> None:
        self._transport = transport
        self._login = login

    @property
    def system(self) -> str:
        """The server as errors name it: host and port."""
        return self._transport.system

    @property
    def request_count(self) -> int:
        """How many requests were sent so far, logins included."""
        return self._transport.request_count

    def close(self) -> None:
        """Log out. May be called twice; any other call afterwards raises."""
        try:
            self._login.close()
        finally:
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r})"
