"""Ranges that a caller asks for."""

from __future__ import annotations

from safepoint.errors import UsageError

__all__ = ["check_range"]


def check_range(name: str, size_bytes: int, offset: int, length: int) -> None:
    """Raise UsageError unless `length` bytes from `offset` lie in the disk called `name`."""
    if offset < 0 or length < 0 or offset + length > size_bytes:
        message = f"{name}: bytes {offset}+{length} are outside of the disk of {size_bytes} bytes"
        raise UsageError(message)
