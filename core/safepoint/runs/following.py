"""Following a run that a product carries out: look, write down, show, until it has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from safepoint.drivers import CanRunJobs
from safepoint.errors import (
    NotFoundError,
    OutcomeUnknownError,
    RunTimedOutError,
    SafepointError,
    TransientError,
)
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunState, Task
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.pacing import Pause, Wishes
from safepoint.runs.progress import ProgressSink
from safepoint.runs.waiting import Waiter
from safepoint.runs.witness import Witness
from safepoint.store import Lease, Store

__all__ = ["Following", "Outcome", "Tools"]


@dataclass(frozen=True)
class Tools:
    """What it takes to have a product carry out a run."""

    store: Store
    executor: str
    connection: str
    product: CanRunJobs
    sink: ProgressSink
    say: Callable[[str], None]
    """Told what a person may want to know, in one line."""
    wishes: Wishes = field(default_factory=Wishes)
    deadlines: Deadlines = field(default_factory=Deadlines)
    waiter: Waiter = field(default_factory=Waiter)

    def pause(self) -> Pause:
        """Return pauses as somebody who watches wants them."""
        return Pause(self.waiter, self.wishes)


class Outcome(StrEnum):
    """Why following came to its end."""

    ENDED = "ended"
    LEFT = "left"
    """Somebody who watched left; the product goes on."""


class Following:
    """Follows one run. Every change is in the journal before it is shown.

    Args:
        tools: The product and the journal.
        run: The run as the journal has it.
        ref: The product's handle.
        lease: Proves before each write that no other process has taken the run over.
        witness: Looks at the hosts meanwhile.
        is_ours: Whether the wish to cancel means the product's run, or only our watching it.
    """

    def __init__(
        self,
        tools: Tools,
        run: Run,
        ref: Ref,
        lease: Lease,
        witness: Witness,
        *,
        is_ours: bool = True,
    ) -> None:
        self._tools = tools
        self._run = run
        self._ref = ref
        self._lease = lease
        self._witness = witness
        self._is_ours = is_ours
        self._tasks = {task.workload: task for task in run.tasks}
        self._told: set[Ref] = set()
        self._last: Run | None = None
        self._silent_since: float | None = None
        self._strange_since: float | None = None
        self._is_cancel_asked = False

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The VMs of the run as they are known now."""
        return tuple(self._tasks.values())

    @property
    def last(self) -> Run | None:
        """The product's run as it was seen last."""
        return self._last

    def until_ended(self) -> Outcome:
        """Look until the product's run has ended or somebody leaves.

        Raises:
            RunTimedOutError: it stood too long at a word that is not known, or was forgotten.
            TransientError: the product was out of reach for too long.
            DriverError: the product refuses to be asked.
            FencedError: another process has taken the run over.
        """
        pause = self._tools.pause()
        while True:
            self._pass_on_wishes()
            if self._tools.wishes.leave.is_set():
                return Outcome.LEFT
            seen = self._look()
            if seen is not None:
                if self.note(seen):
                    pause.shorten()
                if seen.state.is_final or self._is_oddly_over(seen):
                    return Outcome.ENDED
            self._witness.glance()
            if not pause.wait():
                return Outcome.LEFT

    @property
    def run_id(self) -> str:
        """The id of the run in the journal."""
        return self._run.id

    @property
    def has_told(self) -> bool:
        """True when the product's run told of any VM."""
        return bool(self._told)

    def has_seen(self, vm: Ref) -> bool:
        """Tell whether the product's run told of this VM."""
        return vm in self._told

    # --- looking --------------------------------------------------------------------------------

    def _look(self) -> Run | None:
        """Look once; None while the product is out of reach, for as long as that is borne."""
        try:
            (seen,) = self._tools.product.follow_runs((self._ref,))
        except TransientError as error:
            now = self._tools.waiter.monotonic()
            if self._silent_since is None:
                self._silent_since = now
                self._tools.say(f"{error.message}; the product goes on, looking again")
            if now - self._silent_since >= self._tools.deadlines.product_silence_seconds:
                raise
            return None
        if self._silent_since is not None:
            self._silent_since = None
            self._tools.say("the product answers again")
        return seen

    def _is_oddly_over(self, seen: Run) -> bool:
        """Tell whether it ended in a word that is not known; never follow one for ever.

        Raises:
            RunTimedOutError: it stood too long at such a word, and has no end.
        """
        if seen.state is not RunState.UNKNOWN:
            self._strange_since = None
            return False
        now = self._tools.waiter.monotonic()
        deadlines = self._tools.deadlines
        limit = (
            deadlines.product_odd_end_seconds
            if seen.is_over
            else deadlines.product_unknown_seconds
        )
        if self._strange_since is None:
            self._strange_since = now
            what = "taken for its end" if seen.is_over else "given up"
            self._tools.say(f"{_strange(seen)}; {what} after {limit:.0f} s of that")
        if now - self._strange_since < limit:
            return False
        if not seen.is_over:
            msg = f"run {self._run.id}: {_strange(seen)} for {limit:.0f} s"
            hint = (
                f"Look into the product. `safepoint runs follow {self._run.id}` looks again; "
                "nothing was cancelled."
            )
            raise RunTimedOutError(msg, hint=hint)
        return True

    # --- writing down ---------------------------------------------------------------------------

    def note(self, seen: Run) -> bool:
        """Write down what is new, show it, and tell whether anything was."""
        store = self._tools.store
        before, self._last = self._last, seen
        is_new = before is None or _facts(before) != _facts(seen)
        if is_new:
            store.leases.check(self._lease)
            store.product_runs.note(self._run.id, seen)
            if not seen.is_over:
                store.runs.set_state(self._run.id, seen.state)
        for theirs in seen.tasks:
            is_new = self._note_task(theirs) or is_new
        return is_new

    def _note_task(self, theirs: Task) -> bool:
        self._told.add(theirs.workload)
        known = self._tasks.get(theirs.workload)
        ident = known.id if known else f"{self._run.id}/{len(self._tasks):05d}"
        ours = theirs.model_copy(update={"id": ident, "run": self._run.id})
        if ours == known:
            return False
        if known is None and self._run.tasks:
            text = "is in the product's run, though the job does not select it"
            self._tools.sink.remark(ours, text)
        self._tasks[theirs.workload] = ours
        self._tools.store.runs.put_task(ours)
        self._tools.sink.task_changed(ours)
        return True

    # --- wishes ---------------------------------------------------------------------------------

    def _pass_on_wishes(self) -> None:
        wishes = self._tools.wishes
        if self._tools.store.runs.is_cancel_requested(self._run.id):
            wishes.cancel.set()
        if not wishes.cancel.is_set() or self._is_cancel_asked:
            return
        if not self._is_ours:
            wishes.leave.set()
            return
        self._tools.store.leases.check(self._lease)
        try:
            self._tools.product.cancel_run(self._ref, key=f"cancel {self._run.id}")
        except (TransientError, OutcomeUnknownError) as error:
            self._tools.say(f"{error.message}; asking again")
            return  # it is idempotent, and the next look asks again
        except NotFoundError:
            self._tools.say("the product does not know the run any more; nothing to cancel")
        except SafepointError as error:
            self._tools.say(f"the product does not cancel: {error.message}")
        self._is_cancel_asked = True


def _facts(run: Run) -> tuple[object, ...]:
    return (run.state, run.native_state, run.percent, run.message)


def _strange(run: Run) -> str:
    if run.native_state:
        return f"the product says {run.native_state!r}, which is not known"
    return "the product does not know the run any more"
