"""The watch over a lab notices each kind of harm; a stand-in for the lab says what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from safepoint.models.audit_log import Deed
from safepoint.store import Store
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.watch import Watch
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.views import CheckpointView


@dataclass
class Truth:
    """What there is."""

    present: list[CheckpointView] = field(default_factory=list)

    def checkpoints(self) -> list[CheckpointView]:
        return self.present

    def add(self, guid: str, *, by_wire: bool, name: str = "some name") -> None:
        made = CheckpointView(
            guid=guid,
            vm="VM1",
            vm_name="web01",
            name=name,
            type="recovery",
            consistency="application",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            by_wire=by_wire,
        )
        self.present.append(made)


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def watch(truth: Truth, tmp_path: Path) -> Watch:
    with Store(tmp_path):
        pass
    return Watch(Story(1), cast("LabClient", truth), tmp_path)


def _two_of_ours(_watch: Watch, truth: Truth, _home: Path) -> None:
    truth.add("A", by_wire=True)
    truth.add("B", by_wire=True)


def _without_a_row(_watch: Watch, truth: Truth, _home: Path) -> None:
    truth.add("A", by_wire=True)


def _foreign_vanishes(watch: Watch, _truth: Truth, _home: Path) -> None:
    watch.planted["X"] = "product"


def _write_to_others(_watch: Watch, truth: Truth, home: Path) -> None:
    truth.add("X", by_wire=False)
    _delete(home)


def _delete(home: Path) -> None:
    with Store(home) as store:
        deed = Deed(system="hosts", deed="delete-checkpoint", target="checkpoint:clu1:VM1/X")
        store.audit.note(deed, "")


@pytest.mark.parametrize(
    ("promise", "harm"),
    [
        ("one of ours a VM", _two_of_ours),
        ("each of ours has an open row", _without_a_row),
        ("others are untouched", _foreign_vanishes),
        ("no write to others", _write_to_others),
    ],
)
def test_harm_is_noticed(
    promise: str, harm: Callable[..., Any], watch: Watch, truth: Truth, tmp_path: Path
) -> None:
    harm(watch, truth, tmp_path)
    watch.look()
    assert any(line.startswith(promise) for line in watch.story.broken), watch.story.text()


def test_what_a_person_let_go_may_be_deleted(watch: Watch, truth: Truth, tmp_path: Path) -> None:
    truth.add("X", by_wire=False, name="left")
    watch.confirmed.add("left")
    _delete(tmp_path)
    watch.look()
    assert watch.story.broken == []
