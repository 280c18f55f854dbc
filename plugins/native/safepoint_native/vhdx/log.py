"""The log of a VHDX file."""

from __future__ import annotations

from safepoint.errors import UnsupportedError
from safepoint_native.vhdx.header import Header
from safepoint_native.vhdx.layout import NO_ID
from safepoint_native.vhdx.source import ByteSource, name_of

__all__ = ["replayed"]


def replayed(source: ByteSource, header: Header) -> ByteSource:
    """Return the bytes of the file as its log leaves them; the file itself is not changed."""
    if header.log_id == NO_ID:
        return source
    message = f"{name_of(source)}: was not closed properly: its log holds changes"
    raise UnsupportedError(message)
