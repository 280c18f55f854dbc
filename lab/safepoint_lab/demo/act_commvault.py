"""The same estate through Commvault: agents on every node, a run proved, a VM restored and compared."""

from __future__ import annotations

import time
from typing import Any

from safepoint_lab.demo.stage import Act, Stage

__all__ = ["COMMVAULT_ACT"]

_JOB = "everything"
_COPY = "restored-by-commvault"


def _play(stage: Stage) -> dict[str, Any]:
    stage.act("The same estate, through Commvault")
    began = time.monotonic()
    shell = stage.switched("commvault", "connection: hyperv", "connection: commvault")
    stage.say("One line of the job changes: connection: hyperv → commvault.")
    plan = shell.safepoint("plan", "--connection", "commvault")
    made = [c["address"] for c in plan["changes"] if c["action"] == "create"]
    lost = [one["field"] for one in plan["losses"] if one["fidelity"] != "exact"]
    stage.must(bool(made), "there is nothing to make in Commvault")
    stage.say(f"safepoint plan: {len(made)} objects to make in Commvault: {', '.join(made)}.")
    stage.say(f"  not carried exactly: {', '.join(lost)}.")
    shell.safepoint("apply", "--connection", "commvault", "--auto-approve")
    stage.say(
        "safepoint apply: the agent on every node, credential, cluster with all nodes as access "
        "nodes, plan, VM group; looked again: nothing left to do."
    )
    tasks = shell.safepoint("run", _JOB)["tasks"]
    kept = [task["workload_name"] for task in tasks if task["is_released"] is not True]
    stage.must(not kept, f"no proof that the checkpoints of {kept} are gone")
    stage.must(not stage.lab.checkpoints(), "checkpoints are left")
    stage.say(
        f"safepoint run: Commvault backed up {len(tasks)} VMs; read on the hosts themselves, every "
        "checkpoint is gone and merged."
    )
    differing = _restore(stage, shell, tasks[0]["workload_name"])
    return {
        "made": made,
        "not_exact": lost,
        "protected": len(tasks),
        "released": len(tasks) - len(kept),
        "differing_cells": differing,
        "seconds": round(time.monotonic() - began, 1),
    }


def _restore(stage: Stage, shell: Any, vm: str) -> int:
    """Restore a VM under another name and compare it with what its checkpoint froze."""
    frozen = max(stage.lab.truths(vm), key=lambda truth: truth.created_at)
    shell.safepoint("restore", vm, "--to-name", _COPY)
    differences = stage.lab.compare_vm(frozen.checkpoint, _COPY)
    wrong = sum(len(cells) for cells in differences.values())
    stage.must(wrong == 0, f"{wrong} MiB of {_COPY} differ from what was frozen")
    stage.say(f"safepoint restore: {vm} as {_COPY}; every byte is what the checkpoint froze.")
    return wrong


COMMVAULT_ACT = Act(name="commvault", product="commvault", play=_play)
"""For the list of acts."""
