"""Which checkpoint is ours: never by luck, and never another product's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safepoint.lifecycle import CheckpointState, checkpoint_name
from safepoint.models.checkpoints import Checkpoint, CheckpointKind
from safepoint.models.refs import Ref
from safepoint.runs.finding import age_text, find_ours, foreign_backups, unclaimed
from safepoint.store import CheckpointRow

_TAG = "0123456789abcdef"
_NOW = datetime(2026, 1, 5, 20, tzinfo=UTC)
_VM = Ref(kind="workload", system="hx1", id="A")


def row(**changes: Any) -> CheckpointRow:
    values: dict[str, Any] = {
        "tag": _TAG,
        "connection": "hv",
        "workload": _VM,
        "workload_name": "sql01",
        "name": checkpoint_name(_TAG, "gold"),
        "kind": CheckpointKind.BACKUP,
        "state": CheckpointState.LOST,
        "is_ad_hoc": False,
        "run": "r",
        "executor": "e",
        "epoch": 1,
        "native": None,
        "operation": None,
        "baseline": ("old",),
        "intended_at": _NOW,
        "held_at": None,
        "ended_at": None,
        "expires_at": None,
        "note": "",
    }
    return CheckpointRow(**{**values, **changes})


def checkpoint(ident: str, **changes: Any) -> Checkpoint:
    values: dict[str, Any] = {
        "ref": Ref(kind="checkpoint", system="hx1", id=ident),
        "workload": _VM,
        "workload_name": "sql01",
        "name": f"sql01 - ({ident})",
        "kind": CheckpointKind.BACKUP,
        "created_at": _NOW + timedelta(seconds=3),
        "has_default_name": True,
    }
    return Checkpoint(**{**values, **changes})


def test_journaled_id_is_the_one() -> None:
    mine = checkpoint("mine", name="renamed by hand", has_default_name=False)

    assert find_ours(row(native=mine.ref), [checkpoint("other"), mine]) == mine


def test_once_the_id_is_known_nothing_else_is_ever_taken_for_it() -> None:
    """Ours is deleted; a moment later another product makes one under the host's name."""
    native = Ref(kind="checkpoint", system="hx1", id="mine")

    assert find_ours(row(native=native), [checkpoint("other product")]) is None


def test_tag_in_the_name_is_enough() -> None:
    mine = checkpoint("mine", name=checkpoint_name(_TAG, "other label"), has_default_name=False)

    assert find_ours(row(), [checkpoint("x"), checkpoint("y"), mine]) == mine


def test_name_that_existed_before_we_asked_is_not_ours() -> None:
    """A person's own checkpoint of the name that was wished for."""
    theirs = checkpoint("old", name="before patch", has_default_name=False)

    assert find_ours(row(name="before patch"), [theirs]) is None


def test_only_new_nameless_one_of_the_kind_and_time_is_taken() -> None:
    mine = checkpoint("new")

    assert find_ours(row(), [checkpoint("old"), mine]) == mine


@pytest.mark.parametrize(
    "changes",
    [
        {"has_default_name": False, "name": "Veeam"},
        {"kind": CheckpointKind.STANDARD},
        {"kind": CheckpointKind.REPLICA},
        {"created_at": _NOW - timedelta(minutes=6)},
        {"created_at": _NOW + timedelta(minutes=6)},
    ],
)
def test_one_that_is_named_of_another_kind_or_time_is_not_taken(changes: dict[str, Any]) -> None:
    assert find_ours(row(), [checkpoint("new", **changes)]) is None


def test_two_nameless_ones_prove_nothing() -> None:
    present = [checkpoint("one"), checkpoint("two")]

    assert find_ours(row(), present) is None
    assert unclaimed(row(), present) == tuple(present)


@pytest.mark.parametrize("found", [CheckpointKind.PRODUCTION, CheckpointKind.STANDARD])
def test_user_checkpoint_may_have_fallen_back_to_standard(found: CheckpointKind) -> None:
    mine = checkpoint("new", kind=found)

    assert find_ours(row(kind=CheckpointKind.PRODUCTION), [mine]) == mine


def test_foreign_are_the_backup_checkpoints_the_journal_does_not_know() -> None:
    ours, theirs = checkpoint("ours"), checkpoint("theirs")
    by_hand = checkpoint("by hand", kind=CheckpointKind.PRODUCTION)
    replica = checkpoint("replica", kind=CheckpointKind.REPLICA)

    assert foreign_backups([ours, theirs, by_hand, replica], ["ours"]) == (theirs,)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (3 * 86400 + 5, "3 d")],
)
def test_age_is_told_in_the_unit_a_person_would_use(seconds: int, text: str) -> None:
    assert age_text(checkpoint("x", created_at=_NOW - timedelta(seconds=seconds)), _NOW) == text
