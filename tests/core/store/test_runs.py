"""Runs and restore points as the store keeps them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from safepoint.errors import FencedError, UnknownNameError
from safepoint.models.checkpoints import Consistency
from safepoint.models.refs import Ref
from safepoint.models.restore_points import RestorePoint
from safepoint.models.runs import Phase, Run, RunState, Task
from safepoint.store import Store
from safepoint_lab.reference import FakeClock

_VM = Ref(kind="workload", system="hx1", id="A")


def run(clock: FakeClock, ident: str = "20260105T200000-aaaa", **changes: object) -> Run:
    tasks = tuple(
        Task(
            id=f"{ident}/{n:05d}",
            run=ident,
            workload=_VM,
            workload_name=f"vm{n}",
            state=RunState.QUEUED,
        )
        for n in range(2)
    )
    whole = Run(
        id=ident,
        job="gold",
        connection="hv",
        state=RunState.RUNNING,
        requested_at=clock.now(),
        started_at=clock.now(),
        tasks=tasks,
    )
    return whole.model_copy(update=changes)


def point(clock: FakeClock, ident: str = "p1") -> RestorePoint:
    return RestorePoint(
        ref=Ref(kind="point", system="repo", id=ident),
        workload=_VM,
        workload_name="sql01",
        cluster="hx1",
        created_at=clock.now(),
        consistency=Consistency.APPLICATION,
        size_bytes=5,
    )


def test_run_comes_back_as_it_was_written(store: Store, folder: Path, clock: FakeClock) -> None:
    written = run(clock)
    store.runs.create(written, "e1")

    with Store(folder) as again:
        assert again.runs.get(written.id) == written


def test_task_is_written_through(store: Store, clock: FakeClock) -> None:
    written = run(clock)
    store.runs.create(written, "e1")
    changed = written.tasks[1].model_copy(
        update={"phase": Phase.COPYING, "state": RunState.RUNNING, "read_bytes": 7}
    )
    store.runs.save_task(changed)

    assert store.runs.get(written.id).tasks == (written.tasks[0], changed)


def test_finished_run_has_an_end_and_is_not_unfinished(store: Store, clock: FakeClock) -> None:
    store.runs.create(run(clock), "e1")
    assert [(r.id, who) for r, who in store.runs.unfinished()] == [(run(clock).id, "e1")]
    clock.sleep(60)

    store.runs.finish(run(clock).id, RunState.PARTIAL)

    ended = store.runs.get(run(clock).id)
    assert ended.state is RunState.PARTIAL
    assert ended.ended_at == clock.now()
    assert store.runs.unfinished() == ()


def test_nobody_writes_to_a_run_that_has_ended(store: Store, clock: FakeClock) -> None:
    """Its process was believed dead; what it did since must not look as if it counted."""
    written = run(clock)
    store.runs.create(written, "e1")
    assert store.runs.interrupt(written.id)
    settled = store.runs.get(written.id)

    with pytest.raises(FencedError):
        store.runs.save_task(written.tasks[0])
    with pytest.raises(FencedError):
        store.runs.finish(written.id, RunState.SUCCEEDED)

    assert store.runs.get(written.id) == settled
    assert not store.runs.interrupt(written.id)


def test_interrupting_keeps_what_tasks_had_ended(store: Store, clock: FakeClock) -> None:
    written = run(clock)
    store.runs.create(written, "e1")
    done = written.tasks[0].model_copy(update={"state": RunState.SUCCEEDED})
    store.runs.save_task(done)
    clock.sleep(9)

    store.runs.interrupt(written.id)

    first, second = store.runs.get(written.id).tasks
    assert first == done
    assert second.state is RunState.INTERRUPTED
    assert second.ended_at == clock.now()


def test_cancel_is_a_flag_that_anybody_can_set_and_see(
    store: Store, folder: Path, clock: FakeClock
) -> None:
    store.runs.create(run(clock), "e1")
    assert not store.runs.is_cancel_requested(run(clock).id)

    with Store(folder) as elsewhere:
        elsewhere.runs.request_cancel(run(clock).id)

    assert store.runs.is_cancel_requested(run(clock).id)


def test_cancel_of_an_unknown_run_is_an_error(store: Store) -> None:
    with pytest.raises(UnknownNameError):
        store.runs.request_cancel("typo")


def test_run_is_found_by_a_beginning_that_is_unique(store: Store, clock: FakeClock) -> None:
    for ident in ("20260105T200000-aaaa", "20260105T200000-aabb", "20260105T200000-aab"):
        store.runs.create(run(clock, ident), "e1")

    assert store.runs.get("20260105T200000-aaa").id.endswith("aaaa")
    assert store.runs.get("20260105T200000-aab").id.endswith("aab"), "the exact one wins"
    with pytest.raises(UnknownNameError, match="more than one"):
        store.runs.get("2026")
    with pytest.raises(UnknownNameError, match="no run"):
        store.runs.get("2026%")


def test_listing_is_newest_first_per_job_and_limited(store: Store, clock: FakeClock) -> None:
    for n, job in enumerate(["gold", "silver", "gold"]):
        store.runs.create(run(clock, f"r{n}", job=job), "e1")
        clock.sleep(1)

    assert [r.id for r in store.runs.list()] == ["r2", "r1", "r0"]
    assert [r.id for r in store.runs.list(job="gold")] == ["r2", "r0"]
    assert [r.id for r in store.runs.list(limit=1)] == ["r2"]


def test_recorded_points_come_back_oldest_first_per_connection(
    store: Store, clock: FakeClock
) -> None:
    store.points.record("hv", point(clock, "p1"), is_verified=True)
    clock.sleep(1)
    store.points.record("hv", point(clock, "p2"), is_verified=False)
    store.points.record("other", point(clock, "p3"), is_verified=False)

    rows = store.points.list("hv")

    assert [r.point.ref.id for r in rows] == ["p1", "p2"]
    assert [r.verified_at for r in rows] == [clock.now() - timedelta(seconds=1), None]


def test_recording_again_replaces_and_verifying_is_noted(store: Store, clock: FakeClock) -> None:
    store.points.record("hv", point(clock), is_verified=False)
    store.points.record("hv", point(clock), is_verified=False)
    clock.sleep(1)

    store.points.mark_verified(point(clock).ref)

    (row,) = store.points.list("hv")
    assert row.verified_at == clock.now()
