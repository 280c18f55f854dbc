"""Faults at the HTTP level: those that any product's server can meet, and taking those of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from safepoint_lab.world.catalogue import Fault
from safepoint_lab.world.faults import FaultBook

__all__ = ["Spoiled", "bad_answers", "broken_connections", "strike"]


def broken_connections(product: str) -> tuple[Fault, ...]:
    """Return the faults that cut a call's connection, after the deed or before it."""
    return (
        Fault(
            f"{product}-lost-answer",
            "the answer to a write is lost after the server acted",
            "the connection is cut after the call was carried out.",
            wire="lost-answer",
            operation="[PD][OUE]*",
        ),
        Fault(
            f"{product}-refused-connection",
            "the connection is cut before the server acts",
            "connection reset; nothing happened.",
            wire="reset",
        ),
    )


def bad_answers(product: str) -> tuple[Fault, ...]:
    """Return the faults by which an answer is not JSON, or late."""
    return (
        Fault(
            f"{product}-html",
            "a proxy answers with a web page",
            "HTTP 200 with text/html.",
            wire="html",
        ),
        Fault(
            f"{product}-malformed",
            "an answer is no JSON",
            "HTTP 200 with half a document.",
            wire="malformed",
        ),
        Fault(
            f"{product}-slow",
            "an answer is late",
            "delayed by `seconds`.",
            wire="delay",
            parameters={"seconds": "0.5"},
        ),
    )


@dataclass(frozen=True, slots=True)
class Spoiled:
    """The treatments of one call, by kind, with the parameters of their faults."""

    treatments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, wire: str) -> Mapping[str, str] | None:
        """Return the parameters of a treatment, None when it does not apply."""
        return self.treatments.get(wire)


def strike(
    book: FaultBook, catalogue: Iterable[Fault], operation: str, applies: Callable[[str], bool]
) -> Spoiled:
    """Take the wire faults that strike a call; one of a kind, and only kinds that apply to it."""
    found: dict[str, Mapping[str, str]] = {}
    for fault in catalogue:
        if not fault.wire or fault.wire in found or not applies(fault.wire):
            continue
        parameters = book.take(fault.name, operation=operation)
        if parameters is not None:
            found[fault.wire] = parameters
    return Spoiled(found)
