"""Abilities, and why one is or is not there."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model

__all__ = ["Ability", "Support", "SupportLevel"]


class Ability(StrEnum):
    """What a driver may be able to do beyond the required reads."""

    MANAGE = "manage"
    RUN_JOBS = "run-jobs"
    SUSPEND_RUNS = "suspend-runs"
    CHECKPOINT = "checkpoint"
    INSPECT_STORAGE = "inspect-storage"
    COPY = "copy"
    RESTORE = "restore"
    INSTANT_RECOVERY = "instant-recovery"
    REPLICATE = "replicate"
    HOLD_POINTS = "hold-points"
    VERIFY = "verify"


class SupportLevel(StrEnum):
    """How firmly the answer stands."""

    SUPPORTED = "supported"
    NOT_IMPLEMENTED = "not-implemented"
    """The product could; this plugin does not yet."""
    NOT_AVAILABLE = "not-available"
    """This version, edition or licence of the product cannot."""
    NEVER = "never"
    """It makes no sense for this product."""


class Support(Model):
    """The answer for one ability; a gap always has a reason."""

    level: SupportLevel
    reason: str = ""
