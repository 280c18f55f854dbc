"""The demo is the README's first command: it must end well, quickly, and leave nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_the_demo_tells_the_truth_and_cleans_up(tmp_path: Path) -> None:
    """Every promise of its closing table holds; no folder, no process, no checkpoint is left."""
    done = subprocess.run(
        [sys.executable, "-m", "safepoint", "demo", "-o", "json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)

    assert facts["checkpoints_left"] == 0
    assert facts["crash"]["left"] >= 1
    assert facts["restore"]["differing_cells"] == 0
    assert facts["patch"]["broken_files"] > 0
    assert facts["patch"]["reverted_version"] == facts["patch"]["version"]
    tasks = facts["run"]["tasks"]
    assert len(tasks) == 6
    assert all(t["is_released"] and t["is_verified"] and t["point"] for t in tasks)
    assert facts["veeam"]["released"] == facts["veeam"]["protected"] == 6
    assert {"spec.rpo", "spec.verify"} <= set(facts["veeam"]["not_exact"])
    # The VM that Veeam restored is one of the cluster by then.
    assert facts["commvault"]["released"] == facts["commvault"]["protected"] == 7
    for product in ("veeam", "commvault"):
        assert facts[product]["made"]
        assert facts[product]["differing_cells"] == 0
        held = facts[product]["held_seconds"]
        assert held is None or held > 0  # one that was too short to be seen is not told
    replica = facts["replica"]
    ways = {(one["from"], one["to"]) for one in replica["pairs"]}
    assert ways == {("clu1", "clu-dr"), ("clu-dr", "hvt01")}
    drill = replica["drill"]
    assert drill["good"]
    assert [one["vm"] for one in drill["vms"]] == ["sql01", "web01"]
    assert all(one["has_booted"] and one["is_consistent"] for one in drill["vms"])
    assert drill["rto_seconds"] > 0
    assert drill["rpo_seconds"] > 0
    assert "== A worker dies" in done.stderr
    assert "== The same estate, through Veeam" in done.stderr
    assert "== The same estate, through Commvault" in done.stderr
    assert "== A second site, a third one, and a drill" in done.stderr
    assert not [p for p in Path(tmp_path).iterdir() if p.name.startswith("safepoint-demo-")]
