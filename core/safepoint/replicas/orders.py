"""What is asked for, what came of it, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from typing_extensions import override

from safepoint.drivers import CanReplicate
from safepoint.models.base import Model, UtcTime
from safepoint.models.refs import Ref
from safepoint.models.replicas import ReplicaStep
from safepoint.replicas.deeds import Deed, Option
from safepoint.runs.waiting import Waiter
from safepoint.store import Store

__all__ = [
    "DeedOrder",
    "DeedReport",
    "DeedSink",
    "Quiet",
    "ReplicaCrew",
    "ReplicaDeadlines",
    "StepReport",
]


class DeedOrder(Model):
    """One deed on one relationship. Goes into the journal, so that another process can finish it."""

    deed: Deed
    connection: str
    pair: str
    family: str = ""
    """The protected VM that the relationship belongs to; empty in orders of earlier versions."""
    vm: str
    """The VM's name, for people."""
    source: Ref | None = None
    """The VM that is the primary now; None when no side that can be read tells."""
    target: Ref | None = None
    clusters: tuple[str, ...]
    """Every system that may hold a copy."""
    options: frozenset[Option] = frozenset()
    point: Ref | None = None
    point_at: UtcTime | None = None
    """The time of that point, for reports."""
    folder: str = ""
    label: str = ""
    """What it belongs to, such as `drill shop`."""


class ReplicaDeadlines(Model):
    """Seconds. A deadline never undoes anything; the deed stays open and can be finished."""

    shut_down_seconds: float = 600.0
    """How long a guest may take to shut down."""
    step_seconds: float = 3600.0
    """Any other step, until its operation ended and its effect is seen."""
    settle_seconds: float = 10.0
    """How long a request without an answer may still be on its way: only then "no effect" means
    "never arrived"."""
    busy_seconds: float = 120.0
    """How long to wait for another operation on the VM."""
    proof_seconds: float = 60.0
    """How long an effect may take to show after its operation ended."""


@dataclass(frozen=True)
class ReplicaCrew:
    """What is needed to work on the relationships of one connection."""

    store: Store
    executor: str
    connection: str
    driver: CanReplicate
    waiter: Waiter
    new_id: Callable[[], str]
    deadlines: ReplicaDeadlines = field(default_factory=ReplicaDeadlines)


@dataclass(frozen=True)
class StepReport:
    """One step and what became of it."""

    step: ReplicaStep
    side: str
    outcome: str
    """`done`, `was so already`, or `seen (its answer was lost)`."""
    began_at: datetime
    ended_at: datetime


@dataclass
class DeedReport:
    """One deed as it ended."""

    id: str
    order: DeedOrder
    began_at: datetime
    ended_at: datetime
    steps: list[StepReport] = field(default_factory=list)
    was_resumed: bool = False
    said: str = ""


class DeedSink(Protocol):
    """Is told what happens, for people."""

    def begins(self, order: DeedOrder, number: int, total: int, text: str, /) -> None:
        """A step begins; numbers count from 1."""

    def remark(self, order: DeedOrder, text: str, /) -> None:
        """Something worth knowing, such as a lost answer."""


class Quiet(DeedSink):
    """Tells nobody."""

    @override
    def begins(self, order: DeedOrder, number: int, total: int, text: str, /) -> None:
        """Do nothing."""

    @override
    def remark(self, order: DeedOrder, text: str, /) -> None:
        """Do nothing."""
