"""The health of one side of a relationship, by the thresholds Microsoft names.

Warning from 20 % missed cycles or after an hour without a transfer; which states count as what
besides is [I].
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from safepoint_lab.world.model import NEVER
from safepoint_lab.world.replication.numbers import ReplicationHealth, ReplicationState
from safepoint_lab.world.replication.records import Replication

__all__ = ["health_of", "issues_of"]

_MISSED_SHARE = 0.2
_SILENCE = timedelta(hours=1)
_CRITICAL = {
    ReplicationState.CRITICAL: "replication has stopped",
    ReplicationState.WAITING_FOR_RESYNC: "a resynchronization is required",
    ReplicationState.RESYNCHRONIZING: "a resynchronization is under way",
}
_WARNING = {
    ReplicationState.SUSPENDED: "replication is paused",
    ReplicationState.RESYNC_SUSPENDED: "the resynchronization is paused",
    ReplicationState.RECOVERED: "failed over, neither committed nor reversed",
    ReplicationState.COMMITTED: "failed over, not replicated back yet",
}
_MOVING = frozenset({ReplicationState.REPLICATING, ReplicationState.SUSPENDED})


def health_of(record: Replication, now: datetime) -> ReplicationHealth:
    """Return the health of one side."""
    if record.state in _CRITICAL:
        return ReplicationHealth.CRITICAL
    if any(True for _ in _warnings(record, now)):
        return ReplicationHealth.WARNING
    return ReplicationHealth.OK


def issues_of(record: Replication, now: datetime) -> list[str]:
    """Return what is wrong with one side, worst first; empty when all is well."""
    critical = _CRITICAL.get(record.state)
    return [each for each in (critical, *_warnings(record, now), record.problem) if each]


def _warnings(record: Replication, now: datetime) -> Iterator[str]:
    word = _WARNING.get(record.state)
    if word is not None:
        yield word
    figures = record.figures
    cycles = figures.successes + figures.misses
    if figures.misses and figures.misses >= cycles * _MISSED_SHARE:
        yield f"{figures.misses} of {cycles} replication cycles were missed"
    if record.state in _MOVING and record.last_at != NEVER and now - record.last_at > _SILENCE:
        yield "nothing was transferred for more than an hour"
