"""Calls with a login: revision, tokens, one new login on 401, answers checked and parsed.

Token rules of 1.1-rev0 to 1.3-rev2: form body, `x-api-version` on the token call too, a refresh
token serves once, logout ends both [S][C].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import requests
from pydantic import SecretStr

from safepoint.drivers.answers import unreadable
from safepoint.drivers.https import Call, Transport, parsed_json
from safepoint.drivers.logins import Login
from safepoint.errors import ProtocolError, UnsupportedError
from safepoint_veeam.faults import error_of, is_unsupported_revision
from safepoint_veeam.operations import OPERATIONS, Operation
from safepoint_veeam.revisions import REVISIONS

__all__ = ["Caller", "Query"]

#: Query parameters; a sequence repeats the parameter.
Query = Mapping[str, str | Sequence[str]]

_TOKEN: Final = "/api/oauth2/token"  # noqa: S105 - a path, not a secret
_LOGOUT: Final = "/api/oauth2/logout"
_LOGIN_SECONDS: Final = 60.0
_HINT: Final = "Is this the REST port (9419) of a backup server, with no proxy in between?"


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
        self.login: Login[_Tokens] = Login(
            transport.system, log_in=self._log_in, renew=self._refresh, log_out=self._log_out
        )

    @property
    def revision(self) -> str:
        """The revision that both sides speak; logs in when that is not done yet."""
        self.login.current()
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
        answer = self.login.send(lambda tokens: self._send(operation, path, body, query, tokens))
        return self._read(operation, answer)

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
        raise unreadable(
            answer,
            operation=operation.name,
            system=self.transport.system,
            writes=operation.writes,
            hint=_HINT,
        )

    # -- tokens -------------------------------------------------------------------------------

    def _refresh(self, old: _Tokens) -> _Tokens | None:
        refresh = old.refresh.get_secret_value()
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        answer = self._grant(form, self._revision)
        if answer.status_code in {requests.codes.bad_request, requests.codes.unauthorized}:
            return None
        return self._tokens_of(answer)

    def _log_out(self, tokens: _Tokens) -> None:
        call = Call("logout", "POST", _LOGOUT, _LOGIN_SECONDS)
        self.transport.send(call, writes=False, headers=self._headers(tokens))

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
