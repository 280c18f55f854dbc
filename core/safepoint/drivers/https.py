"""HTTPS to one server: a session of its own per thread, trust, time-outs, broken connections.

For drivers whose product speaks REST; each driver adds its own login, errors and objects. What
matters here is the same everywhere: whether a request that failed may have had its effect.

No retries, no proxies or other settings of the environment, no redirects. Nothing that is sent
is ever part of an error, repr or log.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from safepoint.errors import (
    CertificateError,
    ConfigError,
    DriverError,
    OutcomeUnknownError,
    UnreachableError,
)

__all__ = ["Call", "Transport", "Trust", "parsed_json"]

_CONNECT_SECONDS: Final = 10.0
_NETWORK_HINT: Final = "Check name, port and firewall."
_TRUST_HINT: Final = "Give the authority's PEM file (`ca`) or pin the certificate (`fingerprint`)."


@dataclass(frozen=True)
class Trust:
    """How the server proves who it is: public authorities, one of our own, or one pin.

    Raises:
        ConfigError: the CA is no readable file or the fingerprint is no SHA-256.
    """

    ca: str = ""
    """PEM file of the authority."""
    fingerprint: str = ""
    """SHA-256 of exactly this certificate, in hex; replaces chain and name."""

    def __post_init__(self) -> None:
        """Refuse early what could never work."""
        if self.fingerprint and not re.fullmatch(r"[0-9a-f]{64}", self.pin):
            msg = "a certificate fingerprint must be the SHA-256 in 64 hexadecimal digits"
            raise ConfigError(msg, hint="openssl x509 -noout -fingerprint -sha256 -in server.pem")
        if self.ca and not Path(self.ca).is_file():
            msg = f"the CA certificate is not a readable file: {self.ca}"
            raise ConfigError(msg, hint="Give the path of a PEM file.")

    @property
    def pin(self) -> str:
        """The fingerprint in lower case without separators."""
        return re.sub(r"[:\s-]", "", self.fingerprint).lower()


@dataclass(frozen=True)
class Call:
    """What is sent where; the path is complete and quoted."""

    operation: str
    """The name errors use."""
    method: str
    path: str
    read_seconds: float


class _PinningAdapter(HTTPAdapter):
    """Accepts exactly one certificate, whoever issued it."""

    def __init__(self, pin: str) -> None:
        self._pin = pin
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, assert_fingerprint=self._pin, **kwargs)

    @override
    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        # urllib3 compares the fingerprint in place of the chain and the name.
        return super().send(request, *args, **{**kwargs, "verify": False})


class Transport:
    """Sends one request, once. Usable from several threads.

    Args:
        base_url: What every path is appended to.
        trust: How the server proves who it is.
        connect_seconds: How long to wait for a connection.
        network_hint: What to check when there is no connection, such as the product's port.
    """

    def __init__(
        self,
        base_url: str,
        trust: Trust,
        *,
        connect_seconds: float = _CONNECT_SECONDS,
        network_hint: str = _NETWORK_HINT,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._trust = trust
        self._connect_seconds = connect_seconds
        self._network_hint = network_hint
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._count = 0

    @property
    def system(self) -> str:
        """The server as errors name it: host and port."""
        return self.base_url.partition("://")[2].partition("/")[0]

    @property
    def request_count(self) -> int:
        """How many requests were sent so far."""
        return self._count

    def send(self, call: Call, *, writes: bool, **parts: Any) -> requests.Response:
        """Send and return whatever answer comes, of any status.

        `parts` are headers, params, json and data as `requests` takes them.

        Raises:
            UnreachableError: no connection, or a read whose answer broke off.
            CertificateError: the server is not who it should be.
            OutcomeUnknownError: a write was sent and its answer is lost.
        """
        session = self._session()
        with self._lock:
            self._count += 1
        try:
            return session.request(
                call.method,
                f"{self.base_url}{call.path}",
                timeout=(self._connect_seconds, call.read_seconds),
                allow_redirects=False,
                **parts,
            )
        except requests.RequestException as exc:
            raise self._error(exc, call.operation, writes=writes) from None

    def close(self) -> None:
        """Drop every connection. Idempotent."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._local, "session", None)
        if found is None:
            found = requests.Session()
            found.trust_env = False
            found.headers["Accept"] = "application/json"
            found.verify = self._trust.ca or True
            if self._trust.fingerprint:
                found.mount("https://", _PinningAdapter(self._trust.pin))
            self._local.session = found
            with self._lock:
                self._sessions.append(found)
        return found

    def _error(self, exc: Exception, operation: str, *, writes: bool) -> DriverError:
        where: dict[str, str] = {"operation": operation, "system": self.system}
        causes = tuple(_causes(exc))
        why = _reason(causes)
        if isinstance(exc, requests.exceptions.SSLError):
            untrusted = self._untrusted(causes, where)
            if untrusted is not None:
                return untrusted
            if not writes:
                msg = f"{self.system}: no TLS connection could be made ({why})"
                return CertificateError(msg, hint="Check port and TLS versions.", **where)
            # It may have broken before the request or after it, and nothing tells which.
        if _never_sent(causes):
            msg = f"{self.system}: no connection for {operation} ({why})"
            return UnreachableError(msg, hint=self._network_hint, **where)
        msg = f"{self.system}: {operation} was sent and no complete answer came ({why})"
        if writes:
            hint = "Look whether it happened before doing it again."
            return OutcomeUnknownError(msg, hint=hint, **where)
        return UnreachableError(msg, hint=self._network_hint, **where)

    def _untrusted(
        self, causes: tuple[BaseException, ...], where: dict[str, str]
    ) -> CertificateError | None:
        """Return why the server is not who it should be; then nothing was sent."""
        for cause in causes:
            found = re.search(r'Fingerprints did not match.*got "([0-9a-f]{64})"', str(cause))
            if found:
                msg = f"{self.system}: the certificate is not the pinned one (SHA-256 {found[1]})"
                return CertificateError(msg, hint="If it was renewed, pin the new one.", **where)
            if isinstance(cause, ssl.SSLCertVerificationError):
                msg = f"{self.system}: the certificate is not trusted ({cause.verify_message})"
                return CertificateError(msg, hint=_TRUST_HINT, **where)
        return None


def parsed_json(answer: requests.Response) -> object:
    """Return the JSON of an answer; None when it is none."""
    try:
        return answer.json()
    except requests.exceptions.JSONDecodeError:
        return None


def _never_sent(causes: tuple[BaseException, ...]) -> bool:
    kinds = (NewConnectionError, ConnectTimeoutError, requests.exceptions.ConnectTimeout)
    early = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
    return any(isinstance(cause, kinds + early) for cause in causes)


def _reason(causes: tuple[BaseException, ...]) -> str:
    """Return the operating system's words, else the kind; never text that may quote a body."""
    system = next((c for c in causes if isinstance(c, OSError) and c.strerror), None)
    return str(system.strerror) if isinstance(system, OSError) else type(causes[0]).__name__


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Walk everything an exception wraps, each once."""
    seen: set[int] = set()
    todo: list[object] = [exc]
    while todo:
        current = todo.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            todo += [*current.args, getattr(current, "reason", None)]
            todo += [current.__cause__, current.__context__]
