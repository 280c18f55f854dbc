"""How long things take in the lab, and its clock.

The figures are short versions of what a real host takes; `speed` divides them all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

__all__ = ["Timings", "utc_now"]


def utc_now() -> datetime:
    """Return the lab's time: the real one, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Timings:
    """Durations in seconds, as a range each; drawn from a seeded generator."""

    speed: float = 1.0
    rng: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - no secret
    create: tuple[float, float] = (0.15, 0.4)
    destroy: tuple[float, float] = (0.05, 0.15)
    apply: tuple[float, float] = (0.15, 0.3)
    power: tuple[float, float] = (0.05, 0.15)
    unregister: tuple[float, float] = (0.05, 0.1)
    merge_start: tuple[float, float] = (0.2, 0.3)
    replica_setting: tuple[float, float] = (0.05, 0.15)
    replica_copy: tuple[float, float] = (0.5, 1.0)
    failover: tuple[float, float] = (0.2, 0.4)

    def draw(self, span: tuple[float, float]) -> float:
        """Return a duration from a range, divided by the speed."""
        return self.rng.uniform(*span) / self.speed
