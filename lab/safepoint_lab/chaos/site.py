"""Chaos on a lab: real processes, real servers, real disks, and `kill -9` for each of them.

One estate with three jobs: our own engine, Veeam and Commvault, through their drivers and over
sockets, on the same hosts; in every other story with a second site and replicas. Commands of
safepoint run as processes of their own and are killed at random moments; so is the lab, with all
its hosts and both products. Meanwhile a watcher looks at the lab's own truth, not through safepoint.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from safepoint.errors import SafepointError
from safepoint_lab.chaos.deeds_others import Others
from safepoint_lab.chaos.deeds_replicas import Replicas
from safepoint_lab.chaos.deeds_restores import Restores
from safepoint_lab.chaos.deeds_runs import Runs
from safepoint_lab.chaos.deeds_world import World, product_of
from safepoint_lab.chaos.ending import Ending
from safepoint_lab.chaos.estates import structure, write_estate
from safepoint_lab.chaos.faults import Dealer
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.ground import Ground, Work
from safepoint_lab.chaos.staff import Staff
from safepoint_lab.chaos.watch import Watch
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import end_lab, start_lab

__all__ = ["SiteChaos"]

_START_SECONDS: Final = 120.0


class SiteChaos:
    """Tells one story by its seed; how the threads of the machine run is not in the seed.

    Args:
        seed: Decides what happens, and when as far as that can be decided.
        steps: How many things happen.
        has_replicas: Whether there is a second site; by the seed when left out.
    """

    def __init__(self, seed: int, steps: int = 8, *, has_replicas: bool | None = None) -> None:
        self._steps = steps
        self.has_replicas = seed % 2 == 0 if has_replicas is None else has_replicas
        self.story = Story(seed)
        root = Path(tempfile.mkdtemp(prefix="safepoint-chaos-"))
        folder = LabFolder.at(root / "lab")
        lab = LabClient(folder.root)
        staff = Staff(self.story, root, folder.root / "chaos.yaml")
        self.ground = Ground(
            random=random.Random(f"site/{seed}"),  # noqa: S311 - a story to be told again
            story=self.story,
            root=root,
            folder=folder,
            lab=lab,
            staff=staff,
            watch=Watch(self.story, lab, staff.home),
        )
        dealer = Dealer(self.ground, seed, has_replicas=self.has_replicas)
        self.runs = Runs(self.ground)
        self.restores = Restores(self.ground)
        self.replicas = Replicas(self.ground)
        self.others = Others(self.ground, self.runs)
        self.world = World(self.ground, dealer, self.begin)

    def run(self) -> Story:
        """Let everything happen, clean up as a person would, and return what was found."""
        ground = self.ground
        try:
            self._open()
            declared = ground.staff.do("apply", "--auto-approve")
            detail = declared.said[-400:]
            self.story.check("the estate applies", holds=declared.exit_code == 0, detail=detail)
            for _ in range(self._steps):
                ground.choice(self.deeds())()
            ground.clear()
            Ending(ground, (self.replicas.settle, self.restores.settle)).come()
        finally:
            ground.watch.stop()
            self.story.counts["look at the lab's truth"] = ground.watch.looks
            with contextlib.suppress(SafepointError):
                end_lab(ground.folder)
            shutil.rmtree(ground.root, ignore_errors=True)
        return self.story

    def deeds(self) -> list[Callable[[], None]]:
        """Return what may happen next."""
        rooms = (self.runs, self.restores, self.replicas, self.others, self.world)
        return [deed for room in rooms for deed in room.deeds()]

    def begin(self, fault: str) -> Work:
        """Begin a command that suits a fault's name, or any when the name is empty."""
        product = product_of(fault)
        work: Work | None = None
        if fault.endswith("restore-fails") or (not fault and self.ground.chance(0.2)):
            work = self.restores.begin(product)
        elif fault.startswith("replica-") or (not product and self.ground.chance(0.25)):
            work = self.replicas.begin()
        return work or self.runs.begin(product)

    def _open(self) -> None:
        ground = self.ground
        choices = structure(ground.random, has_replicas=self.has_replicas)
        start_lab(ground.folder, choices, _START_SECONDS)
        ground.vms = sorted(vm.name for vm in ground.lab.vms())
        if self.has_replicas:
            ground.replicated = ground.random.sample(ground.vms, ground.choice((1, 1, 2)))
        write_estate(ground.random, ground.folder.root, ground.vms, ground.replicated)
        ground.watch.start()
