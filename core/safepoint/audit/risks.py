"""How urgent: the room on a share against what grows there. Thresholds are data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from safepoint.audit.report import Risk, RiskLevel

__all__ = ["RISKS", "Room", "risk_of"]


@dataclass(frozen=True, slots=True)
class Room:
    """What there is to judge by."""

    free_bytes: int | None
    """On the share; None when it could not be read."""
    reclaimable_bytes: int = 0
    """The files of this finding; merging may need about as much."""
    days_left: float | None = None
    """Until the share is full at the present growth; None when nothing grows."""
    chain_depth: int = 0


@dataclass(frozen=True, slots=True)
class _RiskRule:
    level: RiskLevel
    is_so: Callable[[Room], bool]
    reason: Callable[[Room], str]


def _within(days: float) -> Callable[[Room], bool]:
    return lambda room: room.days_left is not None and room.days_left < days


def _until_full(room: Room) -> str:
    days = room.days_left or 0.0
    text = f"{days * 24:.0f} hours" if days < 2 else f"{days:.0f} days"
    return f"the share is full in about {text} at the present growth"


#: Read from the top; the first that is so decides.
RISKS: Final = (
    _RiskRule(
        RiskLevel.CRITICAL,
        lambda room: room.free_bytes is not None and room.free_bytes < room.reclaimable_bytes,
        lambda _: "the share has less room than the merge may need",
    ),
    _RiskRule(RiskLevel.CRITICAL, _within(1.0), _until_full),
    _RiskRule(
        RiskLevel.CRITICAL,
        lambda room: room.free_bytes is not None and room.free_bytes < 1 << 30,
        lambda _: "the share has less than 1 GiB left",
    ),
    _RiskRule(RiskLevel.HIGH, _within(7.0), _until_full),
    _RiskRule(
        RiskLevel.HIGH,
        lambda room: room.chain_depth >= 10,
        lambda room: f"the chain is {room.chain_depth} files deep: reads slow down",
    ),
    _RiskRule(RiskLevel.MEDIUM, _within(30.0), _until_full),
    _RiskRule(
        RiskLevel.MEDIUM,
        lambda room: room.chain_depth >= 3,
        lambda room: f"the chain is {room.chain_depth} files deep",
    ),
    _RiskRule(
        RiskLevel.UNKNOWN,
        lambda room: room.free_bytes is None,
        lambda _: "the room on the share is not known",
    ),
)


def risk_of(room: Room) -> Risk:
    """Return how urgent something on a share is."""
    for rule in RISKS:
        if rule.is_so(room):
            return Risk(level=rule.level, reason=rule.reason(room))
    return Risk(level=RiskLevel.LOW)
