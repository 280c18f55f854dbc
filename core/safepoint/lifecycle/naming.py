"""Names that say whose a checkpoint is, also to a person at the console at night."""

from __future__ import annotations

import re
import secrets
from typing import Final

__all__ = ["checkpoint_name", "is_our_name", "new_tag"]

_TAG: Final = re.compile(r"[0-9a-f]{16}")
_NAME: Final = re.compile(r"safepoint (?:[\w.-]+ )?\(([0-9a-f]{16})\)", re.ASCII)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def new_tag() -> str:
    """Return a fresh tag: 16 hex digits that name one intent for ever."""
    return secrets.token_hex(8)


def checkpoint_name(tag: str, label: str = "") -> str:
    """Return the name a checkpoint of this tag bears, such as `safepoint gold (0123…)`.

    Plain ASCII without markup characters, because hypervisors mishandle others.
    """
    if not _TAG.fullmatch(tag):
        msg = f"not a tag: {tag!r}"
        raise ValueError(msg)
    word = _UNSAFE.sub("-", label).strip("-")[:40]
    return f"safepoint {word} ({tag})" if word else f"safepoint ({tag})"


def is_our_name(name: str) -> str | None:
    """Return the tag when the name is one that `checkpoint_name` makes, else None."""
    match = _NAME.fullmatch(name)
    return match.group(1) if match else None
