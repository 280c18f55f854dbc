r"""References to CIM objects, and the path text that names the same object inside strings.

Two spellings of one thing: as endpoint (resource URI and selectors) in messages, and as text
such as ``\\HV01\root\virtualization\v2:Class.InstanceID="Microsoft:…"`` in properties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from safepoint.errors import ProtocolError

__all__ = ["CimRef"]

_HEAD = re.compile(
    r"(?:\\\\(?P<host>[^\\]+)\\)?(?:(?P<namespace>[^:\"]+):)?(?P<class>\w+)(?P<dot>[.=@])?"
)
_KEY = re.compile(r'\s*(?P<name>\w+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^",]+))\s*')


@dataclass(frozen=True)
class CimRef:
    """What identifies one object: namespace, class and key properties.

    Servers compare key names and values without case; use `same_as` to do likewise.
    """

    namespace: str
    """With slashes, such as ``root/virtualization/v2``."""
    class_name: str
    keys: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, class_name: str, keys: Mapping[str, str]) -> CimRef:
        """Make a reference from a mapping of key properties."""
        return cls(namespace, class_name, tuple(keys.items()))

    def key(self, name: str) -> str:
        """Return the value of a key property.

        Raises:
            ProtocolError: this reference has no such key.
        """
        for found, value in self.keys:
            if found.lower() == name.lower():
                return value
        msg = f"a reference to {self.class_name} has no key {name}"
        raise ProtocolError(msg)

    def same_as(self, other: CimRef) -> bool:
        """Tell whether both name the same object, comparing as servers do."""
        return self._folded() == other._folded()

    def path(self, host: str = ".") -> str:
        """Return the object path text: backslashes and quotes of key values are escaped."""
        pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in self.keys)
        namespace = self.namespace.replace("/", "\\")
        return rf"\\{host}\{namespace}:{self.class_name}.{pairs}"

    @classmethod
    def from_path(cls, text: str) -> CimRef:
        """Read an object path text.

        Raises:
            ProtocolError: the text is not an object path with quoted or plain key values.
        """
        head = _HEAD.match(text)
        if not head or head["dot"] != ".":
            raise _not_a_path(text)
        keys: list[tuple[str, str]] = []
        position = head.end()
        while position < len(text):
            pair = _KEY.match(text, position)
            if not pair:
                raise _not_a_path(text)
            value = pair["bare"] if pair["quoted"] is None else _unescape(pair["quoted"])
            keys.append((pair["name"], value))
            position = pair.end()
            if position < len(text) and text[position] != ",":
                raise _not_a_path(text)
            position += 1
        if not keys:
            raise _not_a_path(text)
        return cls((head["namespace"] or "").replace("\\", "/"), head["class"], tuple(keys))

    def _folded(self) -> tuple[str, str, frozenset[tuple[str, str]]]:
        keys = frozenset((name.lower(), value.lower()) for name, value in self.keys)
        return self.namespace.lower(), self.class_name.lower(), keys


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def _not_a_path(text: str) -> ProtocolError:
    msg = f"not an object path: {text[:160]!r}"
    return ProtocolError(msg)
