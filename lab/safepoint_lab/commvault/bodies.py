"""Reading request bodies: JSON or XML, a list or its only item, text or numbers.

JSON that came out of XML has an object where a list has one item [3]; XML has only text.
Every reader raises `Problem` with the field's name when a value cannot be.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from safepoint_lab.commvault.problems import invalid, missing

__all__ = [
    "decoded",
    "flag",
    "identity",
    "inside",
    "integer",
    "rows",
    "text",
    "texts",
]


def inside(body: Any, path: str) -> Mapping[str, Any]:
    """Return the object at a dotted path; an empty one when something is not there."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
        if isinstance(body, list):
            body = body[0] if body else None
    return body if isinstance(body, Mapping) else {}


def rows(body: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the items of a list, which may be one object or absent."""
    value = body.get(name) if isinstance(body, Mapping) else None
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, Mapping)]


def text(body: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    """Return a text, empty when absent."""
    value = body.get(name)
    if value is None or value == "":
        if required:
            raise missing(field=name)
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise invalid(field=name, reason="it is no text")


def texts(body: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of texts, which may be one text or absent."""
    value = body.get(name)
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, list | Mapping) for item in items):
        raise invalid(field=name, reason="it is no list of texts")
    return [str(item) for item in items if item not in (None, "")]


def integer(body: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Return a whole number, the default when absent."""
    value = body.get(name)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise invalid(field=name, reason="it is no number") from error


def flag(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """Return a boolean, the default when absent; 1, ``1`` and ``true`` are true."""
    value = body.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, str):
        return value.casefold() in ("true", "1")
    return bool(value)


def identity(body: Mapping[str, Any], ident: str, name: str) -> tuple[int, str]:
    """Return id (0 when absent) and name of an entity, as in ``{clientId, clientName}``."""
    return integer(body, ident), text(body, name)


def decoded(body: Mapping[str, Any], name: str) -> str:
    """Return a password, which travels as base64 of UTF-8; empty when absent."""
    value = text(body, name)
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid(field=name, reason="it is not base64") from error
