"""Calls with a login: revision, tokens, one new login on 401, answers checked and parsed.

Token rules of 1.1-rev0 to 1.3-rev2: form body, `x-api-version` on the token call too, a refresh
token serves once, logout ends both [S][C].
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import requests
from pydantic import SecretStr

from safepoint.drivers.https import Call, Transport, parsed_json
from safepoint.errors import (
    ConflictError,
    DriverError,
    OutcomeUnknownError,
    ProtocolError,
    UnsupportedError,
)
from safepoint_veeam.faults import error_of, is_unsupported_revision
from safepoint_veeam.operations import OPERATIONS, Operation
from safepoint_veeam.revisions import REVISIONS

__all__ = ["Caller", "Query"]

#: Query parameters; a sequence repeats the parameter.
Query = Mapping[str, str | Sequence[str]]

_TOKEN: Final = "/api/oauth2/token"  # noqa: S105 - a path, not a secret
_LOGOUT: Final = "/api/oauth2/logout"
_LOGIN_SECONDS: Final = 60.0


@dataclass(frozen=True)
class _Tokens:
    """A pair; kept out of every repr."""

    access: SecretStr
    refresh: SecretStr


class Caller:
    r"""One login of one account. Usable from several threads, which share the tokens.

    Args:
        transport: Where to.
        username: The account; `DOMAIN\user` and plain names are known to work [S].
        password: Its password.
        revision: Exactly this `x-api-version`; empty negotiates, newest first.
    """

    def __init__(
        self, transport: Transport, username: str, password: SecretStr, revision: str = ""
    ) -> None:
        self.transport = transport
        self._username = username
        self._password = password
        self._candidates = (revision,) if revision else REVISIONS
        self._revision = ""
        self._tokens: _Tokens | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def revision(self) -> str:
        """The revision that both sides speak; logs in when that is not done yet."""
        self._current()
        return self._revision

    def call(
        self,
        name: str,
        *,
        body: object = None,
        query: Query | None = None,
        **parts: str,
    ) -> Any:
        """Make a call of `OPERATIONS` and return its JSON, None when it has none.

        `parts` fill the braces of the path. Sent again only after a 401, which did nothing.

        Raises:
            DriverError: by the table in `faults`.
            OutcomeUnknownError: a write whose answer is lost or cannot be read.
        """
        operation = OPERATIONS[name]
        path = operation.path.format(**{key: quote(part, safe="") for key, part in parts.items()})
        tokens = self._current()
        answer = self._send(operation, path, body, query, tokens)
        if answer.status_code == requests.codes.unauthorized:
            answer = self._send(operation, path, body, query, self._renew(tokens))
        return self._read(operation, answer)

    def close(self) -> None:
        """Log out when logged in, then drop the connections. May be called twice."""
        with self._lock:
            tokens, self._tokens = self._tokens, None
            was_closed, self._is_closed = self._is_closed, True
        try:
            if tokens is not None and not was_closed:
                self._log_out(tokens)
        finally:
            self.transport.close()

    def _log_out(self, tokens: _Tokens) -> None:
        """Say goodbye. A server that no longer listens ends the tokens by itself in time."""
        try:
            call = Call("logout", "POST", _LOGOUT, _LOGIN_SECONDS)
            self.transport.send(call, writes=False, headers=self._headers(tokens))
        except DriverError:
            return

    def _headers(self, tokens: _Tokens) -> dict[str, str]:
        bearer = f"Bearer {tokens.access.get_secret_value()}"
        return {"x-api-version": self._revision, "Authorization": bearer}

    def _send(
        self,
        operation: Operation,
        path: str,
        body: object,
        query: Query | None,
        tokens: _Tokens,
    ) -> requests.Response:
        call = Call(operation.name, operation.method, path, operation.read_seconds)
        parts: dict[str, Any] = {"params": query, "json": body, "headers": self._headers(tokens)}
        return self.transport.send(call, writes=operation.writes, **parts)

    def _read(self, operation: Operation, answer: requests.Response) -> Any:
        if answer.status_code in operation.success:
            if answer.status_code == requests.codes.no_content or not operation.has_body:
                return None
            return self._json(operation, answer)
        raise error_of(
            answer.status_code,
            parsed_json(answer),
            answer.headers,
            operation=operation.name,
            system=self.transport.system,
            writes=operation.writes,
        )

    def _json(self, operation: Operation, answer: requests.Response) -> Any:
        body = parsed_json(answer)
        if isinstance(body, dict):
            return body
        kind = answer.headers.get("Content-Type", "no content type").partition(";")[0]
        msg = f"{self.transport.system}: the answer to {operation.name} is no JSON object ({kind})"
        error = OutcomeUnknownError if operation.writes else ProtocolError
        raise error(
            msg,
            hint="Is this the REST port (9419) of a backup server, with no proxy in between?",
            operation=operation.name,
            system=self.transport.system,
            native_code=str(answer.status_code),
        )

    # -- tokens -------------------------------------------------------------------------------

    def _current(self) -> _Tokens:
        with self._lock:
            if self._is_closed:
                msg = f"{self.transport.system}: the client is closed"
                raise ConflictError(msg, system=self.transport.system)
            if self._tokens is None:
                self._tokens = self._log_in()
            return self._tokens

    def _renew(self, refused: _Tokens) -> _Tokens:
        """Return tokens newer than those; another thread may have fetched them already."""
        with self._lock:
            if self._tokens is None or self._tokens is refused:
                self._tokens = self._refresh(refused) or self._log_in()
            return self._tokens

    def _refresh(self, old: _Tokens) -> _Tokens | None:
        refresh = old.refresh.get_secret_value()
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        answer = self._grant(form, self._revision)
        if answer.status_code in {requests.codes.bad_request, requests.codes.unauthorized}:
            return None
        return self._tokens_of(answer)

    def _log_in(self) -> _Tokens:
        form = {
            "grant_type": "password",
            "username": self._username,
            "password": self._password.get_secret_value(),
        }
        for revision in (self._revision,) if self._revision else self._candidates:
            answer = self._grant(form, revision)
            if not is_unsupported_revision(answer.status_code, parsed_json(answer)):
                tokens = self._tokens_of(answer)
                self._revision = revision
                return tokens
        msg = f"{self.transport.system}: no common revision of the REST API"
        tried = ", ".join(self._candidates)
        raise UnsupportedError(msg, hint=f"Asked for {tried}; Hyper-V needs VBR 13.0 or later.")

    def _grant(self, form: Mapping[str, str], revision: str) -> requests.Response:
        call = Call("login", "POST", _TOKEN, _LOGIN_SECONDS)
        return self.transport.send(
            call, writes=False, headers={"x-api-version": revision}, data=form
        )

    def _tokens_of(self, answer: requests.Response) -> _Tokens:
        operation = Operation("login", "POST", _TOKEN)
        fields = self._read(operation, answer)
        access, refresh = fields.get("access_token"), fields.get("refresh_token")
        if isinstance(access, str) and access and isinstance(refresh, str):
            return _Tokens(SecretStr(access), SecretStr(refresh))
        msg = f"{self.transport.system}: the answer to login holds no token"
        raise ProtocolError(msg, operation="login", system=self.transport.system)
