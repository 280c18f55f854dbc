"""The login of one connection: challenge, Basic, Negotiate. With NTLM it *is* the login."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field

from spnego import ContextProxy

from safepoint_lab.wsman.accounts import AccountBook, LoginError, NtlmLogin

__all__ = [
    "ConnectionLogin",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a request's Authorization header leads to.

    `allowed` lets the request through; else a 401 with the `challenges` goes out. When allowed,
    a challenge may still carry the last token of the handshake.
    """

    allowed: bool
    challenges: tuple[str, ...] = ()


@dataclass(slots=True)
class ConnectionLogin:
    """Who is logged in on one connection.

    Args:
        accounts: Who may log in.
        basic: Whether Basic is offered (over HTTP only together with unencrypted traffic).
        accepts: Asked before an otherwise good login is accepted; False turns it down.
    """

    accounts: AccountBook
    basic: bool
    accepts: Callable[[], bool]
    user: str = ""
    _handshake: NtlmLogin | None = field(default=None)
    _poisoned: bool = False

    @property
    def sealing(self) -> ContextProxy | None:
        """The context that seals messages, once a handshake is complete."""
        done = self._handshake is not None and self._handshake.complete
        return self._handshake.context if done and self._handshake else None

    def forget(self, *, for_good: bool = False) -> None:
        """Forget the login; `for_good` turns down every later one on this connection."""
        self.user = ""
        self._handshake = None
        self._poisoned = self._poisoned or for_good

    def judge(self, header: str | None) -> Verdict:
        """Decide about a request by its Authorization header (None when it has none)."""
        if header is None:
            return Verdict(allowed=True) if self.sealing is not None else self._challenge()
        scheme, _, credentials = header.partition(" ")
        try:
            if scheme.lower() == "basic" and self.basic:
                return self._basic(_decode(credentials))
            if scheme.lower() in {"negotiate", "ntlm"}:
                return self._negotiate(scheme, _decode(credentials))
        except LoginError:
            self.forget()
        return self._challenge()

    def _challenge(self) -> Verdict:
        offered = ("Negotiate", 'Basic realm="WSMAN"') if self.basic else ("Negotiate",)
        return Verdict(allowed=False, challenges=offered)

    def _basic(self, credentials: bytes) -> Verdict:
        user, _, password = credentials.decode("utf-8", "replace").partition(":")
        self.accounts.check_password(user, password)
        self._admit(user)
        return Verdict(allowed=True)

    def _negotiate(self, scheme: str, token: bytes) -> Verdict:
        if self._handshake is None or self._handshake.complete:
            self._handshake = self.accounts.start_ntlm(token)
        answer = self._handshake.step(token)
        encoded = base64.b64encode(answer).decode() if answer else ""
        challenges = (f"{scheme} {encoded}",) if encoded else ()
        if not self._handshake.complete:
            return Verdict(allowed=False, challenges=challenges)
        self._admit(self._handshake.user)
        return Verdict(allowed=True, challenges=challenges)

    def _admit(self, user: str) -> None:
        if self._poisoned or not self.accepts():
            raise LoginError
        self.user = user


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise LoginError from error
