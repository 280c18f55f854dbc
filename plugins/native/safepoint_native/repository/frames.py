"""Zstandard framing: skippable frames carry our facts, normal frames carry data.

Any zstd tool skips the former and reads the latter, so ``zstd -d`` understands a pack.
A skippable frame is `magic:u32 size:u32 payload`, little-endian (RFC 8878 §3.1.2).
"""

from __future__ import annotations

import struct

from blake3 import blake3

from safepoint.errors import DamagedDataError

__all__ = ["DIGEST_BYTES", "FRAME_HEADER_BYTES", "open_note", "seal_note", "skippable"]

#: The skippable magic number we use of the sixteen that are reserved.
_MAGIC = 0x184D2A53
_FRAME = struct.Struct("<II")
FRAME_HEADER_BYTES = _FRAME.size
DIGEST_BYTES = 32
_KIND_BYTES = 4
_MAX_NOTE_BYTES = 1 << 20


def skippable(payload: bytes) -> bytes:
    """Wrap a payload in one skippable frame."""
    return _FRAME.pack(_MAGIC, len(payload)) + payload


def seal_note(kind: bytes, body: bytes) -> bytes:
    """Return a skippable frame of a four-letter kind that carries its own digest."""
    return skippable(kind + blake3(kind + body).digest() + body)


def open_note(kind: bytes, data: bytes, where: str) -> tuple[bytes, int]:
    """Read the note at the start of `data`; return its body and the bytes the frame takes.

    Raises:
        DamagedDataError: it is another kind of frame, is cut off or its digest does not fit.
    """
    if len(data) < FRAME_HEADER_BYTES:
        msg = f"{where}: cut off"
        raise DamagedDataError(msg)
    magic, size = _FRAME.unpack_from(data)
    end = FRAME_HEADER_BYTES + size
    if magic != _MAGIC or not _KIND_BYTES + DIGEST_BYTES <= size <= _MAX_NOTE_BYTES:
        msg = f"{where}: no {kind.decode()} frame where one belongs"
        raise DamagedDataError(msg)
    payload = data[FRAME_HEADER_BYTES:end]
    body = payload[_KIND_BYTES + DIGEST_BYTES :]
    digest = payload[_KIND_BYTES : _KIND_BYTES + DIGEST_BYTES]
    if len(payload) < size or payload[:4] != kind or blake3(kind + body).digest() != digest:
        msg = f"{where}: {kind.decode()} frame is damaged"
        raise DamagedDataError(msg)
    return body, end
