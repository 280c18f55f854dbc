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
from safepoint_lab.chaos.watch import Planted, Watch
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.views import CheckpointView, ReplicaView, VmView


@dataclass
class Truth:
    """What there is."""

    present: list[CheckpointView] = field(default_factory=list)
    machines: list[VmView] = field(default_factory=list)
    sides: list[ReplicaView] = field(default_factory=list)

    def checkpoints(self) -> list[CheckpointView]:
        return self.present

    def vms(self) -> list[VmView]:
        return self.machines

    def replicas(self) -> list[ReplicaView]:
        return self.sides

    def add_vm(
        self,
        cluster: str,
        power: str = "running",
        name: str = "web01",
        switches: tuple[str, ...] = (),
    ) -> None:
        made = VmView(
            guid="VM1",
            name=name,
            cluster=cluster,
            node="hv01",
            power=power,
            guest_os="linux",
            busy="",
            merging=False,
            checkpoints=0,
            disks=(),
            switches=switches,
        )
        self.machines.append(made)

    def add_receiver(self, cluster: str) -> None:
        made = ReplicaView(
            vm="web01",
            cluster=cluster,
            node="hv01",
            power="off",
            index=0,
            sends=False,
            mode="replica",
            state="replicating",
            health="ok",
            partner="clu-dr",
            interval_seconds=30,
            last_at=datetime(2026, 1, 1, tzinfo=UTC),
            waiting_bytes=0,
            points=1,
            problem="",
        )
        self.sides.append(made)

    def add(self, guid: str, *, by_wire: bool, name: str = "some name") -> None:
        made = CheckpointView(
            guid=guid,
            vm="VM1",
            vm_name="web01",
            name=name,
            type="recovery",
            consistency="application",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            cluster="clu1",
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


def _foreign_vanishes(watch: Watch, truth: Truth, _home: Path) -> None:
    truth.add_vm("clu1")
    watch.planted["X"] = Planted("product", "VM1", "clu1")


def _two_copies_run(_watch: Watch, truth: Truth, _home: Path) -> None:
    truth.add_vm("clu1")
    truth.add_vm("clu-dr")


def _connected_test(_watch: Watch, truth: Truth, _home: Path) -> None:
    truth.add_vm("clu-dr", name="web01 - Test", switches=("lab-switch",))


def _on_a_replica(_watch: Watch, truth: Truth, _home: Path) -> None:
    truth.add_receiver("clu1")
    truth.add("A", by_wire=True)


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
        ("never two running copies", _two_copies_run),
        ("test VMs are isolated", _connected_test),
        ("no checkpoint of ours on a replica", _on_a_replica),
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


def test_what_went_with_its_vm_is_not_missed(watch: Watch, truth: Truth) -> None:
    """A VM that was removed takes the checkpoints of others with it; its replica has none."""
    truth.add_vm("clu-dr", power="off")
    watch.planted["X"] = Planted("product", "VM1", "clu1")
    watch.look()
    assert watch.story.broken == []
