"""What every deed on a lab stands on: the lab, the staff, the watch, and the dice."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from safepoint.errors import SafepointError
from safepoint_lab.chaos.finding import Story
from safepoint_lab.chaos.staff import Command, Staff
from safepoint_lab.chaos.watch import Watch
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.views import VmView

__all__ = ["DEADLINES", "Ground", "Work"]

ChoiceT = TypeVar("ChoiceT")

#: So short that a story does not wait for what an armed fault keeps from coming.
DEADLINES = ("--checkpoint-deadline", "10", "--merge-deadline", "20")
_HALF = 0.5


@dataclass
class Work:
    """A command that was started, and who judges what became of it."""

    what: str
    process: Command
    judge: Callable[[int | None], None] = field(default=lambda _exit_code: None)
    """Is told how it ended; None when it was killed."""


@dataclass
class Ground:
    """Where a story happens.

    Attributes:
        random: Decides what happens.
        story: Where it is told.
        root: A folder of the story's own.
        folder: The lab's folder.
        lab: The lab, for its truth and its faults.
        staff: Starts and kills commands.
        watch: Looks at the lab's truth.
        vms: The names of the VMs that the estate protects.
        replicated: Those of them that have a replica on another site.
    """

    random: random.Random
    story: Story
    root: Path
    folder: LabFolder
    lab: LabClient
    staff: Staff
    watch: Watch
    vms: list[str] = field(default_factory=list)
    replicated: list[str] = field(default_factory=list)

    def choice(self, among: Sequence[ChoiceT]) -> ChoiceT:
        """Return one of these."""
        return self.random.choice(among)

    def chance(self, of: float = _HALF) -> bool:
        """Tell whether it happens this time."""
        return self.random.random() < of

    def linger(self, work: Work, least_seconds: float, most_seconds: float) -> None:
        """Let a command run for a while."""
        work.process.join(self.random.uniform(least_seconds, most_seconds))

    def kill(self, work: Work) -> None:
        """Kill a command, unless it has ended, and judge what is left."""
        was_alive = work.process.is_alive
        self.staff.kill(work.process, work.what)
        work.judge(None if was_alive else work.process.exit_code)

    def finish(self, *works: Work) -> None:
        """Wait until commands have ended, and judge what became of them."""
        self.staff.wait(*(work.process for work in works))
        for work in works:
            work.judge(work.process.exit_code)

    def perhaps_kill(self, work: Work) -> None:
        """Let it end, or not."""
        if self.chance():
            self.linger(work, 0.1, 2.5)
            self.kill(work)
        else:
            self.finish(work)

    def clear(self) -> None:
        """Let everything that was armed be over, and every node be there."""
        with contextlib.suppress(SafepointError):
            self.lab.clear_fault()
            for node in self.nodes():
                self.lab.restore_node(node)

    def nodes(self) -> list[str]:
        """Return the names of the nodes."""
        return [node.name for node in self.lab.status().nodes]

    def some_vm(self) -> VmView | None:
        """Return one of the protected VMs, on whichever site; None when all are gone."""
        known = [vm for vm in self.lab.vms() if vm.name in self.vms]
        return self.choice(known) if known else None

    def copies(self, name: str) -> Iterator[VmView]:
        """Yield a VM on each of its sites."""
        return (vm for vm in self.lab.vms() if vm.name == name)
