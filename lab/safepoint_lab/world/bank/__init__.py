"""The application inside a lab guest: a bank whose one file tells how well it was frozen.

BANK.DAT is 65 pages of 4 KiB: a header, a write-ahead log of 16 pages used as a ring, and 48
pages of accounts. Every page has a sequence and a CRC; transfers between accounts keep the sum
constant. `Bank` produces the page writes in true order, `judge` reads a file back.
"""

from __future__ import annotations

from safepoint_lab.world.bank.judge import State, Verdict, judge, recover
from safepoint_lab.world.bank.ledger import Bank, PageWrite, new_bank
from safepoint_lab.world.bank.pages import BANK_BYTES, PAGE_BYTES

__all__ = [
    "BANK_BYTES",
    "PAGE_BYTES",
    "Bank",
    "PageWrite",
    "State",
    "Verdict",
    "judge",
    "new_bank",
    "recover",
]
