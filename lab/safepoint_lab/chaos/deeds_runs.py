"""Runs of three engines, applies, sweeps, clean-ups, and checkpoints by hand."""

from __future__ import annotations

from collections.abc import Callable

from safepoint_lab.chaos.estates import ENGINES
from safepoint_lab.chaos.ground import DEADLINES, Ground, Work

__all__ = ["Runs"]


class Runs:
    """What a scheduler and an administrator do every day; each may be killed."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def deeds(self) -> list[Callable[[], None]]:
        """Return what may happen, the usual things more than once."""
        ours = [self.a_killed_run, self.a_killed_run, self.two_runs, self.a_killed_apply]
        return [*ours, self.a_sweep, self.a_clean_up, self.a_checkpoint_by_hand]

    def begin(self, engine: str = "") -> Work:
        """Begin a run of an engine's job; of any engine's when none is named."""
        chosen = engine or self._ground.choice(list(ENGINES))
        process = self._ground.staff.start("run", chosen, *DEADLINES, called=f"run of {chosen}")
        return Work("run", process)

    def a_killed_run(self) -> None:
        """Kill a run somewhere."""
        work = self.begin()
        self._ground.linger(work, 0.1, 4.0)
        self._ground.kill(work)

    def two_runs(self) -> None:
        """Let two run at once, and kill one of them perhaps."""
        both = [self.begin(), self.begin()]
        both[0].what = "one of two runs"
        if self._ground.chance():
            self._ground.linger(both[0], 0.1, 3.0)
            self._ground.kill(both.pop(0))
        self._ground.finish(*both)

    def a_killed_apply(self) -> None:
        """Somebody disables nothing and changes nothing; still it looks, and may write again."""
        work = Work("apply", self._ground.staff.start("apply", "--auto-approve"))
        self._ground.linger(work, 0.1, 3.0)
        self._ground.kill(work)

    def a_checkpoint_by_hand(self) -> None:
        """Make one that expires at once."""
        vm = self._ground.some_vm()
        if vm is None:
            return
        words = ("checkpoint", "create", vm.name, "--cluster", vm.cluster, "--expires", "1s")
        self._ground.perhaps_kill(Work("checkpoint by hand", self._ground.staff.start(*words)))

    def a_sweep(self) -> None:
        """Settle what the dead left."""
        process = self._ground.staff.start("doctor", "--fix", *DEADLINES)
        self._ground.perhaps_kill(Work("sweep", process))

    def a_clean_up(self) -> None:
        """Take away what has expired."""
        words = ("--apply", "--delete-deadline", "10", "--merge-deadline", "20")
        process = self._ground.staff.start("checkpoint", "clean", *words)
        self._ground.perhaps_kill(Work("clean-up", process))
