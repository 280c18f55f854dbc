"""Calls with a login: token, one renewal on 401, then one new login, answers checked and parsed.

The password travels base64-encoded, which hides nothing: HTTPS alone protects it [S][D].
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import requests
from pydantic import SecretStr

from safepoint.drivers.answers import unreadable
from safepoint.drivers.https import Call, Transport, parsed_json
from safepoint.drivers.logins import Login
from safepoint.errors import AuthenticationError, DriverError
from safepoint_commvault.faults import complaint_of, error_of
from safepoint_commvault.operations import OPERATIONS, Operation

__all__ = ["Caller", "Query", "encoded"]

#: Query parameters; a sequence repeats the parameter.
Query = Mapping[str, str | int | Sequence[str]]

_GOOD: Final = frozenset({200, 201, 202})
_LOGIN: Final = Operation("login", "POST", "/Login")
_RENEW: Final = Operation("renew-login", "POST", "/RenewLoginToken")
_LOGOUT: Final = Operation("logout", "POST", "/Logout")
_HINT: Final = "Is this the web service of the CommServe (…/commandcenter/api)?"
#: Kinds of login and client that the vendor's SDK names for a user's script [S].
_MODE: Final = 4
_CLIENT_TYPE: Final = 30


def encoded(secret: SecretStr) -> str:
    """Return a secret as the product wants it in a body: base64 of its UTF-8 bytes."""
    return base64.b64encode(secret.get_secret_value().encode()).decode()


class Caller:
    r"""One login of one account. Usable from several threads, which share the token.

    Args:
        transport: Where to.
        username: The account: `user`, or `DOMAIN\user` of a directory the CommCell knows.
        password: Its password.
        device: What the session is called in the product's list of sessions.
    """

    def __init__(
        self, transport: Transport, username: str, password: SecretStr, device: str
    ) -> None:
        self.transport = transport
        self._username = username
        self._password = password
        self._device = device
        self.login: Login[SecretStr] = Login(
            transport.system, log_in=self._log_in, renew=self._renewed, log_out=self._log_out
        )

    def call(
        self,
        name: str,
        *,
        body: object = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        **parts: str,
    ) -> dict[str, Any]:
        """Make a call of `OPERATIONS` and return its JSON object.

        `parts` fill the braces of the path. Sent again only after a 401, which did nothing.

        Raises:
            DriverError: by the tables in `faults`; also for an HTTP 200 that tells of a failure.
            OutcomeUnknownError: a write whose answer is lost or cannot be read.
        """
        operation = OPERATIONS[name]
        path = operation.path.format(**{key: quote(part, safe="") for key, part in parts.items()})
        given: dict[str, Any] = {"json": body, "params": query, "headers": headers or {}}
        answer = self.login.send(lambda token: self._send(operation, path, token, given))
        return self._read(operation, answer)

    def _send(
        self,
        operation: Operation,
        path: str,
        token: SecretStr | None,
        given: Mapping[str, Any],
    ) -> requests.Response:
        call = Call(operation.name, operation.method, path, operation.read_seconds)
        headers = dict(given["headers"])
        if token is not None:
            headers["Authtoken"] = token.get_secret_value()
        parts = {**given, "headers": headers}
        return self.transport.send(call, writes=operation.writes, **parts)

    def _read(self, operation: Operation, answer: requests.Response) -> dict[str, Any]:
        body = parsed_json(answer)
        complaint = complaint_of(body)
        if answer.status_code not in _GOOD or complaint is not None:
            raise error_of(
                answer.status_code,
                complaint,
                answer.headers,
                operation=operation.name,
                system=self.transport.system,
                writes=operation.writes,
            )
        if isinstance(body, dict):
            # An attribute list that may be attached to any answer and means nothing [S].
            return {key: one for key, one in body.items() if key != "processinginstructioninfo"}
        raise self._unreadable(operation, answer)

    def _unreadable(self, operation: Operation, answer: requests.Response) -> DriverError:
        return unreadable(
            answer,
            operation=operation.name,
            system=self.transport.system,
            writes=operation.writes,
            hint=_HINT,
        )

    # -- the token ----------------------------------------------------------------------------

    def _renewed(self, old: SecretStr) -> SecretStr | None:
        # The lapsed token travels in the header as well: the vendor's SDK does the same [X].
        body = {"sessionId": old.get_secret_value(), "deviceId": self._device}
        answer = self._send(_RENEW, _RENEW.path, old, {"json": body, "headers": {}})
        fields = parsed_json(answer)
        if answer.status_code not in _GOOD or complaint_of(fields) is not None:
            return None
        return _token_in(fields)

    def _log_out(self, token: SecretStr) -> None:
        self._send(_LOGOUT, _LOGOUT.path, token, {"headers": {}})

    def _log_in(self) -> SecretStr:
        domain, _, user = self._username.rpartition("\\")
        body: dict[str, Any] = {
            "mode": _MODE,
            "clientType": _CLIENT_TYPE,
            "deviceId": self._device,
            "username": user,
            "password": encoded(self._password),
        }
        if domain:
            body["domain"] = domain
        answer = self._send(_LOGIN, _LOGIN.path, None, {"json": body, "headers": {}})
        fields = parsed_json(answer)
        token = _token_in(fields) if answer.status_code in _GOOD else None
        if token is not None:
            return token
        raise self._refusal(answer, fields)

    def _refusal(self, answer: requests.Response, fields: object) -> DriverError:
        """Return why there is no token: an HTTP 200 without one is a refusal [S]."""
        system = self.transport.system
        if answer.status_code >= 500:
            complaint, headers = complaint_of(fields), answer.headers
            return error_of(
                answer.status_code,
                complaint,
                headers,
                operation=_LOGIN.name,
                system=system,
                writes=False,
            )
        if not isinstance(fields, dict):
            return self._unreadable(_LOGIN, answer)
        return self._rejected(system, fields)

    def _rejected(self, system: str, fields: Mapping[str, Any]) -> DriverError:
        complaint = complaint_of(fields)
        said = complaint.text if complaint else ""
        hint = "Check user and password; a domain user is DOMAIN\\user."
        if fields.get("isAccountLocked"):
            said = "the account is locked"
            seconds = fields.get("remainingLockTime")
            hint = f"It unlocks in {seconds} s." if seconds else "Ask an administrator."
        return AuthenticationError(
            f"{system}: the login was refused" + (f" ({said})" if said else ""),
            hint=hint,
            operation="login",
            system=system,
            native_code=complaint.code if complaint else "",
            native_message=complaint.text if complaint else "",
        )


def _token_in(fields: object) -> SecretStr | None:
    token = fields.get("token") if isinstance(fields, dict) else None
    return SecretStr(token) if isinstance(token, str) and token else None
