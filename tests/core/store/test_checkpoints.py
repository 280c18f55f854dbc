"""The journal of checkpoints: what is written survives, under a valid lease only."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from safepoint.errors import FencedError, IllegalTransitionError, StoreError, UnknownNameError
from safepoint.lifecycle import CheckpointEvent, CheckpointState
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.refs import Ref
from safepoint.store import CheckpointRow, Executor, Intent, Lease, Store
from safepoint_lab.reference import FakeClock

E = CheckpointEvent
S = CheckpointState

_VM = Ref(kind="workload", system="hx1", id="A")
_NATIVE = Ref(kind="checkpoint", system="hx1", id="odd:id with spaces/µ")


def intent(tag: str = "0" * 16, **changes: object) -> Intent:
    values: dict[str, object] = {
        "tag": tag,
        "connection": "hv",
        "workload": _VM,
        "workload_name": "sql01",
        "name": f"safepoint ({tag})",
        "kind": CheckpointKind.BACKUP,
        "baseline": ("x", "y"),
        "run": "r1",
    }
    return Intent(**{**values, **changes})  # type: ignore[arg-type]  # values are checked by use


@pytest.fixture
def lease(store: Store, executor: Executor) -> Lease:
    return store.leases.take("vm hx1/A", executor.id, purpose="run r1")


@pytest.fixture
def row(store: Store, lease: Lease) -> CheckpointRow:
    return store.checkpoints.intend(lease, intent())


def test_intent_is_kept_word_for_word(
    store: Store, lease: Lease, clock: FakeClock, executor: Executor
) -> None:
    expires = clock.now() + timedelta(hours=1)
    row = store.checkpoints.intend(lease, intent(run=None, expires_at=expires))

    assert row == CheckpointRow(
        tag="0" * 16,
        connection="hv",
        workload=_VM,
        workload_name="sql01",
        name=f"safepoint ({'0' * 16})",
        kind=CheckpointKind.BACKUP,
        state=S.REQUESTED,
        is_ad_hoc=True,
        run=None,
        executor=executor.id,
        epoch=lease.epoch,
        native=None,
        operation=None,
        baseline=("x", "y"),
        intended_at=clock.now(),
        held_at=None,
        ended_at=None,
        expires_at=expires,
        note="",
    )


def test_journal_survives_being_closed(
    store: Store, folder: Path, lease: Lease, row: CheckpointRow
) -> None:
    store.checkpoints.note(lease, row, E.ASK)
    store.checkpoints.note(lease, row, E.SEEN, native=_NATIVE, note="seen")

    with Store(folder) as again:
        found = again.checkpoints.get(row.tag)
        history = again.checkpoints.history(row.tag)

    assert found.state is S.HELD
    assert found.native == _NATIVE
    assert [(h.before, h.event, h.after, h.note) for h in history] == [
        (S.REQUESTED, E.ASK, S.CREATING, ""),
        (S.CREATING, E.SEEN, S.HELD, "seen"),
    ]


def test_times_of_holding_and_ending_are_noted(
    store: Store, lease: Lease, row: CheckpointRow, clock: FakeClock
) -> None:
    store.checkpoints.note(lease, row, E.ASK)
    clock.sleep(5)
    held = store.checkpoints.note(lease, row, E.SEEN)
    assert held.held_at == clock.now()
    assert held.ended_at is None

    for event in (E.RELEASE, E.DELETED, E.MERGED):
        clock.sleep(5)
        held = store.checkpoints.note(lease, row, event)
    assert held.ended_at == clock.now()
    assert held.held_at == clock.now() - timedelta(seconds=15)


def test_event_against_the_table_changes_nothing(
    store: Store, lease: Lease, row: CheckpointRow
) -> None:
    with pytest.raises(IllegalTransitionError):
        store.checkpoints.note(lease, row, E.MERGED, note="wrong", native=_NATIVE)

    assert store.checkpoints.get(row.tag) == row
    assert store.checkpoints.history(row.tag) == ()


def test_stale_row_does_not_hide_the_state_of_the_journal(
    store: Store, lease: Lease, row: CheckpointRow
) -> None:
    store.checkpoints.note(lease, row, E.ASK)

    with pytest.raises(IllegalTransitionError):
        store.checkpoints.note(lease, row, E.ASK)


def test_nothing_is_written_under_a_lost_lease(
    store: Store, lease: Lease, row: CheckpointRow, executor: Executor
) -> None:
    store.leases.give_back(lease)
    store.leases.take(lease.key, executor.id, purpose="another run")

    with pytest.raises(FencedError):
        store.checkpoints.note(lease, row, E.ASK)
    with pytest.raises(FencedError):
        store.checkpoints.set_operation(lease, row, _NATIVE)
    with pytest.raises(FencedError):
        store.checkpoints.intend(lease, intent("1" * 16))

    assert store.checkpoints.get(row.tag) == row
    assert [r.tag for r in store.checkpoints.open()] == [row.tag]


def test_operation_is_remembered_without_being_a_transition(
    store: Store, lease: Lease, row: CheckpointRow
) -> None:
    operation = Ref(kind="create", system="hx1", id="7")

    assert store.checkpoints.set_operation(lease, row, operation).operation == operation
    assert store.checkpoints.history(row.tag) == ()


def test_a_tag_is_used_once(store: Store, lease: Lease, row: CheckpointRow) -> None:
    with pytest.raises(StoreError):
        store.checkpoints.intend(lease, intent())


def test_unknown_tag_is_said_to_be_unknown(store: Store) -> None:
    with pytest.raises(UnknownNameError, match=r"f{16}"):
        store.checkpoints.get("f" * 16)


def test_open_rows_are_oldest_first_and_can_be_asked_per_vm(
    store: Store, lease: Lease, clock: FakeClock
) -> None:
    other = Ref(kind="workload", system="hx1", id="B")
    tags = [str(n) * 16 for n in range(4)]
    for tag, vm in zip(tags, (_VM, other, _VM, _VM), strict=True):
        store.checkpoints.intend(lease, intent(tag, workload=vm))
        clock.sleep(1)
    done = store.checkpoints.get(tags[2])
    store.checkpoints.note(lease, done, E.NEVER_CREATED)

    assert [r.tag for r in store.checkpoints.open()] == [tags[0], tags[1], tags[3]]
    assert [r.tag for r in store.checkpoints.open(_VM)] == [tags[0], tags[3]]
    assert [r.tag for r in store.checkpoints.of_run("r1")] == tags
    assert store.checkpoints.of_run("r2") == ()
