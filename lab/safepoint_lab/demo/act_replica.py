"""Two more sites: primary, secondary and third copy from one document, and a drill of a group."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from safepoint_lab.demo.shell import Shell
from safepoint_lab.demo.stage import Act, Stage

__all__ = ["REPLICA_ACT"]

_CONNECTION: Final = "hyperv"
_GROUP: Final = "shop"


def _play(stage: Stage) -> dict[str, Any]:
    stage.act("A second site, a third one, and a drill")
    began = time.monotonic()
    shell = Shell(stage.shell.home, Path(stage.lab.status().estate))
    applied = _set_up(stage, shell)
    pairs = _look(stage, shell)
    drill = _drill(stage, shell)
    return {
        "applied": applied,
        "pairs": pairs,
        "drill": drill,
        "seconds": round(time.monotonic() - began, 1),
    }


def _set_up(stage: Stage, shell: Shell) -> list[str]:
    report = shell.safepoint("apply", "--connection", _CONNECTION, "--auto-approve")
    made = [step["address"] for step in report["steps"]]
    relations = [address for address in made if address.startswith(("replica/", "replica-third/"))]
    stage.must(bool(relations), "nothing was replicated")
    stage.say(
        f"safepoint apply: {len(made)} changes: replica servers and permissions on three sites, "
        "then primary → secondary, then secondary → third copy."
    )
    return made


def _look(stage: Stage, shell: Shell) -> list[dict[str, Any]]:
    status = shell.safepoint("replica", "status")
    pairs = [
        {
            "vm": one["vm"],
            "from": one["primary"]["ref"]["system"],
            "to": one["replica"]["ref"]["system"],
            "every_seconds": one["primary"]["frequency_seconds"],
            "state": one["primary"]["state"],
        }
        for one in status["pairs"]
    ]
    bad = [one for one in pairs if one["state"] != "replicating"]
    stage.must(not bad, f"it does not replicate: {bad}")
    told = ", ".join(
        f"{one['vm']} {one['from']} → {one['to']} every {one['every_seconds']} s" for one in pairs
    )
    stage.say(f"safepoint replica status: {told}; nothing to do.")
    return pairs


def _drill(stage: Stage, shell: Shell) -> dict[str, Any]:
    before = {vm.name for vm in stage.lab.vms()}
    drill = shell.safepoint("replica", "drill", _GROUP)
    left = {vm.name for vm in stage.lab.vms()} - before
    stage.must(not left, f"the drill left {left}")
    for vm in drill["vms"]:
        stage.must(vm["good"], f"the drill of {vm['vm']} failed: {vm['problem']}")
        stage.must(vm["is_consistent"], f"nobody looked into {vm['vm']}")
        stage.say(
            f"safepoint replica drill: {vm['vm']} from a state {vm['rpo_seconds']:.1f} s old (RPO), "
            f"booted after {vm['rto_seconds']:.1f} s (RTO), its application file is sound, "
            "test VM deleted."
        )
    stage.say(
        f"The group {_GROUP}: RPO {drill['rpo_seconds']:.1f} s, RTO {drill['rto_seconds']:.1f} s; "
        "primaries and replication were not touched."
    )
    return drill


REPLICA_ACT = Act(name="replica", product="", play=_play)
"""For the list of acts."""
