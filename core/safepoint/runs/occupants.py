"""Which products work on a VM right now, by their own word."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from safepoint.drivers import CanRunJobs
from safepoint.errors import SafepointError
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunQuery
from safepoint.models.workloads import Workload

__all__ = ["Occupants", "Occupation"]

#: How long a listing of active runs is believed.
FRESH_SECONDS = 5.0
#: More than any product works on at once: a run that is left out would keep nobody from its VMs.
_ACTIVE_RUNS = 1000


@dataclass(frozen=True)
class Occupation:
    """A product's run that works on a VM or is about to."""

    connection: str
    run: Run

    @property
    def text(self) -> str:
        """Say it in one line."""
        word = self.run.native_state or self.run.state
        return f"run {self.run.id} of job {self.run.job!r} on {self.connection!r} ({word})"


@dataclass
class Occupants:
    """Asks every product of the estate that runs jobs itself.

    Costs one listing of active runs with their VMs for each product, at most every few seconds.
    A product that cannot be asked is told about once and does not keep others from working: its
    checkpoints are still seen on the hosts.

    Args:
        products: By connection.
        selects: Tells whether a job of a connection means a VM, for runs that do not name their
            VMs yet.
        say: Told which product cannot be asked.
        monotonic: A clock that never goes back.
    """

    products: Mapping[str, CanRunJobs]
    selects: Callable[[str, str, Workload], bool]
    say: Callable[[str], None]
    monotonic: Callable[[], float]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _looked_at: float | None = None
    _active: tuple[Occupation, ...] = ()
    _silent: set[str] = field(default_factory=set)

    def of(self, workload: Workload, *, but: frozenset[Ref] = frozenset()) -> Occupation | None:
        """Return a product's run that works on the VM, other than those named."""
        for one in self._listed():
            if one.run.ref not in but and self._is_on(one, workload):
                return one
        return None

    def _is_on(self, one: Occupation, workload: Workload) -> bool:
        if one.run.tasks:
            return any(
                task.workload == workload.ref and not task.state.is_final for task in one.run.tasks
            )
        return self.selects(one.connection, one.run.job, workload)

    def _listed(self) -> tuple[Occupation, ...]:
        with self._lock:
            now = self.monotonic()
            if self._looked_at is None or now - self._looked_at >= FRESH_SECONDS:
                self._active = tuple(self._look())
                self._looked_at = now
            return self._active

    def _look(self) -> list[Occupation]:
        found: list[Occupation] = []
        query = RunQuery(only_active=True, with_tasks=True, limit=_ACTIVE_RUNS)
        for name, product in self.products.items():
            try:
                found += [Occupation(name, run) for run in product.runs(query)]
            except SafepointError as error:
                if name not in self._silent:
                    self._silent.add(name)
                    self.say(
                        f"cannot see whether {name!r} works on the VMs: {error.message}; "
                        "its checkpoints are still looked for on the hosts"
                    )
        return found
