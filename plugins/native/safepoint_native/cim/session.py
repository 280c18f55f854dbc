"""One logged-in connection to a host, and what is needed to make it.

pywinrm brings login and encryption; here is decided what it may use: no proxy, CA or password
file from the environment, certificate checks always on, plain passwords only over TLS or to this
very machine.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response
from typing_extensions import override
from winrm.protocol import Protocol as WinrmProtocol

from safepoint.errors import ConfigError, UnsupportedError
from safepoint_native.auth import AuthKind

__all__ = ["AuthKind", "Endpoint", "Login", "Trust", "WinrmSession"]

_EXTRAS: Final = {"kerberos": ("kerberos", "winkerberos"), "credssp": ("requests_credssp",)}


@dataclass(frozen=True)
class Endpoint:
    """Where a management service listens."""

    host: str
    port: int = 5986
    tls: bool = True

    @property
    def url(self) -> str:
        """The address requests go to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/wsman"

    @property
    def is_loopback(self) -> bool:
        """True when the service runs on this very machine."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Login:
    """Who calls."""

    kind: AuthKind
    username: str = ""
    """``DOMAIN\\user`` or ``user@domain``; empty for a client certificate."""
    password: str = field(default="", repr=False)
    certificate_path: str = ""
    key_path: str = ""

    def check(self, endpoint: Endpoint) -> None:
        """Refuse what would be unsafe or cannot work.

        Raises:
            ConfigError: a plain password over an open line, or a part is missing.
            UnsupportedError: the library for this kind is not installed.
        """
        if self.kind is AuthKind.BASIC and not endpoint.tls and not endpoint.is_loopback:
            msg = f"{endpoint.host}: basic authentication over http would show the password"
            raise ConfigError(msg, hint="Use https (port 5986), or ntlm or kerberos.")
        if self.kind is AuthKind.CERTIFICATE:
            if not (endpoint.tls and self.certificate_path and self.key_path):
                msg = f"{endpoint.host}: a client certificate needs https, certificate and key"
                raise ConfigError(
                    msg, hint="Use an https address, and set `certificate` and `key`."
                )
            _check_file(self.certificate_path, "client certificate")
            _check_file(self.key_path, "key of the client certificate")
        elif not self.username:
            msg = f"{endpoint.host}: no user name for {self.kind} authentication"
            raise ConfigError(msg, hint="Set `username` of the connection.")
        modules = _EXTRAS.get(self.kind.value, ())
        if modules and not any(importlib.util.find_spec(name) for name in modules):
            msg = f"{self.kind} authentication needs a library that is not installed"
            raise UnsupportedError(msg, hint=f"pip install 'pywinrm[{self.kind}]'")


@dataclass(frozen=True)
class Trust:
    """How the host's certificate is checked. Checking cannot be switched off."""

    ca_path: str = ""
    """PEM file of the authority; empty takes the public ones."""
    fingerprint: str = ""
    """SHA-256 of exactly this host's certificate, in hex; replaces every other check."""

    def __post_init__(self) -> None:
        """Refuse a malformed fingerprint and a CA file that is not there, as ConfigError."""
        if self.fingerprint and not re.fullmatch(r"[0-9a-f]{64}", self.pin):
            msg = "a certificate fingerprint must be the SHA-256 in 64 hexadecimal digits"
            raise ConfigError(msg, hint="openssl x509 -noout -fingerprint -sha256 -in host.pem")
        if self.ca_path:
            _check_file(self.ca_path, "CA certificate")

    @property
    def pin(self) -> str:
        """The fingerprint in lower case without separators."""
        return re.sub(r"[:\s-]", "", self.fingerprint).lower()


def _check_file(path: str, what: str) -> None:
    if not Path(path).is_file():
        msg = f"the {what} is not a readable file: {path}"
        raise ConfigError(msg, hint="Give the path of a PEM file.")


class _PinningAdapter(HTTPAdapter):
    """Accepts exactly one certificate, whoever issued it."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, assert_fingerprint=self._fingerprint, **kwargs)

    @override
    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        # urllib3 compares the fingerprint in place of the chain and the name.
        return super().send(request, *args, **{**kwargs, "verify": False})


class WinrmSession:
    """One login on one connection; used by one thread at a time and thrown away on any error."""

    def __init__(
        self,
        endpoint: Endpoint,
        login: Login,
        trust: Trust,
        *,
        connect_seconds: float,
        read_seconds: float,
    ) -> None:
        self.has_answered = False
        self._endpoint = endpoint
        self._trust = trust
        self._timeouts = (connect_seconds, read_seconds)
        self._login = login
        self._protocol: WinrmProtocol | None = None

    def open(self) -> None:
        """Log in when that is not done yet; with encryption this talks to the host."""
        if self._protocol is not None:
            return
        protocol = _make_protocol(self._endpoint, self._login, self._trust)
        # pywinrm passes this on to requests, which takes a pair: connecting and reading.
        protocol.transport.read_timeout_sec = self._timeouts  # type: ignore[assignment]  # declared as one int
        session = protocol.transport.build_session()
        session.trust_env = False
        if self._trust.fingerprint:
            session.mount("https://", _PinningAdapter(self._trust.pin))
        self._protocol = protocol

    def send(self, envelope: str) -> bytes:
        """Send one envelope; lets through whatever pywinrm and requests raise.

        The transport below `Protocol.send_message` is used, because that one parses faults and
        loses half of what they say.
        """
        assert self._protocol is not None
        answer: bytes = self._protocol.transport.send_message(envelope)
        self.has_answered = True
        return answer

    def close(self) -> None:
        """Drop the connection."""
        if self._protocol is not None:
            self._protocol.transport.close_session()
            self._protocol = None


def _make_protocol(endpoint: Endpoint, login: Login, trust: Trust) -> WinrmProtocol:
    plain = endpoint.tls or login.kind is AuthKind.BASIC
    return WinrmProtocol(
        endpoint.url,
        transport=login.kind.value,
        username=login.username or None,
        password=login.password,
        cert_pem=login.certificate_path or None,
        cert_key_pem=login.key_path or None,
        # None, which the library's own documentation allows, keeps the environment out.
        ca_trust_path=trust.ca_path or None,  # type: ignore[arg-type]  # declared without None
        server_cert_validation="validate",
        message_encryption="auto" if plain else "always",
        proxy=None,
    )
