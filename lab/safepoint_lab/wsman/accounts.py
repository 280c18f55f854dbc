"""The accounts a server knows, and the NTLM acceptor that checks them.

pyspnego's acceptor takes its accounts only from a file named by the environment variable
NTLM_USER_FILE. The file is private to this process, and the variable is set just for the few
instructions that read it, under one lock.
"""

from __future__ import annotations

import hmac
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import spnego
from spnego.exceptions import SpnegoError

__all__ = [
    "Account",
    "AccountBook",
    "LoginError",
    "NtlmLogin",
]

_VARIABLE = "NTLM_USER_FILE"
_environment = threading.Lock()


@dataclass(frozen=True, slots=True)
class Account:
    """A user name, its password and the domain it may be given with."""

    user: str
    password: str = field(repr=False)
    domain: str = "LAB"

    def spellings(self) -> tuple[str, ...]:
        r"""Return the accepted spellings: `user`, `DOMAIN\user`, `user@domain`."""
        return (self.user, f"{self.domain}\\{self.user}", f"{self.user}@{self.domain}")


class LoginError(Exception):
    """Credentials were not accepted; says nothing more, as the wire does."""


class NtlmLogin:
    """One NTLM or SPNEGO handshake; afterwards the context seals messages.

    `step` is to be called with each client token until `complete`.
    """

    def __init__(self, user_file: Path, token: bytes) -> None:
        self._user_file = user_file
        protocol = "ntlm" if token.startswith(b"NTLMSSP\x00") else "negotiate"
        options = spnego.NegotiateOptions.use_ntlm | spnego.NegotiateOptions.use_negotiate
        with self._credentials():
            self.context = spnego.server(protocol=protocol, options=options)

    def step(self, token: bytes) -> bytes | None:
        """Take a client token and return the answer to send, if any.

        Raises:
            LoginError: The token is none, or its proof is wrong.
        """
        try:
            with self._credentials():
                return self.context.step(token)
        except (SpnegoError, ValueError) as error:
            raise LoginError from error

    @property
    def complete(self) -> bool:
        """Whether the client proved who it is."""
        return self.context.complete

    @property
    def user(self) -> str:
        """The name the client logged in with."""
        return self.context.client_principal or ""

    @contextmanager
    def _credentials(self) -> Iterator[None]:
        with _environment:
            before = os.environ.get(_VARIABLE)
            os.environ[_VARIABLE] = str(self._user_file)
            try:
                yield
            finally:
                if before is None:
                    del os.environ[_VARIABLE]
                else:
                    os.environ[_VARIABLE] = before


class AccountBook:
    """The accounts of one or more servers. Close it to remove the private account file.

    Raises:
        ValueError: A name or password holds a colon or a line break, which the acceptor's file
            format cannot carry.
    """

    def __init__(self, accounts: Sequence[Account]) -> None:
        lines: list[str] = []
        for account in accounts:
            names = (f":{account.user}", f"{account.domain}:{account.user}")
            lines += [f"{name}:{account.password}" for name in names]
            lines.append(f":{account.user}@{account.domain}:{account.password}")
            if set(account.user + account.domain + account.password) & set(":\r\n"):
                msg = f"the lab account {account.user!r} holds a colon or line break"
                raise ValueError(msg)
        self._passwords = {
            name.lower(): account.password for account in accounts for name in account.spellings()
        }
        self._folder = tempfile.TemporaryDirectory(prefix="safepoint-lab-")
        self._file = Path(self._folder.name, "accounts")
        self._file.touch(mode=0o600)
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def check_password(self, user: str, password: str) -> None:
        """Check a Basic login.

        Raises:
            LoginError: No such user, or another password.
        """
        expected = self._passwords.get(user.lower())
        given = password.encode()
        if expected is None or not hmac.compare_digest(expected.encode(), given):
            raise LoginError

    def start_ntlm(self, token: bytes) -> NtlmLogin:
        """Start a handshake for a client's first token (which is still to be stepped)."""
        return NtlmLogin(self._file, token)

    def close(self) -> None:
        """Remove the account file."""
        self._folder.cleanup()
