"""How fast a log grows, from one look, and when it would be half of the disks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.core.replicas.sides import GIB, NOW, side

from safepoint.models.replicas import (
    ReplicaMode,
    ReplicaSide,
    ReplicaState,
    ReplicaStatistics,
)
from safepoint.replicas.logs import LogSource, log_of


def primary(silence: timedelta | None, **more: object) -> ReplicaSide:
    """Return a side with disks of 10 GiB that sends every five minutes."""
    sent = None if silence is None else NOW - silence
    facts = {"last_replicated_at": sent, "statistics": None}
    return side(ReplicaMode.PRIMARY, **{**facts, **more})


def test_what_waits_since_an_overdue_cycle_is_the_growth() -> None:
    figures = ReplicaStatistics(cycles_succeeded=9, pending_bytes=2 * GIB)
    paused = primary(timedelta(hours=2), state=ReplicaState.PAUSED, statistics=figures)
    log = log_of(paused, NOW)
    assert log is not None
    assert (log.bytes_per_hour, log.source) == (GIB, LogSource.WAITING)
    assert log.half_bytes == 5 * GIB
    assert log.half_in_seconds == 3 * 3600


def test_while_cycles_run_their_mean_without_the_largest_counts() -> None:
    """The first copy counts as a cycle, and is no growth of a log."""
    figures = ReplicaStatistics(
        cycles_succeeded=5, average_bytes=3 * GIB, largest_bytes=14 * GIB, pending_bytes=GIB
    )
    log = log_of(primary(timedelta(minutes=1), statistics=figures), NOW)
    assert log is not None
    assert (log.bytes_per_hour, log.source) == (GIB / 4 * 12, LogSource.CYCLES)
    assert log.half_in_seconds == pytest.approx(4 / 3 * 3600)


def test_a_log_beyond_half_has_no_time_left() -> None:
    figures = ReplicaStatistics(cycles_succeeded=9, pending_bytes=6 * GIB)
    log = log_of(primary(timedelta(hours=2), statistics=figures), NOW)
    assert log is not None
    assert (log.half_in_seconds, log.share) == (0, 0.6)


@pytest.mark.parametrize(
    "side",
    [
        primary(None, statistics=ReplicaStatistics(pending_bytes=GIB)),
        primary(timedelta(minutes=1), statistics=ReplicaStatistics(cycles_succeeded=9)),
        primary(
            timedelta(hours=2),
            state=ReplicaState.RESYNC_REQUIRED,
            statistics=ReplicaStatistics(pending_bytes=0),
        ),
        primary(timedelta(hours=2), frequency_seconds=None, statistics=ReplicaStatistics()),
    ],
)
def test_nothing_is_guessed(side: ReplicaSide) -> None:
    log = log_of(side, NOW)
    assert log is not None
    assert (log.bytes_per_hour, log.source, log.half_in_seconds) == (None, None, None)


def test_without_figures_there_is_no_log() -> None:
    assert log_of(primary(timedelta(hours=2)), NOW) is None
