"""Chaos on a lab: real processes, real servers, real disks, and `kill -9` for each of them.

One estate with three jobs: our own engine, Veeam and Commvault, through their drivers and over
sockets, on the same hosts. Commands of safepoint run as processes of their own and are killed at
random moments; so is the lab, with all its hosts and both products. Meanwhile a watcher looks at
the lab's own truth, not through safepoint.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from safepoint.errors import SafepointError
from safepoint_lab.chaos.ending import Ending
from safepoint_lab.chaos.estates import ENGINES, structure, write_estate
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.staff import Command, Staff
from safepoint_lab.chaos.watch import Watch
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.catalogue import every_fault
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, is_running, start_lab

__all__ = ["SiteChaos"]

ChoiceT = TypeVar("ChoiceT")

#: A VM that is removed for good is another story; a host that stays silent only costs time; a job
#: that ends with a word nobody knows is followed for a quarter of an hour; the planted checkpoint
#: is a deed of its own; replicas and restores are not in these estates.
_LEFT_OUT: Final = frozenset(
    {
        "vm-removed",
        "stall",
        "foreign-recovery-checkpoint",
        "commvault-unknown-status",
        "veeam-restore-fails",
        "commvault-restore-fails",
    }
)
_FOREIGN: Final = {
    "Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)": "product",
    "Bareos JobId 4711": "product",
    "safepoint nightly (0123456789abcdef)": "other-journal",
}
_LOOK_SECONDS: Final = 0.05
_START_SECONDS: Final = 120.0
_DEADLINES: Final = ("--checkpoint-deadline", "10", "--merge-deadline", "20")


class SiteChaos:
    """Tells one story by its seed; how the threads of the machine run is not in the seed.

    Args:
        seed: Decides what happens, and when as far as that can be decided.
        steps: How many things happen.
    """

    def __init__(self, seed: int, steps: int = 8) -> None:
        self._random = random.Random(f"site/{seed}")  # noqa: S311 - a story to be told again
        self._steps = steps
        self.story = Story(seed)
        self._root = Path(tempfile.mkdtemp(prefix="safepoint-chaos-"))
        self._folder = LabFolder.at(self._root / "lab")
        self._lab = LabClient(self._folder.root)
        self._staff = Staff(self.story, self._root, self._folder.root / "chaos.yaml")
        self._watch = Watch(self.story, self._lab, self._staff.home)
        faults = (one for one in every_fault() if one.name not in _LEFT_OUT)
        self._faults = tuple(one for one in faults if not one.name.startswith("replica-"))

    def run(self) -> Story:
        """Let everything happen, clean up as a person would, and return what was found."""
        start_lab(self._folder, structure(self._random), _START_SECONDS)
        vms = sorted(vm.name for vm in self._lab.vms())
        write_estate(self._random, self._folder.root, vms)
        self._watch.start()
        ending = Ending(self.story, self._lab, self._staff, self._watch, self._folder)
        try:
            declared = self._staff.do("apply", "--auto-approve")
            detail = declared.said[-400:]
            self.story.check("the estate applies", holds=declared.exit_code == 0, detail=detail)
            for _ in range(self._steps):
                self._choice(self._deeds())()
            self._clear()
            ending.come()
        finally:
            self._watch.stop()
            self.story.counts["look at the lab's truth"] = self._watch.looks
            with contextlib.suppress(SafepointError):
                end_lab(self._folder)
            shutil.rmtree(self._root, ignore_errors=True)
        return self.story

    # -- what happens -----------------------------------------------------------------------------

    def _deeds(self) -> list[Callable[[], None]]:
        ours = [self._a_killed_run, self._a_killed_run, self._two_runs, self._a_killed_apply]
        by_hand = [self._a_sweep, self._a_clean_up, self._a_checkpoint_by_hand]
        wrong = [self._a_run_through_faults, self._a_run_through_faults, self._a_wrong_clock]
        world = [self._a_move_under_way, self._a_node_dies, self._the_lab_is_killed]
        others = [self._another_product, self._a_product_leaves_its_checkpoint]
        return [*ours, *by_hand, *wrong, *world, *others]

    def _a_killed_run(self) -> None:
        process = self._a_run()
        process.join(self._random.uniform(0.1, 4.0))
        self._staff.kill(process, "run")

    def _two_runs(self) -> None:
        both = [self._a_run(), self._a_run()]
        if self._random.random() < 0.5:
            both[0].join(self._random.uniform(0.1, 3.0))
            self._staff.kill(both[0], "one of two runs")
        self._staff.wait(*both)

    def _a_killed_apply(self) -> None:
        """Somebody disables nothing and changes nothing; still it looks, and may write again."""
        process = self._staff.start("apply", "--auto-approve")
        process.join(self._random.uniform(0.1, 3.0))
        self._staff.kill(process, "apply")

    def _a_run_through_faults(self) -> None:
        for _ in range(self._random.randint(1, 3)):
            fault = self._choice(self._faults)
            skip = self._random.randint(0, 4)
            self.story.did("fault", fault.name)
            with contextlib.suppress(SafepointError):
                node = (
                    self._choice(self._nodes())
                    if fault.lasting and _strikes_hosts(fault.name)
                    else ""
                )
                self._lab.arm_fault(fault.name, node=node, times=1, skip=skip)
        process = self._a_run()
        process.join(self._random.uniform(1.0, 5.0))
        self._clear()
        if self._random.random() < 0.3:
            self._staff.kill(process, "run through faults")
        self._staff.wait(process)

    def _a_wrong_clock(self) -> None:
        """The clock of the machine jumps between two commands, back or forth."""
        seconds = self._choice((-7200.0, -90.0, 90.0, 7200.0))
        self.story.did("clock jump", f"{seconds:+.0f} s")
        self._staff.wait(self._a_run(clock_is_off_seconds=seconds))

    def _a_move_under_way(self) -> None:
        process = self._a_run()
        for _ in range(3):
            process.join(self._random.uniform(0.05, 0.8))
            with contextlib.suppress(SafepointError):
                vm = self._choice(self._lab.vms())
                self.story.did("move", f"{vm.name} to {self._lab.migrate(vm.name)}")
        self._staff.wait(process)

    def _a_node_dies(self) -> None:
        process = self._a_run()
        process.join(self._random.uniform(0.1, 2.0))
        node = self._choice(self._nodes())
        self.story.did("death of a node", node)
        self._lab.fail_node(node)
        process.join(self._random.uniform(0.1, 1.0))
        self._lab.restore_node(node)
        self._staff.wait(process)

    def _the_lab_is_killed(self) -> None:
        process = self._a_run()
        process.join(self._random.uniform(0.1, 3.0))
        os.kill(self._lab.status().pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        self.story.did("kill", "the lab with all its hosts and products")
        while is_running(self._folder):
            time.sleep(_LOOK_SECONDS)
        start_lab(self._folder, {}, _START_SECONDS)
        self._staff.wait(process)

    def _another_product(self) -> None:
        name = self._choice(sorted(_FOREIGN))
        vm = self._choice(self._lab.vms()).name
        before = {one.guid for one in self._lab.checkpoints()}
        self._lab.arm_fault("foreign-recovery-checkpoint", vm=vm, parameters={"name": name})
        made = [
            one for one in self._lab.checkpoints() if one.guid not in before and one.name == name
        ]
        self._watch.planted |= {one.guid: _FOREIGN[name] for one in made}
        self.story.did("checkpoint of another", f"{name} on {vm}")

    def _a_product_leaves_its_checkpoint(self) -> None:
        engine = self._choice(("veeam", "commvault"))
        self.story.did("checkpoint that a product leaves", engine)
        self._lab.arm_fault(f"{engine}-leaves-checkpoint")
        self._staff.wait(self._staff.start("run", engine, *_DEADLINES))

    def _a_checkpoint_by_hand(self) -> None:
        vm = self._choice(self._lab.vms()).name
        process = self._staff.start("checkpoint", "create", vm, "--expires", "1s")
        self._perhaps_kill(process, "checkpoint by hand")

    def _a_sweep(self) -> None:
        self._perhaps_kill(self._staff.start("doctor", "--fix", *_DEADLINES), "sweep")

    def _a_clean_up(self) -> None:
        words = ("--apply", "--delete-deadline", "10", "--merge-deadline", "20")
        self._perhaps_kill(self._staff.start("checkpoint", "clean", *words), "clean-up")

    # -- small things -----------------------------------------------------------------------------

    def _a_run(self, *, clock_is_off_seconds: float = 0.0) -> Command:
        words = ("run", self._choice(list(ENGINES)), *_DEADLINES)
        return self._staff.start(*words, clock_is_off_seconds=clock_is_off_seconds)

    def _perhaps_kill(self, process: Command, what: str) -> None:
        if self._random.random() < 0.5:
            process.join(self._random.uniform(0.1, 2.5))
            self._staff.kill(process, what)
        self._staff.wait(process)

    def _clear(self) -> None:
        with contextlib.suppress(SafepointError):
            self._lab.clear_fault()
            for node in self._nodes():
                self._lab.restore_node(node)

    def _nodes(self) -> list[str]:
        return [node.name for node in self._lab.status().nodes]

    def _choice(self, among: Sequence[ChoiceT]) -> ChoiceT:
        return self._random.choice(among)


def _strikes_hosts(fault: str) -> bool:
    return not fault.startswith(("veeam-", "commvault-"))
