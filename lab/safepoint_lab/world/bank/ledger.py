"""The running bank: transfers as page writes in the order a database would issue them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from safepoint_lab.world.bank.pages import (
    ACCOUNT_PAGES,
    ACCOUNTS_PER_PAGE,
    FIRST_ACCOUNT_PAGE,
    FIRST_LOG_PAGE,
    LOG_PAGES,
    PAGE_BYTES,
    AccountPage,
    Header,
    LogRecord,
    Posting,
    log_page_of,
)

__all__ = ["Bank", "PageWrite", "new_bank"]

_OPENING_BALANCE = 1000
_APPLY_EVERY = LOG_PAGES // 2


@dataclass(frozen=True, slots=True)
class PageWrite:
    """One page to write now, before the next one: offset in the file and 4 KiB."""

    offset: int
    data: bytes


class Bank:
    """The state of one bank; every method yields the writes that make it so on the disk.

    A transaction is committed when its log page is written; its account pages follow. The
    header says up to which transaction the account pages are complete and is written before a
    log page is used again.
    """

    def __init__(self, pages: list[AccountPage], applied: int, rng: random.Random) -> None:
        self._pages = pages
        self._total = sum(sum(page.balances) for page in pages)
        self._sequence = applied
        self._clean = True
        self._rng = rng

    @property
    def committed(self) -> int:
        """Number of the last transaction that was started."""
        return self._sequence

    @property
    def clean(self) -> bool:
        """Whether the last thing written was a clean header."""
        return self._clean

    def transaction(self) -> Iterator[PageWrite]:
        """Transfer an amount between two accounts on different pages."""
        if self._clean:
            self._clean = False
            yield self._header()
        first, second = self._rng.sample(self._pages, 2)
        amount = self._rng.randint(1, 100)
        self._sequence += 1
        record = LogRecord(
            self._sequence, (self._post(first, -amount), self._post(second, amount))
        )
        yield PageWrite(log_page_of(self._sequence) * PAGE_BYTES, record.to_bytes())
        for page in (first, second):
            yield PageWrite(page.number * PAGE_BYTES, page.to_bytes())
        if self._sequence % _APPLY_EVERY == 0:
            yield self._header()

    def rest(self) -> Iterator[PageWrite]:
        """Come to rest: everything is in the account pages, the header says clean."""
        self._clean = True
        yield self._header()

    def restate(self) -> Iterator[PageWrite]:
        """Write every account page, then a clean header: how a recovered bank comes to rest."""
        for page in self._pages:
            yield PageWrite(page.number * PAGE_BYTES, page.to_bytes())
        yield from self.rest()

    def image(self) -> bytes:
        """Return the whole file of a bank at rest with an unused log."""
        log = b"".join(_unused_log_page(FIRST_LOG_PAGE + number) for number in range(LOG_PAGES))
        accounts = b"".join(page.to_bytes() for page in self._pages)
        return self._header().data + log + accounts

    def _header(self) -> PageWrite:
        return PageWrite(0, Header(self._sequence, self._clean, self._total).to_bytes())

    def _post(self, page: AccountPage, amount: int) -> Posting:
        account = self._rng.randrange(ACCOUNTS_PER_PAGE)
        before = page.sequence
        page.balances[account] += amount
        page.sequence = self._sequence
        return Posting(page.number, account, before, page.balances[account])


def new_bank(rng: random.Random) -> Bank:
    """Return a bank at rest where every account has the opening balance."""
    pages = [
        AccountPage(FIRST_ACCOUNT_PAGE + number, 0, [_OPENING_BALANCE] * ACCOUNTS_PER_PAGE)
        for number in range(ACCOUNT_PAGES)
    ]
    return Bank(pages, 0, rng)


def _unused_log_page(number: int) -> bytes:
    return AccountPage(number, 0, [0] * ACCOUNTS_PER_PAGE).to_bytes()
