"""How long a checkpoint is held, against how long the copy of its bytes takes.

A backup product's first duty to a VM is to let go of it. Ideal is 1.0: held no longer than read.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from safepoint_lab.daemon.config import parse_size
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, start_lab


def run(estate: Path, home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "safepoint", "-e", str(estate), "-o", "json", "run", "everything"],
        env={**os.environ, "SAFEPOINT_HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    (task,) = json.loads(done.stdout)["tasks"]
    return task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--disk-size", default="2G")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = LabFolder.at(Path(tempfile.mkdtemp(prefix="safepoint-bench-")) / "lab")
    size = parse_size(chosen.disk_size)
    tasks: dict[str, list[dict[str, Any]]] = {"verified": [], "not verified": []}
    try:
        start_lab(folder, {"vms": 1, "nodes": 1, "disk_bytes": size, "smb": "path"}, 900.0)
        text = folder.estate.read_text("utf-8")
        quick = folder.root / "quick.yaml"
        quick.write_text(text.replace("  policy: gold\n", "  policy: gold\n  verify: false\n"))
        for number in range(chosen.rounds):
            for name, estate in (("verified", folder.estate), ("not verified", quick)):
                # A repository that knows nothing yet, so that every round copies in full.
                shutil.rmtree(folder.repository, ignore_errors=True)
                tasks[name].append(run(estate, folder.root / f"home{number}"))
    finally:
        end_lab(folder)
        shutil.rmtree(folder.root.parent, ignore_errors=True)
    report = {
        name: {
            "size_bytes": each[0]["size_bytes"],
            "copied_bytes": each[0]["read_bytes"],
            "copy_seconds": round(statistics.median(t["copy_seconds"] for t in each), 2),
            "held_seconds": round(statistics.median(t["held_seconds"] for t in each), 2),
            "merged_seconds": round(statistics.median(t["merged_seconds"] for t in each), 2),
            "held_by_copy": round(
                statistics.median(t["held_seconds"] / t["copy_seconds"] for t in each), 2
            ),
        }
        for name, each in tasks.items()
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
