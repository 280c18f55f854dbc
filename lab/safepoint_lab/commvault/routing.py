"""Finding the operation of a path: two prefixes, any case, repeated slashes collapsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from safepoint_lab.commvault.calls import Operation

__all__ = ["PREFIXES", "Router"]

PREFIXES = ("commandcenter/api", "webconsole/api", "searchsvc/cvwebservice.svc")
"""The command centre, the older web console, and the bare web server [S][O][D]."""

_SLASHES = re.compile("/+")
Methods = Mapping[str, tuple[Operation, Mapping[str, str]]]


class Router:
    """The operations by path. Literal parts win over wildcards."""

    def __init__(self, operations: list[Operation]) -> None:
        self._by_length: dict[int, list[tuple[list[str], Operation]]] = {}
        for item in sorted(operations, key=lambda item: item.path.count("{")):
            parts = [part for part in item.path.split("/") if part]
            self._by_length.setdefault(len(parts), []).append((parts, item))

    def find(self, path: str) -> Methods:
        """Return what is served at a path, by method, with the wildcards of the path.

        The methods of the first template that fits count; empty when none does.
        """
        parts = _below_prefix(path)
        if parts is None:
            return {}
        found: dict[str, tuple[Operation, Mapping[str, str]]] = {}
        for template, item in self._by_length.get(len(parts), []):
            values = _match(template, parts)
            if values is not None:
                found.setdefault(item.method, (item, values))
        return found


def _below_prefix(path: str) -> list[str] | None:
    clean = _SLASHES.sub("/", path).strip("/")
    for prefix in PREFIXES:
        if clean.casefold() == prefix or clean.casefold().startswith(prefix + "/"):
            rest = clean[len(prefix) :].strip("/")
            return [unquote(part) for part in rest.split("/")] if rest else []
    return None


def _match(template: list[str], parts: list[str]) -> dict[str, str] | None:
    values = {}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{"):
            values[wanted[1:-1]] = part
        elif wanted.casefold() != part.casefold():
            return None
    return values
