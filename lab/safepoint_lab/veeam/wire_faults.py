"""What armed faults do to a call at the HTTP level."""

from __future__ import annotations

from safepoint_lab.products.wire_faults import Spoiled, strike
from safepoint_lab.veeam.calls import Answer, Operation
from safepoint_lab.veeam.catalogue import VEEAM_FAULTS
from safepoint_lab.world.faults import FaultBook

__all__ = ["break_page", "spoil"]


def spoil(faults: FaultBook, operation: Operation, *, later_page: bool) -> Spoiled:
    """Take the wire faults that strike this call; one of a kind."""

    def applies(wire: str) -> bool:
        return (wire != "lost-answer" or not operation.reads) and (
            wire != "broken-paging" or later_page
        )

    return strike(faults, VEEAM_FAULTS, operation.name, applies)


def break_page(answer: Answer) -> Answer:
    """Return a page without its rows; the total stays."""
    body = dict(answer.body)
    body["data"] = []
    body["pagination"] = {**body["pagination"], "count": 0}
    return Answer(answer.status, body)
