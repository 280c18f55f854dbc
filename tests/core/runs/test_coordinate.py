"""A run over many VMs: summing up, cancelling from elsewhere, the threads of the local engine."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from safepoint.errors import FencedError
from safepoint.models.refs import Ref
from safepoint.models.restore_points import CopyProgress
from safepoint.models.runs import RunState, Task
from safepoint.runs import coordinate
from safepoint.runs.coordinate import new_run_id, overall
from safepoint.runs.local import LocalEngine
from safepoint.store import Store
from safepoint_lab.reference import World
from safepoint_lab.reference.processes import Process

_S = RunState


def task(number: int, state: RunState = _S.QUEUED) -> Task:
    vm = Ref(kind="workload", system="hx1", id=str(number))
    return Task(id=f"r/{number}", run="r", workload=vm, workload_name=f"vm{number}", state=state)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], _S.SUCCEEDED),
        ([_S.SUCCEEDED, _S.SUCCEEDED], _S.SUCCEEDED),
        ([_S.SUCCEEDED, _S.WARNING], _S.WARNING),
        ([_S.SUCCEEDED, _S.FAILED], _S.PARTIAL),
        ([_S.WARNING, _S.FAILED], _S.PARTIAL),
        ([_S.FAILED, _S.FAILED], _S.FAILED),
        ([_S.SUCCEEDED, _S.CANCELLED], _S.CANCELLED),
        ([_S.FAILED, _S.CANCELLED], _S.CANCELLED),
    ],
)
def test_state_of_a_run_follows_from_its_tasks(states: list[RunState], expected: RunState) -> None:
    assert overall(task(n, state) for n, state in enumerate(states)) is expected


def test_run_ids_sort_by_time_and_differ_within_a_second() -> None:
    early = datetime(2026, 1, 5, 20, 0, 1, tzinfo=UTC)
    late = datetime(2026, 1, 5, 20, 0, 2, tzinfo=UTC)

    assert new_run_id(early) < new_run_id(late)
    assert len({new_run_id(early) for _ in range(20)}) > 15


def test_another_process_can_ask_a_run_to_stop(
    world: World, store: Store, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate, "CANCEL_LOOK_SECONDS", 0.001)
    vm = world.add_machine("sql01")

    def ask(_progress: CopyProgress) -> bool:
        (run, _executor) = store.runs.unfinished()[0]
        store.runs.request_cancel(run.id)
        assert process.cancel.wait(30)
        return False

    process.cancel_at = ask

    assert process.protect(vm.id).state is RunState.CANCELLED


def test_no_thread_is_left_behind(world: World, process: Process) -> None:
    before = threading.active_count()
    process.protect(world.add_machine("sql01").id)

    assert threading.active_count() == before


def test_engine_returns_the_tasks_in_the_order_given() -> None:
    engine = LocalEngine(parallel=3)
    second_is_done = threading.Event()

    def work(one: Task) -> Task:
        if one.id == "r/0":
            assert second_is_done.wait(30), "the first waits for the second, so both must run"
        if one.id == "r/1":
            second_is_done.set()
        return one.model_copy(update={"state": RunState.SUCCEEDED})

    ended = engine.run_all([task(0), task(1), task(2)], work)
    engine.close()

    assert [one.id for one in ended] == ["r/0", "r/1", "r/2"]


def test_engine_runs_no_more_at_once_than_told() -> None:
    engine = LocalEngine(parallel=2)
    lock = threading.Lock()
    running = 0
    most = 0
    both = threading.Barrier(2, timeout=30)

    def work(one: Task) -> Task:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1
        return one

    engine.run_all([task(n) for n in range(6)], work)
    engine.close()

    assert most == 2


@pytest.mark.parametrize(
    ("error", "code"), [(KeyError("defect"), "error"), (FencedError("taken over"), "fenced")]
)
def test_defect_in_one_task_is_its_result_and_spares_the_others(
    error: Exception, code: str
) -> None:
    engine = LocalEngine()

    def work(one: Task) -> Task:
        if one.id == "r/0":
            raise error
        return one.model_copy(update={"state": RunState.SUCCEEDED})

    first, second = engine.run_all([task(0), task(1)], work)
    engine.close()

    assert first.state is RunState.FAILED
    assert first.error is not None
    assert first.error["code"] == code
    assert second.state is RunState.SUCCEEDED
