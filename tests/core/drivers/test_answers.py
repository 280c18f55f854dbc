"""What unwelcome answers become, and one login for all threads."""

from __future__ import annotations

from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from safepoint.drivers.answers import Fault, retry_after_seconds
from safepoint.drivers.logins import Login
from safepoint.errors import (
    ConflictError,
    OutcomeUnknownError,
    ThrottledError,
    UnreachableError,
    VendorFaultError,
)

NOON = "Mon, 30 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"Retry-After": "Mon, 30 Nov 2026 12:00:09 GMT", "Date": NOON}, 9),
        ({"Retry-After": "Mon, 30 Nov 2026 11:00:00 GMT", "Date": NOON}, 0),
        ({"Retry-After": "Mon, 30 Nov 2026 12:00:09 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_patience_is_the_servers_own_figure(headers, seconds) -> None:
    assert retry_after_seconds(headers) == seconds


@pytest.mark.parametrize(
    ("status", "writes", "kind"),
    [
        (502, True, OutcomeUnknownError),
        (504, True, OutcomeUnknownError),
        (504, False, VendorFaultError),
        (500, True, VendorFaultError),
    ],
)
def test_what_stands_in_between_hides_the_outcome_of_a_write_only(status, writes, kind) -> None:
    error = Fault(VendorFaultError, "look").error("no", status, {}, writes=writes, system="s")
    assert type(error) is kind
    assert (error.hint, error.system) == ("look", "s")


def test_patience_is_part_of_the_error() -> None:
    error = Fault(ThrottledError).error("wait", 503, {"Retry-After": "3"}, writes=False)
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == 3


class Account:
    """Hands out numbered tokens; the newest one alone is taken."""

    def __init__(self) -> None:
        self.newest = 0
        self.events: list[str] = []
        self.login: Login[int] = Login(
            "server", log_in=self._log_in, renew=self._renew, log_out=self._log_out
        )

    def _log_in(self) -> int:
        self.events.append("login")
        self.newest += 1
        return self.newest

    def _renew(self, old: int) -> int | None:
        self.events.append(f"renew {old}")
        return None

    def _log_out(self, token: int) -> None:
        self.events.append(f"logout {token}")
        msg = "gone"
        raise UnreachableError(msg)

    def send(self, token: int) -> Any:
        return SimpleNamespace(status_code=200 if token == self.newest else 401, token=token)


def test_many_threads_renew_a_lapsed_token_once() -> None:
    account, here, taken = Account(), Barrier(4), []

    def send(token: int) -> Any:
        if token == 1:
            here.wait(10)  # all of them hold the lapsed one
        return account.send(token)

    def work() -> None:
        answer: Any = account.login.send(send)
        taken.append(answer.token)

    assert account.login.current() == 1
    account.newest = 10
    threads = [Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert taken == [11] * 4
    assert account.events == ["login", "renew 1", "login"]


def test_closing_logs_out_once_even_when_nobody_listens_and_ends_it() -> None:
    account = Account()
    account.login.current()
    account.login.close()
    account.login.close()
    assert account.events == ["login", "logout 1"]
    with pytest.raises(ConflictError):
        account.login.current()
