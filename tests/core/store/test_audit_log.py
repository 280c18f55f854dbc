"""The audit log: whatever is done to it afterwards, it shows."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import StoreError
from safepoint.models.audit_log import AuditHead, AuditOutcome, Deed
from safepoint.store import Store

_NOW = datetime(2026, 1, 5, 20, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of ten lines: five writes, asked and answered."""
    with Store(tmp_path, clock=lambda: _NOW) as store:
        for number in range(5):
            write(store, f"checkpoint:hx1:{number}")
    return tmp_path


def write(store: Store, target: str) -> int:
    before = {"name": "gold ä", "size": 1.5}
    deed = Deed(system="hv", deed="delete-checkpoint", target=target, key="k", before=before)
    asked = store.audit.asked(deed)
    store.audit.answered(asked, deed, AuditOutcome.DONE, "operation:hx1:7")
    return asked


def problems(folder: Path, *heads: AuditHead) -> list[str]:
    with Store(folder) as store:
        return [f"{one.sequence}: {one.problem}" for one in store.audit.verify(heads)]


def tamper(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "journal.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_an_untouched_log_is_whole_and_tells_who_what_and_how(folder: Path) -> None:
    assert problems(folder) == []

    with Store(folder) as store:
        first, second = store.audit.entries()[:2]
    assert (first.sequence, first.outcome, first.previous) == (1, AuditOutcome.ASKED, "")
    assert first.before == {"name": "gold ä", "size": 1.5}
    assert first.at == _NOW
    assert "@" in first.actor
    assert (second.outcome, second.answers) == (AuditOutcome.DONE, 1)
    assert second.previous == first.digest


EDITS = {
    "the target": "UPDATE audit_entry SET target = 'checkpoint:hx1:9' WHERE sequence = 5",
    "the actor": "UPDATE audit_entry SET actor = 'nobody@here' WHERE sequence = 5",
    "the outcome": "UPDATE audit_entry SET outcome = 'failed' WHERE sequence = 5",
    "what was there": "UPDATE audit_entry SET before = '{}' WHERE sequence = 5",
    "the time": "UPDATE audit_entry SET at = '2025-01-01T00:00:00.000000Z' WHERE sequence = 5",
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS.keys())
def test_an_edited_line_shows(folder: Path, statement: str) -> None:
    tamper(folder, statement)

    assert problems(folder) == ["5: its content was changed after it was written"]


def test_a_dropped_line_shows(folder: Path) -> None:
    tamper(folder, "DELETE FROM audit_entry WHERE sequence = 4")

    assert problems(folder)[0] == "5: line 4 is missing"


def test_dropped_lines_show(folder: Path) -> None:
    tamper(folder, "DELETE FROM audit_entry WHERE sequence IN (4, 5)")

    assert problems(folder) == [
        "6: lines 4 to 5 are missing",
        "6: the line before it is not the one it followed",
    ]


def test_dropped_lines_show_when_the_others_are_numbered_anew(folder: Path) -> None:
    tamper(
        folder,
        "DELETE FROM audit_entry WHERE sequence = 4",
        "UPDATE audit_entry SET sequence = sequence - 1 WHERE sequence > 4",
    )

    assert "4: its content was changed after it was written" in problems(folder)


def test_swapped_lines_show(folder: Path) -> None:
    tamper(
        folder,
        "UPDATE audit_entry SET sequence = -1 WHERE sequence = 3",
        "UPDATE audit_entry SET sequence = 3 WHERE sequence = 5",
        "UPDATE audit_entry SET sequence = 5 WHERE sequence = -1",
    )

    found = problems(folder)
    assert {one.partition(":")[0] for one in found} >= {"3", "5"}


def test_an_inserted_line_shows(folder: Path) -> None:
    tamper(
        folder,
        "INSERT INTO audit_entry SELECT 11, at, actor, process, system, deed, target, key, before,"
        " after, outcome, answers, detail, previous, digest FROM audit_entry WHERE sequence = 10",
    )

    assert any(one.startswith("11: ") for one in problems(folder))


@pytest.mark.parametrize("last", [0, 4, 9])
def test_a_cut_off_end_shows_against_the_kept_head(folder: Path, last: int) -> None:
    tamper(folder, f"DELETE FROM audit_entry WHERE sequence > {last}")

    assert problems(folder) == [f"10: the log ends at line {last}, and line 10 was there"]


def test_a_log_written_anew_shows_against_a_head_from_elsewhere(folder: Path) -> None:
    with Store(folder) as store:
        written_down = store.audit.head()
    assert written_down is not None
    tamper(folder, "DELETE FROM audit_entry")
    (folder / "audit-head.json").unlink()
    with Store(folder) as store:
        for number in range(6):
            write(store, f"another {number}")

    assert problems(folder) == []
    assert problems(folder, AuditHead.parse(written_down.text)) == [
        "10: line 10 is not the one whose digest was kept"
    ]


def test_a_head_that_somebody_changed_is_an_error(folder: Path) -> None:
    (folder / "audit-head.json").write_text("nothing", encoding="utf-8")

    with pytest.raises(StoreError, match="does not hold the head"):
        problems(folder)


def test_a_head_that_is_behind_is_no_break(folder: Path) -> None:
    """A process died between the line and the head: the head is old, and true."""
    before = (folder / "audit-head.json").read_bytes()
    with Store(folder) as store:
        write(store, "one more")
    (folder / "audit-head.json").write_bytes(before)

    assert problems(folder) == []


def test_lines_of_several_threads_make_one_chain(folder: Path) -> None:
    with Store(folder) as store:
        threads = [
            threading.Thread(target=lambda n=n: [write(store, f"{n}") for _ in range(5)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        head = store.audit.head()

    assert problems(folder) == []
    assert head is not None
    assert head.sequence == 50


@pytest.mark.parametrize(
    ("choice", "count"),
    [({"system": "other"}, 0), ({"target": ":3"}, 2), ({"limit": 3}, 3)],
)
def test_lines_are_chosen_newest_last(folder: Path, choice: dict[str, Any], count: int) -> None:
    with Store(folder) as store:
        found = store.audit.entries(**choice)
        assert len(found) == count
        assert [e.sequence for e in found] == sorted(e.sequence for e in found)
        assert store.audit.entries(since=_NOW + timedelta(seconds=1)) == ()


@pytest.mark.parametrize("text", ["", "7", "7:abc", "x:" + "0" * 64, "7:" + "G" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a head"):
        AuditHead.parse(text)


def test_a_write_is_refused_when_it_cannot_be_written_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_more: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    asked: Callable[[], object] = lambda: write(store, "x")
    with Store(folder) as store, pytest.raises(StoreError, match="head of the audit log"):
        asked()
