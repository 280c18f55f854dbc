"""Safe WQL: quoted literals and validated identifiers.

A query is built from constants of ours and literals made here; nothing else ever enters it.
"""

from __future__ import annotations

import re

from safepoint.errors import InvalidRequestError

__all__ = ["guid", "identifier", "literal", "object_path"]

_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FIRST_PRINTABLE = 0x20


def guid(text: str) -> str:
    """Return a GUID in the form Hyper-V uses: upper case, no braces.

    Raises:
        InvalidRequestError: the text is not a GUID.
    """
    found = _GUID.fullmatch(text.strip())
    if not found:
        msg = f"not a GUID: {text[:60]!r}"
        raise InvalidRequestError(msg)
    return found[1].upper()


def identifier(text: str) -> str:
    """Return a class or property name unchanged.

    Raises:
        InvalidRequestError: the text holds anything but letters, digits and underscores.
    """
    if not _IDENTIFIER.fullmatch(text):
        msg = f"not a CIM name: {text[:60]!r}"
        raise InvalidRequestError(msg)
    return text


def literal(text: str) -> str:
    """Return a string literal with its quotes: backslashes and quotes are escaped.

    Raises:
        InvalidRequestError: the text holds control characters.
    """
    if any(ord(char) < _FIRST_PRINTABLE for char in text):
        msg = f"a query literal may not hold control characters: {text[:60]!r}"
        raise InvalidRequestError(msg)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def object_path(class_name: str, keys: dict[str, str]) -> str:
    """Return the braces of an association query, ``{Class.Key="value",…}``."""
    pairs = ",".join(f"{identifier(name)}={literal(value)}" for name, value in keys.items())
    return f"{{{identifier(class_name)}.{pairs}}}"
