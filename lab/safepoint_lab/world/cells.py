"""Digests of a disk's content by cells of 1 MiB, and one digest over them.

The digest of a disk is the BLAKE3 of the concatenated BLAKE3 digests of its 1 MiB cells (the last
may be shorter). Anything that can read the raw content can compute it, and a difference can be
named by cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from blake3 import blake3

__all__ = ["CELL_BYTES", "cell_digest", "cell_digests", "cell_ranges", "disk_digest"]

CELL_BYTES = 1 << 20
_ZERO_CELL = bytes(CELL_BYTES)
_ZERO_DIGEST = blake3(_ZERO_CELL).digest()


def cell_ranges(size_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of every cell of a disk."""
    for offset in range(0, size_bytes, CELL_BYTES):
        yield offset, min(CELL_BYTES, size_bytes - offset)


def cell_digest(data: bytes) -> bytes:
    """Return the digest of one cell; cells of zeros cost a comparison only."""
    return _ZERO_DIGEST if data == _ZERO_CELL else blake3(data).digest()


def cell_digests(read_at: Callable[[int, int], bytes], size_bytes: int) -> list[bytes]:
    """Return the digests of all cells of a disk read by `read_at(offset, length)`."""
    return [cell_digest(read_at(offset, length)) for offset, length in cell_ranges(size_bytes)]


def disk_digest(cells: Sequence[bytes]) -> str:
    """Return the digest of the whole disk as lower-case hex."""
    return blake3(b"".join(cells)).hexdigest()
