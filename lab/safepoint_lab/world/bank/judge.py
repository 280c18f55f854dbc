"""Reading a BANK.DAT back: was it at rest, did it crash, or is it torn?"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from safepoint_lab.world.bank.ledger import Bank
from safepoint_lab.world.bank.pages import (
    ACCOUNT_PAGES,
    FIRST_ACCOUNT_PAGE,
    FIRST_LOG_PAGE,
    LOG_PAGES,
    PAGE_BYTES,
    AccountPage,
    Header,
    LogRecord,
    TornPageError,
)

__all__ = ["State", "Verdict", "judge", "recover"]

ReadAt = Callable[[int, int], bytes]


class State(StrEnum):
    """What kind of moment the file shows."""

    APPLICATION = "application"
    CRASH = "crash"
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement: state, last committed transaction (0 when torn), and why.

    ``application``: the bank was at rest. ``crash``: one moment of a running bank, recovered by
    its log. ``torn``: pages of different moments; the data is lost.
    """

    state: State
    transaction: int
    reason: str


def judge(read_at: ReadAt) -> Verdict:
    """Judge a file by `read_at(offset, length)` inside the file."""
    try:
        header, pages = _replay(read_at)
    except TornPageError as error:
        return Verdict(State.TORN, 0, str(error))
    if header.clean:
        return Verdict(State.APPLICATION, header.applied, "at rest, nothing in the log")
    last = max(header.applied, *(page.sequence for page in pages))
    replayed = last - header.applied
    return Verdict(State.CRASH, last, f"running, {replayed} transactions replayed from the log")


def recover(read_at: ReadAt, rng: random.Random) -> Bank:
    """Return the running bank that a file restarts as; TornPageError when it cannot.

    The caller brings the file to rest before it goes on: by writing what `Bank.restate` yields.
    """
    header, pages = _replay(read_at)
    return Bank(pages, max(header.applied, *(page.sequence for page in pages)), rng)


def _replay(read_at: ReadAt) -> tuple[Header, list[AccountPage]]:
    header = Header.parse(read_at(0, PAGE_BYTES))
    records = _records(read_at, header.applied)
    pages = [
        AccountPage.parse(read_at(number * PAGE_BYTES, PAGE_BYTES), number)
        for number in range(FIRST_ACCOUNT_PAGE, FIRST_ACCOUNT_PAGE + ACCOUNT_PAGES)
    ]
    last = records[-1].sequence if records else header.applied
    _check(not (header.clean and records), f"said to be at rest, but the log goes on to {last}")
    for page in pages:
        known = page.sequence
        _check(known <= last, f"page {page.number} knows {known}, the log ends at {last}")
    for record in records:
        _redo(record, pages)
    total = sum(sum(page.balances) for page in pages)
    _check(total == header.total, f"the accounts sum to {total}, not {header.total}")
    return header, pages


def _records(read_at: ReadAt, applied: int) -> list[LogRecord]:
    """Return the log after `applied`, in order and without a gap."""
    found = []
    for number in range(FIRST_LOG_PAGE, FIRST_LOG_PAGE + LOG_PAGES):
        record = LogRecord.parse(read_at(number * PAGE_BYTES, PAGE_BYTES), number)
        if record is not None and record.sequence > applied:
            found.append(record)
    found.sort(key=lambda record: record.sequence)
    for expected, record in enumerate(found, applied + 1):
        _check(record.sequence == expected, f"transaction {expected} is missing in the log")
    return found


def _redo(record: LogRecord, pages: list[AccountPage]) -> None:
    for posting in record.postings:
        page = pages[posting.page - FIRST_ACCOUNT_PAGE]
        if page.sequence >= record.sequence:
            continue
        known = page.sequence
        _check(known == posting.before_sequence, f"page {page.number} lost what followed {known}")
        page.balances[posting.account] = posting.balance
        page.sequence = record.sequence


def _check(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion, read as one
    if not holds:
        raise TornPageError(otherwise)
