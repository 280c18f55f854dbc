"""The values a CIM provider deals in: instances, references and what their properties hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

__all__ = [
    "CimInstance",
    "CimReference",
    "CimScalar",
    "CimValue",
    "MethodCall",
    "MethodResult",
]

CimScalar: TypeAlias = "str | int | bool | datetime | timedelta | CimReference | CimInstance"
CimValue: TypeAlias = "CimScalar | list[Any] | None"

_PATH = re.compile(
    r"^(?:\\\\(?P<host>[^\\]+)\\)?(?:(?P<namespace>[^:\"]+):)?(?P<class>\w+)\.(?P<keys>.+)$",
    re.DOTALL,
)
_KEY = re.compile(r'\s*(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(-?\w+))\s*(?:,|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CimReference:
    """What names one instance: namespace, class and key properties.

    `host` is only used when the reference is written as an object path.
    """

    namespace: str
    class_name: str
    keys: tuple[tuple[str, str], ...]

    def key(self, name: str) -> str | None:
        """Return the value of a key; names are compared without case, as selectors are."""
        wanted = name.lower()
        return next((value for key, value in self.keys if key.lower() == wanted), None)

    def path(self, host: str) -> str:
        """Write the reference as a WMI object path, with backslashes in values doubled."""
        keys = ",".join(f'{name}="{_escape(value)}"' for name, value in self.keys)
        namespace = self.namespace.replace("/", "\\")
        return f"\\\\{host.upper()}\\{namespace}:{self.class_name}.{keys}"

    @classmethod
    def from_path(cls, text: str, namespace: str) -> CimReference | None:
        r"""Read an object path (`[\\host\ns:]Class.Key="v",...`); None when it is none.

        Args:
            text: The object path.
            namespace: The namespace to assume when the path names none.
        """
        match = _PATH.match(text.strip())
        if match is None:
            return None
        keys: list[tuple[str, str]] = []
        rest = match["keys"].strip()
        while rest:
            key = _KEY.match(rest)
            if key is None:
                return None
            value = _ESCAPED.sub(r"\1", key[2]) if key[2] is not None else key[3]
            keys.append((key[1], value))
            rest = rest[key.end() :]
        space = (match["namespace"] or namespace).replace("\\", "/")
        return cls(space, match["class"], tuple(keys))


@dataclass(slots=True)
class CimInstance:
    """One instance: the properties that are set; those the class has and this lacks are NULL."""

    namespace: str
    class_name: str
    properties: dict[str, CimValue] = field(default_factory=dict)

    def get(self, name: str) -> CimValue:
        """Return a property by its exact name, None when NULL or unset."""
        return self.properties.get(name)

    def text(self, name: str) -> str:
        """Return a property as text, empty when NULL."""
        value = self.properties.get(name)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class MethodCall:
    """One extrinsic call, checked against the schema.

    `arguments` holds only what the caller sent, each under its schema name: scalars as Python
    values, references as `CimReference`, embedded instances as `CimInstance`, arrays as lists.
    """

    target: CimReference
    method: str
    arguments: Mapping[str, CimValue]


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What a method answers in HTTP 200: the return value and its output parameters."""

    return_value: int
    outputs: Mapping[str, CimValue] = field(default_factory=dict)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
