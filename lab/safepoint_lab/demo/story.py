"""The story, act by act. Every figure in it is measured; nothing is told that did not happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from safepoint.errors import RunFailedError
from safepoint_lab.daemon import LabClient
from safepoint_lab.demo.shell import Shell
from safepoint_lab.demo.stage import Act, Stage

__all__ = ["Story"]

PATCHED = "sql01"
DAMAGED = "file01"
JOB = "everything"


@dataclass
class Story:
    """Plays the acts on a running lab and keeps the facts.

    Args:
        lab: The lab.
        shell: The command line on the lab's estate.
        say: Tells one line to whoever watches.
        acts: What is played after the story of Hyper-V itself.
    """

    lab: LabClient
    shell: Shell
    say: Callable[[str], None]
    acts: Sequence[Act] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def play(self) -> dict[str, Any]:
        """Play every act and return the facts.

        Raises:
            RunFailedError: something did not happen as it must; the line says what.
        """
        self._set_the_scene()
        self._undo_a_bad_patch()
        self._lose_a_worker()
        self._protect()
        self._verify()
        self._restore_a_damaged_vm()
        self._look_around()
        for act in self.acts:
            self.facts[act.name] = act.play(Stage(self.lab, self.shell, self.say))
        self.facts["seconds"] = round(time.monotonic() - self._began, 1)
        return self.facts

    def _set_the_scene(self) -> None:
        status = self.lab.status()
        self._act("The estate")
        vms = self.lab.vms()
        names = ", ".join(vm.name for vm in vms)
        here = [node for node in status.nodes if node.cluster == vms[0].cluster]
        self.say(f"One failover cluster, {len(here)} nodes, {len(vms)} running VMs: {names}.")
        self.say(
            "A second cluster and a single host elsewhere are empty: they get replicas later."
        )
        self.say(f"Their disks are real VHDX files on an SMB share ({status.shares}).")
        doctor = self.shell.safepoint("doctor")
        self._must(not doctor["items"], f"the doctor finds something: {doctor['items']}")
        self.say(
            "safepoint doctor: every node answers, every share is readable, nothing is left over."
        )
        self.facts["vms"] = [vm.name for vm in vms]

    def _undo_a_bad_patch(self) -> None:
        self._act("A patch goes wrong")
        before = self.lab.inspect(PATCHED)
        self.shell.safepoint(
            "checkpoint", "create", PATCHED, "--name", "before-patch", "--expires", "4h"
        )
        self.say(
            f"{PATCHED} runs version {before.version}. A production checkpoint is taken first."
        )
        self.lab.patch(PATCHED)
        broken = self.lab.inspect(PATCHED)
        self._must(bool(broken.broken_files), "the bad patch broke nothing")
        self.say(
            f"The patch installs {broken.version} and breaks {len(broken.broken_files)} files."
        )
        self.shell.safepoint(
            "checkpoint", "revert", PATCHED, "before-patch", "--stop", "--yes", PATCHED
        )
        after = self.lab.inspect(PATCHED)
        self._must(not after.broken_files, f"{PATCHED} is still broken")
        self._must(after.version == before.version, f"{PATCHED} has version {after.version}")
        self.shell.safepoint("checkpoint", "delete", PATCHED, "before-patch")
        self._must(not self.lab.checkpoints(PATCHED), "the checkpoint is still there")
        self.say(
            f"Reverted: version {after.version}, all files sound; checkpoint deleted and merged."
        )
        self.facts["patch"] = {
            "vm": PATCHED,
            "version": before.version,
            "patched_version": broken.version,
            "broken_files": len(broken.broken_files),
            "reverted_version": after.version,
        }

    def _lose_a_worker(self) -> None:
        self._act("A worker dies")
        line = self.shell.killed("run", JOB, when=lambda said: said.strip().endswith("copying"))
        left = self.lab.checkpoints()
        self.say(f"A backup run is killed (kill -9) in the middle: {line}.")
        self.say(f"It leaves {len(left)} checkpoint(s) behind, growing with every write.")
        self._must(bool(left), "the killed run left nothing to show")
        began = time.monotonic()
        self.shell.safepoint("doctor", "--fix")
        self._must(self.lab.wait_merged(timeout_seconds=20), "a merge is not done")
        remaining = self.lab.checkpoints()
        self._must(not remaining, f"{len(remaining)} checkpoint(s) remain")
        took = round(time.monotonic() - began, 1)
        self.say(f"safepoint doctor --fix: every one released and merged, in {took} s.")
        self.facts["crash"] = {"killed_while": line, "left": len(left), "recovery_seconds": took}

    def _protect(self) -> None:
        self._act("The nightly run")
        run = self.shell.safepoint("run", JOB)
        self.facts["run"] = run
        tasks = run["tasks"]
        good = [task for task in tasks if task["state"] == "succeeded"]
        self._must(len(good) == len(tasks), f"{len(tasks) - len(good)} VM(s) failed")
        self.say(f"{len(good)} VMs: checkpoint, copy, verify, release, merge proved, recorded.")

    def _verify(self) -> None:
        checked = self.shell.safepoint("points", "verify")
        self._must(not checked["findings"], f"damage was found: {checked['findings']}")
        self.say(
            f"safepoint points verify: {checked['checked']} restore points read back, all good."
        )
        self.facts["verified_points"] = checked["checked"]

    def _restore_a_damaged_vm(self) -> None:
        self._act("A disk is ruined")
        task = next(t for t in self.facts["run"]["tasks"] if t["workload_name"] == DAMAGED)
        self.lab.damage(DAMAGED)
        ruined = self.lab.inspect(DAMAGED)
        self.say(f"The data of {DAMAGED} is overwritten: its application file is {ruined.bank}.")
        began = time.monotonic()
        point = task["point"]["id"]
        self.shell.safepoint(
            "restore", DAMAGED, "--point", point, "--in-place", "--stop", "--yes", DAMAGED
        )
        took = round(time.monotonic() - began, 1)
        differences = self.lab.compare_vm(self._frozen_by(task), DAMAGED)
        wrong = sum(len(cells) for cells in differences.values())
        self._must(wrong == 0, f"{wrong} MiB of {DAMAGED} differ from what was frozen")
        self.say(f"Restored in place from {point} in {took} s.")
        self.say("Compared with the lab's own record of what was frozen: every byte is the same.")
        self.lab.power(DAMAGED, "start")
        healthy = self.lab.inspect(DAMAGED)
        self._must(not healthy.problem, f"{DAMAGED} is not healthy: {healthy.problem}")
        self.say(f"{DAMAGED} runs again; its application is at transaction {healthy.transaction}.")
        self.facts["restore"] = {
            "vm": DAMAGED,
            "point": point,
            "seconds": took,
            "differing_cells": wrong,
            "disks_compared": len(differences),
        }

    def _look_around(self) -> None:
        left = self.lab.checkpoints()
        self._must(not left, f"{len(left)} checkpoint(s) are left")
        self.facts["checkpoints_left"] = len(left)

    def _frozen_by(self, task: dict[str, Any]) -> str:
        """Return the checkpoint that a task's point was copied from, by the lab's own list."""
        tag = self._tag_of(task)
        for truth in self.lab.truths(task["workload_name"]):
            if tag in truth.name:
                return truth.checkpoint
        msg = f"the lab knows no checkpoint with tag {tag}"
        raise RunFailedError(msg)

    def _tag_of(self, task: dict[str, Any]) -> str:
        shown = self.shell.safepoint("runs", "show", task["run"])
        tags = [
            step["tag"] for step in shown["checkpoints"] if step["vm"] == task["workload_name"]
        ]
        return str(tags[-1])

    def _act(self, title: str) -> None:
        self.say("")
        self.say(f"== {title}")

    @staticmethod
    def _must(truth: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion in words
        if not truth:
            msg = f"the demo stops: {otherwise}"
            raise RunFailedError(msg, hint="Run it with --keep and look at what is left.")
