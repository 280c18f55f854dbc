"""The parent locator: how a differencing disk names the disk it stands on."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from safepoint.errors import DamagedDataError, UnsupportedError, UsageError

__all__ = ["ParentLocator"]

_TYPE = UUID("b04aefb7-d19e-4a81-b789-25b8e9445913")
_PROLOGUE = struct.Struct("<16sHH")
_ENTRY = struct.Struct("<IIHH")
_MAX_TEXT_BYTES = 0xFFFF


@dataclass(frozen=True, slots=True)
class ParentLocator:
    """The parent's identity (its data write id when the child was made) and its paths.

    Paths are as Windows writes them, with backslashes; empty when the file has none.
    """

    parent_linkage: UUID
    relative_path: str = ""
    absolute_path: str = ""
    volume_path: str = ""

    def pack(self) -> bytes:
        """Return the metadata item; UsageError when a path is too long for it."""
        pairs = {
            "parent_linkage": f"{{{self.parent_linkage}}}",
            "relative_path": self.relative_path,
            "volume_path": self.volume_path,
            "absolute_win32_path": self.absolute_path,
        }
        texts = [
            (key.encode("utf-16-le"), text.encode("utf-16-le"))
            for key, text in pairs.items()
            if text
        ]
        if any(len(text) > _MAX_TEXT_BYTES for _, text in texts):
            message = f"path of the parent {self.relative_path[:40]}... is too long for a VHDX"
            raise UsageError(message)
        table, strings = b"", b""
        start = _PROLOGUE.size + len(texts) * _ENTRY.size
        for key, text in texts:
            at = start + len(strings)
            table += _ENTRY.pack(at, at + len(key), len(key), len(text))
            strings += key + text
        return _PROLOGUE.pack(_TYPE.bytes_le, 0, len(texts)) + table + strings

    @classmethod
    def unpack(cls, raw: bytes, name: str) -> Self:
        """Read the metadata item of the file called `name`.

        Raises:
            DamagedDataError: It does not fit itself or has no usable linkage.
            UnsupportedError: The locator is of a type that is not VHDX.
        """
        try:
            pairs = _pairs(raw, name)
            return cls(
                parent_linkage=UUID(pairs["parent_linkage"]),
                relative_path=pairs.get("relative_path", ""),
                absolute_path=pairs.get("absolute_win32_path", ""),
                volume_path=pairs.get("volume_path", ""),
            )
        except (KeyError, ValueError, struct.error) as error:
            message = f"{name}: parent locator is damaged ({type(error).__name__}: {error})"
            raise DamagedDataError(message) from error


def _pairs(raw: bytes, name: str) -> dict[str, str]:
    kind, _, count = _PROLOGUE.unpack_from(raw)
    if kind != _TYPE.bytes_le:
        message = f"{name}: parent locator of unknown type {UUID(bytes_le=kind)}"
        raise UnsupportedError(message)
    entries = (_ENTRY.unpack_from(raw, _PROLOGUE.size + i * _ENTRY.size) for i in range(count))
    return {_text(raw, key, n): _text(raw, value, m) for key, value, n, m in entries}


def _text(raw: bytes, offset: int, length: int) -> str:
    if offset + length > len(raw):
        message = f"text at {offset}+{length} is outside of the item"
        raise ValueError(message)
    return raw[offset : offset + length].decode("utf-16-le")
