"""What the hosts show of a run that another product carries out: the truth about its checkpoints.

A product's word that it is done says nothing about its checkpoint. So the hosts are looked at
before the run, now and then while it goes on, and after it until every VM is back on its own
files, or until it took too long. A VM that could not be looked at is never called released.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from safepoint.drivers import CanCheckpoint
from safepoint.errors import NotFoundError, SafepointError, TransientError
from safepoint.models.checkpoints import (
    Checkpoint,
    CheckpointKind,
    CheckpointQuery,
    MergeState,
    MergeStatus,
)
from safepoint.models.leftovers import Leftover, LeftoverKind
from safepoint.models.refs import Ref
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.finding import CLOCK_MARGIN
from safepoint.runs.pacing import Pause
from safepoint.runs.waiting import Waiter
from safepoint.store import Store

__all__ = ["Suspect", "Verdict", "Witness"]

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0


@dataclass(frozen=True)
class Suspect:
    """Whose run it is that is looked at, for the evidence."""

    job: str
    run: str
    connection: str
    began_at: datetime


@dataclass(frozen=True)
class Verdict:
    """What the hosts show of one VM after a run."""

    is_released: bool | None
    """None when nobody could look."""
    held_seconds: float | None = None
    """From the checkpoint's creation by the host's clock to the first look without it; None when
    no look fell into its life."""
    leftovers: tuple[Leftover, ...] = ()
    problem: str = ""
    """Why nobody could look."""


@dataclass
class _Sighting:
    checkpoint: Checkpoint
    gone_at: datetime | None = None


@dataclass
class Witness:
    """Looks at the VMs of a run from the hosts' side.

    Args:
        hypervisor: Reads the hosts; None when the cluster has nothing that could.
        clusters: Where the VMs are; one, except for products that ignore clusters.
        store: Knows which checkpoints are our own.
        suspect: Whose run is looked at.
        before: Each VM's checkpoints before the run; a VM that is not in it was not looked at.
        why_not: Why there is no hypervisor to ask.
    """

    hypervisor: CanCheckpoint | None
    clusters: tuple[str, ...]
    store: Store
    suspect: Suspect
    before: Mapping[Ref, tuple[str, ...]]
    deadlines: Deadlines = field(default_factory=Deadlines)
    waiter: Waiter = field(default_factory=Waiter)
    why_not: str = "the cluster has no connection that reads its hosts"
    _seen: dict[Ref, dict[str, _Sighting]] = field(default_factory=dict)
    _next_glance: float = 0.0
    _glance_pause: float = 1.0

    def glance(self) -> None:
        """Look at the hosts if it is time to: so that it is known how long checkpoints were held.

        Costs one listing of the cluster's checkpoints. A failure is logged and harms nothing: the
        proof comes at the end.
        """
        now = self.waiter.monotonic()
        if self.hypervisor is None or now < self._next_glance:
            return
        self._next_glance = now + self._glance_pause
        # Often at first, so that short holds are seen; seldom in runs of hours.
        self._glance_pause = min(self._glance_pause * 1.5, self.deadlines.glance_seconds)
        try:
            self.look(self.hypervisor)
        except SafepointError as error:
            log.info("cannot look at the hosts of %s: %s", self.clusters, error)

    def conclude(
        self,
        names: Mapping[Ref, str],
        pause: Pause,
        on_wait: Callable[[int], None],
        *,
        patient: bool = True,
    ) -> dict[Ref, Verdict]:
        """Look until every VM's checkpoint is gone and merged, and return what became of each.

        Waits for a checkpoint that is still listed as long as a deletion may take, and for a
        merge as long as a merge may take; with `patient` off looks once. Costs, per look, one
        listing of the cluster's checkpoints and one question for each VM not yet proved.

        Args:
            names: The VMs of the run.
            pause: Waits between looks, and says when somebody wants to leave.
            on_wait: Told once, with the number of VMs, when waiting begins.
            patient: Whether to wait.
        """
        if self.hypervisor is None:
            return {vm: Verdict(None, problem=self.why_not) for vm in names}
        search = _Search(self, self.hypervisor, names)
        pause.restart(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while True:
            search.look()
            if not patient or not search.is_worth_waiting():
                return search.verdicts()
            if search.looks == 1:
                on_wait(search.open_count)
            if not pause.wait():
                return search.verdicts(left=True)

    # --- looking ------------------------------------------------------------------------------

    def look(self, hypervisor: CanCheckpoint) -> dict[Ref, list[Checkpoint]]:
        """List the checkpoints that came with the run, and note which came and went."""
        present: dict[Ref, list[Checkpoint]] = {}
        own = {row.native for row in self.store.checkpoints.open() if row.native}
        for cluster in self.clusters:
            for checkpoint in hypervisor.checkpoints(CheckpointQuery(cluster=cluster)):
                if checkpoint.ref not in own and self._is_new(checkpoint):
                    present.setdefault(checkpoint.workload, []).append(checkpoint)
        now = self.store.clock()
        for vm, checkpoints in present.items():
            seen = self._seen.setdefault(vm, {})
            for checkpoint in checkpoints:
                seen.setdefault(checkpoint.ref.id, _Sighting(checkpoint)).gone_at = None
        for vm, seen in self._seen.items():
            here = {checkpoint.ref.id for checkpoint in present.get(vm, ())}
            for ident, sighting in seen.items():
                if ident not in here and sighting.gone_at is None:
                    sighting.gone_at = now
        return present

    def _is_new(self, checkpoint: Checkpoint) -> bool:
        """Tell whether a recovery checkpoint came with the run. Other kinds are people's."""
        if checkpoint.kind is not CheckpointKind.BACKUP:
            return False
        before = self.before.get(checkpoint.workload)
        if before is not None:
            return checkpoint.ref.id not in before
        return checkpoint.created_at >= self.suspect.began_at - CLOCK_MARGIN

    def held_seconds(self, vm: Ref) -> float | None:
        """Return how long the run's checkpoints of a VM were held, as far as looks tell."""
        held = [
            max(0.0, (one.gone_at - one.checkpoint.created_at).total_seconds())
            for one in self._seen.get(vm, {}).values()
            if one.gone_at is not None
        ]
        return max(held, default=None)


class _Search:
    """The looks after a run: what is proved stays proved, the rest is looked at again."""

    def __init__(
        self, witness: Witness, hypervisor: CanCheckpoint, names: Mapping[Ref, str]
    ) -> None:
        self._witness = witness
        self._hypervisor = hypervisor
        self._names = names
        self._began = witness.waiter.monotonic()
        self._proved: set[Ref] = set()
        self._left: dict[Ref, list[Checkpoint]] = {}
        self._merging: dict[Ref, MergeStatus] = {}
        self._problem = ""
        self._is_hopeless = False
        self.looks = 0

    @property
    def open_count(self) -> int:
        """How many VMs are not proved yet."""
        return len(self._open())

    def look(self) -> None:
        """Look once; a failure is kept and says that nothing is known."""
        self.looks += 1
        self._problem = ""
        try:
            self._left = self._witness.look(self._hypervisor)
            for vm in self._open():
                if vm not in self._left:
                    self._ask_merge(vm)
        except TransientError as error:
            self._problem = error.message
        except SafepointError as error:
            self._problem, self._is_hopeless = error.message, True

    def _open(self) -> list[Ref]:
        return [vm for vm in self._names if vm not in self._proved]

    def _ask_merge(self, vm: Ref) -> None:
        try:
            status = self._hypervisor.merge_status(vm)
        except NotFoundError:
            self._proved.add(vm)  # a VM that is no more runs on nothing
            return
        if status.state in {MergeState.MERGED, MergeState.HELD}:
            self._proved.add(vm)
            self._merging.pop(vm, None)
        else:
            self._merging[vm] = status

    def is_worth_waiting(self) -> bool:
        """Tell whether something is open whose time is not over."""
        if self._is_hopeless:
            return False
        waited = self._witness.waiter.monotonic() - self._began
        return any(waited < self._limit_seconds(vm) for vm in self._open())

    def _limit_seconds(self, vm: Ref) -> float:
        limits = self._witness.deadlines
        is_merging = vm in self._merging and vm not in self._left
        return limits.merge_seconds if is_merging else limits.delete_seconds

    def verdicts(self, *, left: bool = False) -> dict[Ref, Verdict]:
        """Return what is known now; `left` says that nobody waited for the end."""
        if left and not self._problem:
            self._problem = "nobody waited until it was gone and merged"
        return {vm: self._verdict(vm) for vm in self._names}

    def _verdict(self, vm: Ref) -> Verdict:
        held = self._witness.held_seconds(vm)
        if vm in self._proved:
            return Verdict(is_released=True, held_seconds=held)
        if self._problem:
            return Verdict(is_released=None, held_seconds=held, problem=self._problem)
        return Verdict(is_released=False, held_seconds=held, leftovers=tuple(self._leftovers(vm)))

    def _leftovers(self, vm: Ref) -> Iterator[Leftover]:
        checkpoints = self._left.get(vm, [])
        yield from (self._checkpoint(one) for one in checkpoints)
        status = self._merging.get(vm)
        if not checkpoints and status is not None:
            yield Leftover(
                kind=LeftoverKind.MERGE,
                workload=vm,
                workload_name=self._names[vm],
                node=status.node,
                files=status.differencing,
                evidence=self._evidence(),
                advice="Do not merge by hand. Check the free space of the share and the VMMS log "
                "of the node; `safepoint checkpoint audit` shows when it is done.",
            )

    def _checkpoint(self, one: Checkpoint) -> Leftover:
        suspect = self._witness.suspect
        return Leftover(
            kind=LeftoverKind.CHECKPOINT,
            workload=one.workload,
            workload_name=one.workload_name,
            node=one.node,
            checkpoint=one.ref,
            name=one.name,
            created_at=one.created_at,
            evidence=self._evidence(),
            advice=f"See in the product behind {suspect.connection!r} whether a job of it still "
            "works on the VM; let it remove its checkpoint. `safepoint checkpoint audit` says when "
            "it has disowned it, `safepoint checkpoint clean` removes it then.",
        )

    def _evidence(self) -> str:
        one = self._witness.suspect
        return (
            f"it was not there before run {one.run} of job {one.job!r}, which the product behind "
            f"connection {one.connection!r} carried out from {one.began_at:%Y-%m-%d %H:%M:%S} UTC"
        )
