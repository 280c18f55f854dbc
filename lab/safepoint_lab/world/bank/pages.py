"""The pages of BANK.DAT: their numbers, fields and bytes.

Every page starts with magic, page number, sequence and the CRC-32 of the page with a zero CRC.
The sequence is the number of the last transaction that the page knows of.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

__all__ = [
    "ACCOUNTS_PER_PAGE",
    "ACCOUNT_PAGES",
    "BANK_BYTES",
    "FIRST_ACCOUNT_PAGE",
    "FIRST_LOG_PAGE",
    "LOG_PAGES",
    "PAGE_BYTES",
    "AccountPage",
    "Header",
    "LogRecord",
    "Posting",
    "TornPageError",
    "log_page_of",
    "page_sequence",
]

PAGE_BYTES = 4096
LOG_PAGES = 16
ACCOUNT_PAGES = 48
ACCOUNTS_PER_PAGE = 64
FIRST_LOG_PAGE = 1
FIRST_ACCOUNT_PAGE = FIRST_LOG_PAGE + LOG_PAGES
BANK_BYTES = (FIRST_ACCOUNT_PAGE + ACCOUNT_PAGES) * PAGE_BYTES

_MAGIC = b"SPBK"
_FRAME = struct.Struct("<4sIQI")
_HEADER = struct.Struct("<Q?q")
_POSTING = struct.Struct("<IIQq")
_ACCOUNTS = struct.Struct(f"<{ACCOUNTS_PER_PAGE}q")


class TornPageError(ValueError):
    """The pages are not of one moment, or one of them is damaged."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"BANK.DAT is torn: {reason}")


@dataclass(frozen=True, slots=True)
class Header:
    """Page 0: all transactions up to `applied` are in the account pages.

    `clean` means that the application was asked to rest: nothing is in the log.
    """

    applied: int
    clean: bool
    total: int

    def to_bytes(self) -> bytes:
        """Return the page."""
        return _seal(0, self.applied, _HEADER.pack(self.applied, self.clean, self.total))

    @classmethod
    def parse(cls, page: bytes) -> Header:
        """Read the page or raise TornPageError."""
        return cls(*_HEADER.unpack_from(_open(page, 0)[1]))


@dataclass(frozen=True, slots=True)
class Posting:
    """One half of a transfer: the new balance of an account, and the page's sequence before."""

    page: int
    account: int
    before_sequence: int
    balance: int


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One committed transaction, one log page."""

    sequence: int
    postings: tuple[Posting, Posting]

    def to_bytes(self) -> bytes:
        """Return the page."""
        body = b"".join(
            _POSTING.pack(item.page, item.account, item.before_sequence, item.balance)
            for item in self.postings
        )
        return _seal(log_page_of(self.sequence), self.sequence, body)

    @classmethod
    def parse(cls, page: bytes, number: int) -> LogRecord | None:
        """Read the page; None for one that was never used; TornPageError otherwise."""
        sequence, body = _open(page, number)
        if sequence == 0:
            return None
        first, second = (Posting(*_POSTING.unpack_from(body, i * _POSTING.size)) for i in (0, 1))
        return cls(sequence, (first, second))


@dataclass(slots=True)
class AccountPage:
    """A page of balances."""

    number: int
    sequence: int
    balances: list[int]

    def to_bytes(self) -> bytes:
        """Return the page."""
        return _seal(self.number, self.sequence, _ACCOUNTS.pack(*self.balances))

    @classmethod
    def parse(cls, page: bytes, number: int) -> AccountPage:
        """Read the page or raise TornPageError."""
        sequence, body = _open(page, number)
        return cls(number, sequence, list(_ACCOUNTS.unpack_from(body)))


def log_page_of(sequence: int) -> int:
    """Return the number of the log page that a transaction uses."""
    return FIRST_LOG_PAGE + sequence % LOG_PAGES


def page_sequence(page: bytes, number: int) -> int:
    """Return the sequence of any page, or raise TornPageError."""
    return _open(page, number)[0]


def _seal(number: int, sequence: int, body: bytes) -> bytes:
    blank = _FRAME.pack(_MAGIC, number, sequence, 0) + body
    crc = zlib.crc32(blank.ljust(PAGE_BYTES, b"\0"))
    return (_FRAME.pack(_MAGIC, number, sequence, crc) + body).ljust(PAGE_BYTES, b"\0")


def _open(page: bytes, number: int) -> tuple[int, bytes]:
    magic, found, sequence, crc = _FRAME.unpack_from(page)
    body = page[_FRAME.size :]
    blank = _FRAME.pack(magic, found, sequence, 0) + body
    if magic != _MAGIC or found != number or zlib.crc32(blank) != crc:
        reason = f"page {number} does not carry its checksum"
        raise TornPageError(reason)
    return sequence, body
