"""Chaos: random estates, jobs, faults and deaths, and what must hold whatever happens.

``python -m safepoint_lab.chaos --seeds 200`` runs the world in memory; ``--engine lab`` runs real
processes against a lab. A seed gives the same story again; a broken promise names it.
"""

from __future__ import annotations

from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.memory import MemoryChaos

__all__ = ["MemoryChaos", "Story"]
