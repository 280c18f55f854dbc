"""Access and refresh tokens: opaque, short-lived, a refresh token is good for one use [S][C].

They live in memory: a restart of the server ends every login.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from safepoint_lab.products.accounts import Account
from safepoint_lab.veeam.problems import ApiError
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.faults import FaultBook

__all__ = ["TokenDesk"]

_SHORT_REFRESH = timedelta(minutes=15)


@dataclass(slots=True)
class _Login:
    user: str
    refresh: str
    expires: datetime
    refresh_expires: datetime


class TokenDesk:
    """Hands out tokens and knows whose they are."""

    def __init__(
        self, settings: VeeamSettings, faults: FaultBook, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._account = Account(settings.username, settings.password)
        self._faults = faults
        self._now = now
        self._lock = threading.Lock()
        self._logins: dict[str, _Login] = {}

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request; grant names are taken in any case [S][C].

        Raises:
            ApiError: 400 for a form that cannot be, 401 for a wrong password or refresh token.
        """
        kind = form.get("grant_type", "").casefold()
        short = form.get("use_short_term_refresh", "").casefold() == "true"
        if kind == "password":
            return self._issue(self._log_in(form), short=short)
        if kind == "refresh_token":
            return self._issue(self._spend(form.get("refresh_token", "")), short=short)
        message = "The grant type is missing or not supported (simulated text)"
        raise ApiError(400, "UnexpectedContent", message)

    def user_of(self, header: str | None) -> str:
        """Return whose bearer token this is; `ApiError` 401 when it is none or expired."""
        kind, _, token = (header or "").partition(" ")
        with self._lock:
            login = self._logins.get(token) if kind.casefold() == "bearer" else None
        if login is None:
            raise ApiError(401, "InvalidToken", "The access token is not valid (simulated text)")
        if login.expires <= self._now():
            raise expired()
        return login.user

    def log_out(self, header: str | None) -> None:
        """Forget an access token and its refresh token."""
        token = (header or "").partition(" ")[2]
        with self._lock:
            self._logins.pop(token, None)

    def _log_in(self, form: Mapping[str, str]) -> str:
        given = form.get("username", "")
        if not self._account.is_opened_by(given, form.get("password", "")):
            raise ApiError(401, "AccessDenied", "Authentication failed")
        return given

    def _spend(self, refresh: str) -> str:
        if self._faults.take("veeam-refresh-refused", operation="refresh") is not None:
            raise _bad_refresh()
        with self._lock:
            for access, login in self._logins.items():
                if refresh and secrets.compare_digest(login.refresh, refresh):
                    del self._logins[access]
                    if login.refresh_expires <= self._now():
                        break
                    return login.user
        raise _bad_refresh()

    def _issue(self, user: str, *, short: bool) -> dict[str, Any]:
        now = self._now()
        life = timedelta(seconds=self._settings.token_seconds)
        access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        long = timedelta(seconds=self._settings.refresh_seconds)
        refresh_life = life + _SHORT_REFRESH if short else long
        with self._lock:
            self._logins[access] = _Login(user, refresh, now + life, now + refresh_life)
        return {
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": refresh,
            "expires_in": self._settings.token_seconds,
            ".issued": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            ".expires": f"{now + life:%Y-%m-%dT%H:%M:%SZ}",
        }


def expired() -> ApiError:
    """Return the answer to an expired access token."""
    return ApiError(401, "ExpiredToken", "The access token has expired (simulated text)")


def _bad_refresh() -> ApiError:
    return ApiError(401, "InvalidToken", "The refresh token is not valid (simulated text)")
