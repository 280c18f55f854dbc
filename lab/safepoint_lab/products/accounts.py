"""An account as a product compares it with what a caller gives."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

__all__ = ["Account"]


@dataclass(frozen=True, slots=True)
class Account:
    """A name and its password."""

    username: str
    password: str = field(repr=False)

    def is_opened_by(self, username: str, password: str) -> bool:
        r"""Tell whether these fit; case and a ``DOMAIN\`` before the name do not matter."""
        right = secrets.compare_digest(password.encode(), self.password.encode())
        return right and _bare(username) == _bare(self.username)


def _bare(username: str) -> str:
    return username.rpartition("\\")[2].casefold()
