"""What armed faults do to a call at the HTTP level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from safepoint_lab.commvault.calls import Answer, Operation
from safepoint_lab.commvault.catalogue import COMMVAULT_FAULTS
from safepoint_lab.world.faults import FaultBook

__all__ = ["Spoiled", "spoil", "tamper"]

_WIRE = [(fault.name, fault.wire) for fault in COMMVAULT_FAULTS if fault.wire]
_TAMPERING = ("broken-paging", "lists-as-objects", "processing-info")
_ROWS = ("jobs", "vmStatusInfoList", "virtualMachines", "clientProperties", "vmGroups")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The treatments of one call, by kind, with the parameters of their faults."""

    treatments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, wire: str) -> Mapping[str, str] | None:
        """Return the parameters of a treatment, None when it does not apply."""
        return self.treatments.get(wire)


def spoil(faults: FaultBook, operation: Operation, *, later_page: bool) -> Spoiled:
    """Take the wire faults that strike this call; one of a kind."""
    found: dict[str, Mapping[str, str]] = {}
    for name, wire in _WIRE:
        if wire in found or (wire == "lost-answer" and not operation.changes):
            continue
        if wire == "broken-paging" and not later_page:
            continue
        if wire == "expired" and operation.anonymous:
            continue
        parameters = faults.take(name, operation=operation.name)
        if parameters is not None:
            found[wire] = parameters
    return Spoiled(found)


def tamper(answer: Answer, spoiled: Spoiled) -> Answer:
    """Return an answer as the faults that change bodies leave it."""
    body: Any = answer.body
    for wire in _TAMPERING:
        if spoiled.get(wire) is None:
            continue
        if wire == "broken-paging":
            body = {name: [] if name in _ROWS else value for name, value in body.items()}
        elif wire == "lists-as-objects":
            body = _as_objects(body)
        else:
            body = {**body, "processinginstructioninfo": {"attributes": []}}
    return replace(answer, body=body)


def _as_objects(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_objects(item) for name, item in value.items() if item != []}
    if isinstance(value, list):
        return _as_objects(value[0]) if len(value) == 1 else [_as_objects(item) for item in value]
    return value
