"""What deeds of the chaos say of themselves is held against the lab; stand-ins say what is there."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from safepoint_lab.chaos.deeds_replicas import Replicas
from safepoint_lab.chaos.deeds_restores import Restores, _Restore
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.ground import Ground
from safepoint_lab.chaos.staff import Command, Staff
from safepoint_lab.chaos.watch import Watch
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.views import ReplicaView, VmView


class Truth:
    """A lab with one VM and its replica."""

    def __init__(self) -> None:
        self.running = "clu1"
        self.sender = "clu1"
        self.differences: dict[str, list[int]] = {"scsi0.0": []}
        self.tests: list[str] = []

    def vms(self) -> list[VmView]:
        names = [("web01", "clu1"), ("web01", "clu-dr"), *((one, "clu-dr") for one in self.tests)]
        return [self._vm(name, cluster) for name, cluster in names]

    def _vm(self, name: str, cluster: str) -> VmView:
        facts: dict[str, Any] = {"node": "hv", "guest_os": "", "busy": "", "merging": False}
        facts |= {"power": "running" if cluster == self.running else "off"}
        return VmView(guid=name, name=name, cluster=cluster, checkpoints=0, disks=(), **facts)

    def replicas(self, _vm: str = "") -> list[ReplicaView]:
        return [self._side(cluster) for cluster in ("clu1", "clu-dr")]

    def _side(self, cluster: str) -> ReplicaView:
        sends = cluster == self.sender
        facts: dict[str, Any] = {"node": "hv", "index": 0, "health": "ok", "partner": ""}
        facts |= {"interval_seconds": 30, "waiting_bytes": 0, "points": 0, "problem": ""}
        facts |= {"last_at": datetime(2026, 1, 1, tzinfo=UTC), "state": "replicating"}
        mode, power = ("primary", "running") if sends else ("replica", "off")
        return ReplicaView(
            vm="web01", cluster=cluster, sends=sends, mode=mode, power=power, **facts
        )

    def truths(self, _vm: str) -> list[Any]:
        return [SimpleNamespace(checkpoint="C1")]

    def compare_vm(self, _checkpoint: str, _vm: str) -> dict[str, list[int]]:
        return self.differences


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
def ground(truth: Truth, tmp_path: Path) -> Ground:
    story, lab = Story(1), cast("LabClient", truth)
    return Ground(
        random=random.Random(1),
        story=story,
        root=tmp_path,
        folder=cast("Any", None),
        lab=lab,
        staff=Staff(story, tmp_path, tmp_path / "estate.yaml"),
        watch=Watch(story, lab, tmp_path),
        replicated=["web01"],
    )


def _said(ground: Ground) -> str:
    return "\n".join(ground.story.broken)


@pytest.mark.parametrize(
    ("deed", "running", "is_so"),
    [
        ("planned", "clu1", True),
        ("planned", "clu-dr", False),
        ("reverse", "clu-dr", False),
        ("to-point", "clu-dr", True),
        ("to-point", "clu1", False),
        ("commit", "clu1", False),
        ("pause", "clu1", False),
        ("resume", "clu1", True),
        ("test-failover", "clu1", False),
        ("cancel", "clu1", True),
    ],
)
def test_a_deed_on_a_replica_that_is_not_so_is_noticed(
    deed: str, running: str, ground: Ground, truth: Truth, *, is_so: bool
) -> None:
    truth.running = running
    Replicas(ground)._judge("web01", deed, 0)
    assert ("in the state claimed" not in _said(ground)) is is_so


def test_a_test_vm_that_is_still_there_is_noticed(ground: Ground, truth: Truth) -> None:
    truth.tests = ["web01 - Test"]
    Replicas(ground)._judge("web01", "cancel", 0)
    assert "in the state claimed" in _said(ground)


@pytest.mark.parametrize("differs", [False, True])
def test_a_restore_that_is_not_what_was_frozen_is_noticed(
    ground: Ground, truth: Truth, *, differs: bool
) -> None:
    if differs:
        truth.differences = {"scsi0.0": [1 << 20]}
    words = ("restore", "web01", "--to-name", "again")
    Restores(ground)._judge(_Restore(words, "veeam", "web01", "again"), 0)
    assert ("a restore is right" in _said(ground)) is differs


@pytest.mark.parametrize(("code", "is_meant"), [(0, True), (8, True), (1, False), (4, False)])
def test_an_end_that_nobody_meant_is_noticed(ground: Ground, code: int, *, is_meant: bool) -> None:
    ended = SimpleNamespace(is_alive=False, exit_code=code, said="…", join=lambda _seconds: None)
    ground.staff.wait(cast("Command", ended))
    assert ("errors are of the tree" not in _said(ground)) is is_meant
