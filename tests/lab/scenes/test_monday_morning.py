"""Monday morning: everything that lies about gets the verdict that the scenario says it deserves."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safepoint.cli.app import main
from safepoint.errors import UsageError
from safepoint_lab.daemon import Lab
from safepoint_lab.scenes.monday_morning import MONDAY_MORNING

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("monday")


@pytest.fixture(scope="module")
def lab(folder: Path, need_tool: Callable[[str, str], str]) -> Iterator[Lab]:
    need_tool("smbd", "samba")
    with Lab.start(folder, scenario="monday-morning", smb="samba", speed=8.0) as started:
        yield started


@pytest.fixture(scope="module")
def found(lab: Lab) -> dict[str, Any]:
    """Look once: the whole output as a program reads it."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setenv("SAFEPOINT_HOME", str(lab.folder.root / "home"))
        assert main(["-e", str(lab.estate), "-o", "json", "checkpoint", "audit"]) == 3
    audit: dict[str, Any] = json.loads(told.getvalue())
    return audit


def test_every_leftover_has_its_verdict_owner_and_risk(found) -> None:
    assert found["unread"] == []
    told: dict[str, set[tuple[str, str, str]]] = {}
    for one in found["findings"]:
        key = one["vm"] or one["name"]
        told.setdefault(key, set()).add((one["verdict"], one["rule"], one["owner"]["name"]))
    wanted = {
        plant.vm: {(plant.expects.verdict, plant.expects.rule, plant.expects.owner)}
        for plant in MONDAY_MORNING.plants
    }
    wanted |= {
        f"{stray.folder}\\{stray.name}": {
            (stray.expects.verdict, stray.expects.rule, stray.expects.owner)
        }
        for stray in MONDAY_MORNING.strays
        if stray.expects is not None
    }
    assert told == wanted
    risks = {one["vm"]: one["risk"]["level"] for one in found["findings"]}
    for plant in MONDAY_MORNING.plants:
        if plant.expects.risk:
            assert risks[plant.vm] == plant.expects.risk, plant.vm


def test_ages_nodes_and_sizes_are_those_of_the_lab(lab, found) -> None:
    for plant in MONDAY_MORNING.plants:
        vm = lab.operations.vm(plant.vm)
        for one in (f for f in found["findings"] if f["vm"] == plant.vm):
            assert one["node"] == vm.node
            assert abs(one["age_seconds"] - plant.age.total_seconds()) < 3600
            assert one["chain_depth"] == 1
            files = [Path(disk.file) for disk in vm.disks]
            size = sum(f.stat().st_size for f in files if f.suffix == ".avhdx")
            parts = [f for f in found["findings"] if f["vm"] == plant.vm]
            assert sum(p["reclaimable_bytes"] for p in parts) == size


def test_nothing_of_it_may_be_cleaned_and_nothing_is_touched(lab, capsys) -> None:
    before = [(c.guid, c.name) for c in lab.operations.checkpoints()]
    code = main(["-e", str(lab.estate), "checkpoint", "clean", "--apply"])

    said = capsys.readouterr()
    assert "nothing that may be cleaned" in said.err
    assert code == 0
    assert [(c.guid, c.name) for c in lab.operations.checkpoints()] == before


def test_the_table_says_the_worst_first_and_the_next_safe_step(lab, capsys) -> None:
    """And exit code 3 is for the verdicts that are asked for only."""
    code = main(["-e", str(lab.estate), "checkpoint", "audit", "--fail-on", "foreign"])

    assert code == 0
    said = capsys.readouterr()
    verdicts = [w for w in said.out.split() if w in {"merge-failed", "lingering", "steady-state"}]
    assert verdicts == sorted(verdicts, key=["merge-failed", "lingering", "steady-state"].index)
    assert "12 VMs on 4 nodes, 7 checkpoints" in said.err
    assert lab.password not in said.out + said.err


def test_a_scenario_needs_its_structure(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs vms=12, not 3"):
        Lab.start(tmp_path, scenario="monday-morning", vms=3)
    with pytest.raises(UsageError, match="scenario"):
        Lab.start(tmp_path, scenario="friday")
