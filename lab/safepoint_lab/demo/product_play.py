"""The same job through another product: one line, plan, apply, run, proof, restore, comparison."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from safepoint_lab.demo.shell import Shell
from safepoint_lab.demo.stage import Stage

__all__ = ["ProductPlay"]

_JOB = "everything"


@dataclass(frozen=True)
class ProductPlay:
    """Plays the estate's job on one product and returns what was seen."""

    connection: str
    """The connection in the lab's estate; also the key of the facts."""
    title: str
    """The product's name for people."""
    applied: str
    """What `apply` makes there, in the product's own words."""

    def __call__(self, stage: Stage) -> dict[str, Any]:
        """Play it."""
        stage.act(f"The same estate, through {self.title}")
        began = time.monotonic()
        shell = stage.switched(
            self.connection, "connection: hyperv", f"connection: {self.connection}"
        )
        stage.say(f"One line of the job changes: connection: hyperv → {self.connection}.")
        declared = self._declare(stage, shell)
        tasks = self._protect(stage, shell)
        differing = self._restore(stage, shell, tasks[0]["workload_name"])
        held = [task["held_seconds"] for task in tasks if task["held_seconds"] is not None]
        return {
            **declared,
            "protected": len(tasks),
            "released": sum(task["is_released"] is True for task in tasks),
            "held_seconds": max(held, default=None),
            "differing_cells": differing,
            "seconds": round(time.monotonic() - began, 1),
        }

    def _declare(self, stage: Stage, shell: Shell) -> dict[str, Any]:
        plan = shell.safepoint("plan", "--connection", self.connection)
        made = [c["address"] for c in plan["changes"] if c["action"] == "create"]
        lost = [one for one in plan["losses"] if one["fidelity"] != "exact"]
        stage.must(bool(made), f"there is nothing to make in {self.title}")
        stage.say(
            f"safepoint plan: {len(made)} objects to make in {self.title}: {', '.join(made)}."
        )
        for one in lost:
            told = one["vendor_value"] or "nothing like it"
            stage.say(f"  not carried exactly: {one['field']}: {told} ({one['reason']})")
        shell.safepoint("apply", "--connection", self.connection, "--auto-approve")
        stage.say(f"safepoint apply: {self.applied}; looked again: nothing left to do.")
        return {"made": made, "not_exact": [one["field"] for one in lost]}

    def _protect(self, stage: Stage, shell: Shell) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = shell.safepoint("run", _JOB)["tasks"]
        kept = [task["workload_name"] for task in tasks if task["is_released"] is not True]
        stage.must(not kept, f"no proof that the checkpoints of {kept} are gone")
        stage.must(not stage.lab.checkpoints(), "checkpoints are left")
        stage.say(
            f"safepoint run: {self.title} backed up {len(tasks)} VMs; read on the hosts "
            "themselves, every checkpoint is gone and merged."
        )
        return tasks

    def _restore(self, stage: Stage, shell: Shell, vm: str) -> int:
        """Restore a VM under another name and compare it with what its checkpoint froze."""
        copy = f"{vm}-from-{self.connection}"
        frozen = max(stage.lab.truths(vm), key=lambda truth: truth.created_at)
        shell.safepoint("restore", vm, "--to-name", copy)
        differences = stage.lab.compare_vm(frozen.checkpoint, copy)
        wrong = sum(len(cells) for cells in differences.values())
        stage.must(wrong == 0, f"{wrong} MiB of {copy} differ from what was frozen")
        stage.say(f"safepoint restore: {vm} as {copy}; every byte is what the checkpoint froze.")
        return wrong
