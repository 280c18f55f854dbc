"""Whether a VM may be worked on now: what is refused, and who is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from safepoint.errors import BusyError, ConflictError
from safepoint.models.runs import Task
from safepoint.models.workloads import Activity, PowerState, Workload
from safepoint.runs.crew import Crew
from safepoint.runs.finding import age_text, foreign_backups
from safepoint.runs.progress import ProgressSink
from safepoint.runs.replicated import refuse_checkpoint_on_replica

__all__ = ["Admission", "refuse_foreign"]

_IDLE_SECONDS: Final = 60.0
"""How long a host may finish what it does with a VM, such as a merge."""


@dataclass(frozen=True)
class Admission:
    """Looks at a VM before anything is begun. One instance serves many threads.

    Args:
        crew: Whose driver looks.
        sink: Told who is waited for.
        occupied: Says which product works on the VM now, by its own word; empty when none does.
        wait_seconds: How long to wait for such a product; 0 refuses the VM at once. A host is
            given a minute at least, because its merges end by themselves.
        check: Raises when the run was cancelled meanwhile.
    """

    crew: Crew
    sink: ProgressSink
    occupied: Callable[[Workload], str]
    wait_seconds: float
    check: Callable[[], None]

    def look(self, task: Task) -> Workload:
        """Look at the VM as it is now.

        Raises:
            ConflictError: it is a replica, or has lost its storage.
        """
        workload = self.crew.look_at(task.workload)
        refuse_checkpoint_on_replica(workload)
        if workload.power is PowerState.CRITICAL:
            msg = f"VM {workload.name} lost its storage ({workload.native_state})"
            raise ConflictError(msg, hint="Bring its share back first.")
        return workload

    def await_turn(self, task: Task, workload: Workload) -> Workload:
        """Wait until no product and no host works on the VM, and return it as it is then.

        The product is asked first: what the host does is mostly its doing, and only its own word
        names the job.

        Raises:
            BusyError: somebody still does.
        """
        seen: list[str] = []

        def is_free() -> bool | None:
            self.check()
            text = self.occupied(workload)
            if not text:
                return True
            if not seen and self.wait_seconds:
                self.sink.remark(task, f"waits for {text}")
            seen.append(text)
            return None

        if not self.crew.waiter.until(is_free, deadline_seconds=self.wait_seconds):
            msg = f"VM {workload.name} is being worked on by {seen[-1]}"
            raise BusyError(msg, hint="Run the job again when that has ended, or give --wait.")
        # One that has just ended may still have its checkpoint merged.
        return self._await_idle(task, self.crew.look_at(workload.ref) if seen else workload)

    def _await_idle(self, task: Task, workload: Workload) -> Workload:
        if workload.activity is Activity.NONE:
            return workload
        self.sink.remark(task, f"waits for {workload.node}: {workload.activity}")
        last = workload

        def is_idle() -> bool | None:
            nonlocal last
            self.check()
            last = self.crew.look_at(workload.ref)
            return last.activity is Activity.NONE or None

        patience_seconds = max(_IDLE_SECONDS, self.wait_seconds)
        if not self.crew.waiter.until(is_idle, deadline_seconds=patience_seconds):
            msg = f"VM {last.name} on {last.node} is busy: {last.activity}"
            hint = "Run the job again when that has ended, or give a longer --wait."
            raise BusyError(msg, hint=hint)
        return last


def refuse_foreign(crew: Crew, workload: Workload) -> None:
    """Refuse a VM that another product holds; looked at last, after any wait for a place.

    Raises:
        ConflictError: it has a backup checkpoint that is not ours.
    """
    present = crew.checkpoints_of(workload.ref)
    own = (r.native.id for r in crew.store.checkpoints.open(workload.ref) if r.native)
    foreign = foreign_backups(present, own)
    if foreign:
        now = crew.store.clock()
        ages = ", ".join(f"{c.name!r} ({age_text(c, now)} old)" for c in foreign)
        msg = f"VM {workload.name} has a backup checkpoint that is not ours: {ages}"
        hint = "Its owner's job may be running; `safepoint checkpoint audit` says whose it is."
        raise ConflictError(msg, hint=hint)
