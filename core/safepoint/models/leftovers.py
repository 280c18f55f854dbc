"""What another product's run left on a VM, as the hosts show it."""

from __future__ import annotations

from enum import StrEnum

from safepoint.models.base import Model, UtcTime
from safepoint.models.refs import Ref

__all__ = ["Leftover", "LeftoverKind"]


class LeftoverKind(StrEnum):
    """What is left."""

    CHECKPOINT = "checkpoint"
    """A recovery checkpoint that came with the run and did not go with it."""
    MERGE = "merge"
    """The checkpoint is gone; the VM still runs on a differencing file."""


class Leftover(Model):
    """One thing that is left, with the evidence of whose it is. A finding, whatever was said."""

    kind: LeftoverKind
    workload: Ref
    workload_name: str
    node: str = ""
    checkpoint: Ref | None = None
    name: str = ""
    """The checkpoint's name on the host."""
    created_at: UtcTime | None = None
    """By the host's clock."""
    files: tuple[str, ...] = ()
    """Differencing files that the VM still runs on."""
    evidence: str
    """Why it is taken for this run's: the run, the product, the moment."""
    advice: str
    """What to do next."""
