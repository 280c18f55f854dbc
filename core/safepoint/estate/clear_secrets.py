"""Finds secrets that are written in clear, anywhere in a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from safepoint.estate.findings import IN_CLEAR, Findings, is_secret_key
from safepoint.estate.nodes import Node, walk
from safepoint.models.secrets import REFERENCE_FORMS, looks_like_reference

__all__ = ["check_clear_secrets"]

_URL_WITH_PASSWORD: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@", re.IGNORECASE)
_HINT: Final = f"write a reference: {REFERENCE_FORMS}"


def check_clear_secrets(findings: Findings) -> None:
    """Note each field that looks like a secret by its name, or like a URL with a password.

    A finding says where, never what.
    """
    for path, entry in walk(findings.root):
        value = entry.node.value
        if isinstance(value, str) and _URL_WITH_PASSWORD.search(value):
            hint = "leave the password out of the address and use a reference"
            findings.add(IN_CLEAR, path, "an address with a password in it", hint)
        elif isinstance(path[-1], str) and is_secret_key(path[-1]):
            for place in _clear_values(entry.node, path):
                findings.add(IN_CLEAR, place, "a secret is written in clear", _HINT)


def _clear_values(node: Node, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    value = node.value
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _clear_values(item, (*path, index))
    elif isinstance(value, str):
        if not looks_like_reference(value):
            yield path
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path
