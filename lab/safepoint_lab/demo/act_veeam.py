"""The same estate through Veeam: one line changes, and the checkpoints are proved gone again."""

from __future__ import annotations

import time
from typing import Any

from safepoint_lab.demo.stage import Act, Stage

__all__ = ["VEEAM_ACT"]

_JOB = "everything"


def _play(stage: Stage) -> dict[str, Any]:
    stage.act("The same estate, through Veeam")
    began = time.monotonic()
    shell = stage.switched("veeam", "connection: hyperv", "connection: veeam")
    stage.say("One line of the job changes: connection: hyperv → veeam.")
    plan = shell.safepoint("plan", "--connection", "veeam")
    made = [c["address"] for c in plan["changes"] if c["action"] == "create"]
    lost = [one for one in plan["losses"] if one["fidelity"] != "exact"]
    stage.must(bool(made), "there is nothing to make in Veeam")
    stage.say(f"safepoint plan: {len(made)} objects to make in Veeam: {', '.join(made)}.")
    for one in lost:
        told = one["vendor_value"] or "nothing like it"
        stage.say(f"  not carried exactly: {one['field']}: {told} ({one['reason']})")
    shell.safepoint("apply", "--connection", "veeam", "--auto-approve")
    stage.say(
        "safepoint apply: account, cluster, components on every node, job; looked again: nothing "
        "left to do."
    )
    run = shell.safepoint("run", _JOB)
    tasks = run["tasks"]
    kept = [task["workload_name"] for task in tasks if task["is_released"] is not True]
    stage.must(not kept, f"no proof that the checkpoints of {kept} are gone")
    stage.must(not stage.lab.checkpoints(), "checkpoints are left")
    took = round(time.monotonic() - began, 1)
    stage.say(
        f"safepoint run: Veeam backed up {len(tasks)} VMs; read on the hosts themselves, every "
        f"checkpoint is gone and merged ({took} s in all)."
    )
    return {
        "made": made,
        "not_exact": [one["field"] for one in lost],
        "protected": len(tasks),
        "released": len(tasks) - len(kept),
        "seconds": took,
    }


VEEAM_ACT = Act(name="veeam", product="veeam", play=_play)
"""For the list of acts."""
