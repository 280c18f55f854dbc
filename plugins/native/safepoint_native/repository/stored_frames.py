"""Zstd frames that hold bytes as they are, for data or links where compressing does not pay.

RFC 8878: magic, a descriptor for a single segment with a four-byte content size, then raw
blocks of at most 128 KiB. Every zstd tool reads them.
"""

from __future__ import annotations

import struct

__all__ = ["stored_frame"]

_MAGIC = 0xFD2FB528
#: Frame content size in four bytes, single segment, no checksum, no dictionary.
_DESCRIPTOR = 0xA0
_HEADER = struct.Struct("<IBI")
_BLOCK_BYTES = 128 << 10


def stored_frame(data: memoryview) -> bytes:
    """Return a frame whose plain content is `data`, at most 4 GiB of it."""
    parts: list[bytes | memoryview] = [_HEADER.pack(_MAGIC, _DESCRIPTOR, len(data))]
    for at in range(0, len(data), _BLOCK_BYTES):
        block = data[at : at + _BLOCK_BYTES]
        is_last = at + _BLOCK_BYTES >= len(data)
        parts += ((len(block) << 3 | is_last).to_bytes(3, "little"), block)
    return b"".join(parts)
