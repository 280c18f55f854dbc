"""Revisions of the REST API: order, what each can, and the steps of negotiation."""

from __future__ import annotations

from typing import Final

__all__ = ["HYPERV_REVISIONS", "REVISIONS", "has_hyperv", "is_at_least"]

#: Known revisions, newest first: products 13.1, 13.0.1, 13.0, 12.3.1, 12.3, 12.2, 12.1, 12.0 [S].
REVISIONS: Final = (
    "1.3-rev2",
    "1.3-rev1",
    "1.3-rev0",
    "1.2-rev1",
    "1.2-rev0",
    "1.1-rev2",
    "1.1-rev1",
    "1.1-rev0",
)

#: Those with Hyper-V servers, jobs, inventory and restores: VBR 13.0 and later [S].
HYPERV_REVISIONS: Final = REVISIONS[:3]


def has_hyperv(revision: str) -> bool:
    """Tell whether a revision can manage Hyper-V at all."""
    return is_at_least(revision, HYPERV_REVISIONS[-1])


def is_at_least(revision: str, wanted: str) -> bool:
    """Compare two revisions by their numbers, so that later ones than ours count as newer."""
    return _numbers(revision) >= _numbers(wanted)


def _numbers(revision: str) -> tuple[int, ...]:
    digits = "".join(sign if sign.isdigit() else " " for sign in revision)
    return tuple(int(part) for part in digits.split())
