"""What armed faults do to a call at the HTTP level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safepoint_lab.commvault.calls import Answer, Operation
from safepoint_lab.commvault.catalogue import COMMVAULT_FAULTS
from safepoint_lab.products.wire_faults import Spoiled, strike
from safepoint_lab.world.faults import FaultBook

__all__ = ["spoil", "tamper"]

_TAMPERING = ("broken-paging", "lists-as-objects", "processing-info")
_ROWS = ("jobs", "vmStatusInfoList", "virtualMachines", "clientProperties", "vmGroups")


def spoil(faults: FaultBook, operation: Operation, *, later_page: bool) -> Spoiled:
    """Take the wire faults that strike this call; one of a kind."""

    def applies(wire: str) -> bool:
        return (
            (wire != "lost-answer" or operation.changes)
            and (wire != "broken-paging" or later_page)
            and (wire != "expired" or not operation.anonymous)
        )

    return strike(faults, COMMVAULT_FAULTS, operation.name, applies)


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
