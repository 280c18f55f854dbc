"""A compact set of digests: 8 to 16 bytes a record where a dict takes two hundred."""

from __future__ import annotations

from array import array

from safepoint_native.repository.frames import DIGEST_BYTES

__all__ = ["DigestTable"]

_FIRST_SLOTS = 1024
_FILL_LIMIT = 0.6


class DigestTable:
    """Finds the number of a record by its digest. Not thread-safe.

    Digests are evenly spread, so their first eight bytes are the hash; open addressing with
    linear probing. Numbers count up from zero in the order of `add`.
    """

    def __init__(self, digests: bytearray | None = None) -> None:
        self.digests = bytearray() if digests is None else digests
        self._slots = array("Q")
        self._indexed = 0

    def __len__(self) -> int:
        return len(self.digests) // DIGEST_BYTES

    def find(self, digest: bytes) -> int | None:
        """Return the number of this digest, None when it was never added."""
        self._catch_up()
        number = self._slots[self._slot(digest)]
        return number - 1 if number else None

    def add(self, digest: bytes) -> int:
        """Add a digest and return its number; one known already is still found by its first."""
        self.digests += digest
        return len(self) - 1

    def digest(self, number: int) -> bytes:
        """Return the digest of a record."""
        return bytes(self.digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES])

    def _catch_up(self) -> None:
        """Index what was added since: readers that never search pay nothing."""
        while len(self._slots) * _FILL_LIMIT <= len(self):
            self._slots = array("Q", bytes(8 * max(_FIRST_SLOTS, 2 * len(self._slots))))
            self._indexed = 0
        for number in range(self._indexed, len(self)):
            slot = self._slot(self.digest(number))
            self._slots[slot] = self._slots[slot] or number + 1
        self._indexed = len(self)

    def _slot(self, digest: bytes) -> int:
        mask = len(self._slots) - 1
        slot = int.from_bytes(digest[:8], "little") & mask
        while (number := self._slots[slot]) and self.digest(number - 1) != digest:
            slot = (slot + 1) & mask
        return slot
