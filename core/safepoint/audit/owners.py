"""Which names belong to which product: a table of what has been seen in the field.

A name is a hint and never a proof: anybody can give any name. It decides whom to ask, and never by
itself what may be deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["NAMES", "NameRule", "product_of"]


@dataclass(frozen=True, slots=True)
class NameRule:
    """Names of one product's checkpoints.

    Attributes:
        product: The product, for people.
        pattern: Matches the whole name.
        drivers: The drivers whose connections can be asked about it.
        keeps_one: The product leaves one between its runs, as the base of the next.
        source: Where the name is known from.
    """

    product: str
    pattern: re.Pattern[str]
    source: str
    drivers: frozenset[str] = frozenset()
    keeps_one: bool = False


NAMES: Final = (
    NameRule(
        "Veeam Backup & Replication",
        re.compile(
            r"Veeam Recovery Checkpoint ?(?:\([0-9a-f.-]+\)|-\([0-9a-f-]+\))", re.IGNORECASE
        ),
        "public documentation and field reports",
        frozenset({"veeam"}),
    ),
    NameRule(
        "Backup Exec",
        re.compile(r"BE_Snapshot_.+", re.IGNORECASE),
        "public documentation; that one stays between runs is inference",
        keeps_one=True,
    ),
    NameRule("Bareos", re.compile(r"Bareos JobId \d+.*"), "its source"),
)


def product_of(name: str) -> NameRule | None:
    """Return the row of the table that a checkpoint's name fits, or None."""
    return next((rule for rule in NAMES if rule.pattern.fullmatch(name)), None)
