"""What armed faults do to a call at the HTTP level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from safepoint_lab.veeam.calls import Answer, Operation
from safepoint_lab.veeam.catalogue import VEEAM_FAULTS
from safepoint_lab.world.faults import FaultBook

__all__ = ["Spoiled", "break_page", "spoil"]

_WIRE = [(fault.name, fault.wire) for fault in VEEAM_FAULTS if fault.wire]
_NOT_FOR_READS = frozenset({"lost-answer"})


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The treatments of one call, by kind, with the parameters of their faults."""

    treatments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, wire: str) -> Mapping[str, str] | None:
        """Return the parameters of a treatment, None when it does not apply."""
        return self.treatments.get(wire)


def spoil(faults: FaultBook, operation: Operation, query_skip: str | None) -> Spoiled:
    """Take the wire faults that strike this call; one of a kind."""
    found: dict[str, Mapping[str, str]] = {}
    for name, wire in _WIRE:
        if wire in found or (wire in _NOT_FOR_READS and operation.reads):
            continue
        if wire == "broken-paging" and not int(query_skip or 0):
            continue
        parameters = faults.take(name, operation=operation.name)
        if parameters is not None:
            found[wire] = parameters
    return Spoiled(found)


def break_page(answer: Answer) -> Answer:
    """Return a page without its rows; the total stays."""
    body = dict(answer.body)
    body["data"] = []
    body["pagination"] = {**body["pagination"], "count": 0}
    return Answer(answer.status, body)
