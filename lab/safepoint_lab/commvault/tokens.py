"""QSDK sessions with idle expiry and renewal, and access tokens with rotation.

Sessions live in memory: a restart of the web server ends every one of them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from safepoint_lab.commvault.problems import Problem
from safepoint_lab.commvault.settings import CommvaultSettings
from safepoint_lab.products.accounts import Account
from safepoint_lab.world.faults import FaultBook

__all__ = ["AccessToken", "TokenDesk"]

_BAD_CREDENTIALS = 1116
_RENEWABLE = timedelta(days=14)
_QSDK = "QSDK "


@dataclass(slots=True)
class _Session:
    user: str
    used_at: datetime


@dataclass(slots=True)
class AccessToken:
    """An access token and the refresh token of the pair it belongs to now."""

    id: int
    name: str
    kind: int
    access: str
    refresh: str
    expires: datetime
    renewable_until: datetime


class TokenDesk:
    """Hands out sessions and access tokens, and knows whose they are."""

    def __init__(
        self, settings: CommvaultSettings, faults: FaultBook, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._account = Account(settings.username, settings.password)
        self._faults = faults
        self._now = now
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._tokens: dict[int, AccessToken] = {}
        self._rotated: dict[str, int] = {}
        self._failures = 0
        self._locked_until: datetime | None = None

    def log_in(self, user: str, password: str) -> str:
        """Return a new session token; `Problem` for a wrong password or a locked account."""
        with self._lock:
            self._require_unlocked()
            if not self._account.is_opened_by(user, password):
                self._failures += 1
                if self._failures >= self._settings.lock_after:
                    seconds = self._settings.lock_seconds
                    self._locked_until = self._now() + timedelta(seconds=seconds)
                raise self._refused(message="Username/Password are incorrect")
            self._failures, self._locked_until = 0, None
            return self._open(user)

    def renew(self, token: str) -> str:
        """Return a new session for one that was issued once; it may have expired [S]."""
        if self._faults.take("commvault-renewal-refused", operation="renewal") is not None:
            raise _not_renewed()
        with self._lock:
            session = self._sessions.pop(_bare(token), None)
            if session is None:
                raise _not_renewed()
            return self._open(session.user)

    def log_out(self, token: str) -> None:
        """Forget a session."""
        with self._lock:
            self._sessions.pop(_bare(token), None)

    def user_of(self, token: str, authorization: str) -> str | None:
        """Return whose token this is, None when it is none or lapsed; activity keeps it alive."""
        kind, _, bearer = (authorization or token).partition(" ")
        with self._lock:
            if kind.casefold() == "bearer":
                return self._owner(bearer)
            session = self._sessions.get(_bare(token))
            idle = timedelta(seconds=self._settings.idle_seconds)
            if session is None or self._now() - session.used_at > idle:
                return None
            session.used_at = self._now()
            return session.user

    # -- access tokens -------------------------------------------------------------------
    def create(self, name: str, kind: int, renewable_until: datetime | None) -> AccessToken:
        """Return a new access token."""
        with self._lock:
            ident = max(self._tokens, default=0) + 1
            limit = renewable_until or self._now() + _RENEWABLE
            made = AccessToken(ident, name, kind, "", "", self._now(), limit)
            self._rotate(made)
            self._tokens[ident] = made
            return made

    def rotate(self, access: str, refresh: str) -> AccessToken:
        """Exchange a pair for a new one; a pair that was exchanged before ends the chain [D]."""
        with self._lock:
            for token in self._tokens.values():
                if token.access == access and token.refresh == refresh:
                    if token.renewable_until < self._now():
                        break
                    self._rotated[refresh] = token.id
                    self._rotate(token)
                    return token
            chain = self._rotated.get(refresh)
            if chain is not None:
                self._tokens.pop(chain, None)
        message = "The token cannot be renewed (simulated text)"
        raise Problem(message, status=401)

    def all(self) -> list[AccessToken]:
        """Return every access token."""
        with self._lock:
            return list(self._tokens.values())

    def revoke(self, ident: int) -> None:
        """Forget an access token; `Problem` when there is none."""
        with self._lock:
            if self._tokens.pop(ident, None) is None:
                message = f"Access token {ident} does not exist (simulated text)"
                raise Problem(message, status=404)

    def _rotate(self, token: AccessToken) -> None:
        life = timedelta(seconds=self._settings.access_token_seconds)
        token.access, token.refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        token.expires = self._now() + life

    def _owner(self, access: str) -> str | None:
        for token in self._tokens.values():
            if secrets.compare_digest(token.access, access) and token.expires > self._now():
                return self._settings.username
        return None

    def _open(self, user: str) -> str:
        bare = secrets.token_hex(64)
        self._sessions[bare] = _Session(user, self._now())
        return _QSDK + bare

    def _require_unlocked(self) -> None:
        if self._locked_until is not None and self._locked_until > self._now():
            raise self._refused(message="The account is locked (simulated text)")
        if self._locked_until is not None:
            self._failures, self._locked_until = 0, None

    def _refused(self, message: str) -> Problem:
        remaining = 0.0
        if self._locked_until is not None:
            remaining = (self._locked_until - self._now()).total_seconds()
        extra: dict[str, Any] = {
            "loginAttempts": self._failures,
            "remainingLockTime": max(0, round(remaining)),
            "isAccountLocked": remaining > 0,
        }
        return Problem(message, code=_BAD_CREDENTIALS, extra=extra)


def _bare(token: str) -> str:
    return token.removeprefix(_QSDK).strip()


def _not_renewed() -> Problem:
    return Problem("The session cannot be renewed (simulated text)", code=5)
