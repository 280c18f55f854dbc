"""Clean-up: only what is proved ours, or what its product disowns and a person names.

One checkpoint at a time on a share, under the lease of its VM, looked at once more before the deed
and watched until its files are merged. No file is ever deleted and nothing is merged by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from safepoint.audit.chains import fold
from safepoint.audit.gathering import Gather, ProductSource
from safepoint.audit.judging import judge
from safepoint.audit.patience import Patience
from safepoint.audit.picture import ClusterPicture, Picture
from safepoint.audit.removing import Removal
from safepoint.audit.report import AuditFinding, CheckpointAudit, Subject
from safepoint.drivers import CanInspectStorage
from safepoint.errors import (
    CheckpointLeftError,
    ConflictError,
    LeaseHeldError,
    SafepointError,
    StorageFullError,
    UnknownNameError,
)
from safepoint.models.audit_log import Deed
from safepoint.models.checkpoints import Checkpoint
from safepoint.models.refs import Ref
from safepoint.models.sizes import size_text
from safepoint.models.workloads import Activity
from safepoint.runs.crew import Crew
from safepoint.runs.finding import find_ours
from safepoint.runs.recover import discard_of, is_wanted, lease_key, settle_workload
from safepoint.runs.release import Release
from safepoint.store import CheckpointRow, Lease

__all__ = ["Clean", "CleanAction", "CleanOutcome", "CleanStep", "CleanWish", "plan_cleaning"]

#: Verdicts of the table under which a checkpoint may go.
_OURS: Final = frozenset({"ours-left", "ours-expired"})
_DISOWNED: Final = "product-disowns"


class CleanAction(StrEnum):
    """What would be done with a checkpoint."""

    RELEASE = "release"
    """Ours: deleted and watched until merged, as at the end of a run."""
    REMOVE = "remove"
    """Disowned by its product and confirmed by name."""
    ASK = "ask"
    """Disowned by its product; a person has to confirm it by name."""


class CleanOutcome(StrEnum):
    """What became of a step."""

    PLANNED = "planned"
    CLEANED = "cleaned"
    LEFT = "left"
    """Not begun or not ended; the reason says why."""


@dataclass(frozen=True)
class CleanWish:
    """What a person wants cleaned."""

    vms: tuple[str, ...] = ()
    """Only of these VMs; all when empty."""
    confirmed: tuple[str, ...] = ()
    """Names of other products' checkpoints that may go."""


@dataclass(frozen=True)
class CleanStep:
    """One checkpoint and what is or was done with it."""

    finding: AuditFinding
    action: CleanAction
    outcome: CleanOutcome = CleanOutcome.PLANNED
    reason: str = ""


def plan_cleaning(audit: CheckpointAudit, wish: CleanWish) -> tuple[CleanStep, ...]:
    """Return the checkpoints that may be cleaned, those of one share together. Pure.

    Raises:
        UnknownNameError: a confirmed name is none that needs to be confirmed.
        ConflictError: a confirmed checkpoint is there, and its product does not disown it.
    """
    wanted = {name.casefold() for name in wish.vms}
    candidates = [
        one
        for one in audit.findings
        if one.is_cleanable
        and (not wanted or one.vm.casefold() in wanted or _id_of(one).casefold() in wanted)
    ]
    offered = {one.name for one in candidates if one.rule == _DISOWNED}
    for name in wish.confirmed:
        if name not in offered:
            raise _not_offered(name, offered, audit)
    steps = [CleanStep(one, _action(one, wish)) for one in candidates]
    return tuple(sorted(steps, key=lambda step: (fold(step.finding.share), step.finding.vm)))


def _not_offered(
    name: str, offered: Iterable[str], audit: CheckpointAudit
) -> UnknownNameError | ConflictError:
    """Say why a checkpoint that was confirmed may not go."""
    there = next((one for one in audit.findings if one.checkpoint and one.name == name), None)
    if there is None:
        known = ", ".join(map(repr, sorted(offered))) or "none"
        msg = f"no checkpoint called {name!r} is disowned by its product"
        return UnknownNameError(msg, hint=f"Disowned are: {known}.")
    if there.rule == _DISOWNED:
        return UnknownNameError(f"checkpoint {name!r} is of VM {there.vm}, which --vm leaves out")
    if there.rule in _OURS:
        msg = f"checkpoint {name!r} of {there.vm} is our own and needs no --confirm"
        return UnknownNameError(msg)
    msg = f"checkpoint {name!r} of {there.vm} is not disowned by its product: {there.rule}"
    return ConflictError(msg, hint=there.next_step, operation="clean")


def _id_of(finding: AuditFinding) -> str:
    return finding.workload.id if finding.workload is not None else ""


def _action(finding: AuditFinding, wish: CleanWish) -> CleanAction:
    if finding.rule in _OURS:
        return CleanAction.RELEASE
    return CleanAction.REMOVE if finding.name in wish.confirmed else CleanAction.ASK


class Clean:
    """Carries out the steps of a plan.

    Args:
        crew_of: The tools for a cluster.
        gather: Asks the products again.
        products: Whom to ask.
        patience: As for the audit.
        say: Told what happens, for people.
    """

    def __init__(
        self,
        crew_of: Callable[[str], Crew],
        gather: Gather,
        products: Iterable[ProductSource],
        *,
        patience: Patience,
        say: Callable[[str], None],
    ) -> None:
        self._crew_of = crew_of
        self._gather = gather
        self._products = tuple(products)
        self._patience = patience
        self._say = say

    def run(self, steps: Iterable[CleanStep]) -> Iterator[CleanStep]:
        """Do one step after the other and yield each as it ended.

        A share whose room or whose merge stopped a step is not touched again; a VM that is busy
        or a checkpoint that is not what it was stops only its own step.
        """
        stopped: dict[str, str] = {}
        for step in steps:
            share = fold(step.finding.share)
            if step.action is CleanAction.ASK:
                text = f"not confirmed; --confirm '{step.finding.name}' would"
                yield replace(step, outcome=CleanOutcome.LEFT, reason=text)
                continue
            if share in stopped:
                text = f"not begun: {stopped[share]}"
                yield self._ended(replace(step, outcome=CleanOutcome.LEFT, reason=text))
                continue
            try:
                self._say(f"{step.finding.vm}: {step.action} {step.finding.name!r}")
                self._step(step)
            except (CheckpointLeftError, StorageFullError) as error:
                stopped[share] = error.message
                yield self._ended(replace(step, outcome=CleanOutcome.LEFT, reason=error.message))
            except SafepointError as error:
                yield self._ended(replace(step, outcome=CleanOutcome.LEFT, reason=error.message))
            except KeyboardInterrupt:
                text = "interrupted; what the host has begun it ends by itself"
                self._ended(replace(step, outcome=CleanOutcome.LEFT, reason=text))
                raise
            else:
                yield self._ended(replace(step, outcome=CleanOutcome.CLEANED))

    # -- one step ---------------------------------------------------------------------------------

    def _step(self, step: CleanStep) -> None:
        finding = step.finding
        crew = self._crew_of(finding.cluster)
        workload, ref = _of(finding)
        place = f"clean {finding.share or finding.cluster}"
        with _held(crew, place) as _, _held(crew, lease_key(workload)) as lease:
            self._note(crew, step, "begun")
            self._check_state(crew, finding, workload)
            self._check_room(crew, finding)
            if step.action is CleanAction.RELEASE:
                self._release(crew, lease, workload, ref)
                return
            checkpoint = self._still_disowned(crew, finding, workload, ref)
            self._note(crew, step, f"confirmed by name: {finding.name}")
            Removal(crew).finish(lease, checkpoint)

    def _release(self, crew: Crew, lease: Lease, workload: Ref, ref: Ref) -> None:
        """Finish our own: what was left behind as a sweep does, and one that was to stay."""
        present = crew.checkpoints_of(workload)
        rows = crew.store.checkpoints.open(workload)
        settle_workload(crew, lease, workload, discard=discard_of(crew.hypervisor))
        for row in rows:
            found = find_ours(row, present)
            if is_wanted(row) and found is not None and found.ref == ref:
                self._finish_expired(crew, lease, row)

    def _finish_expired(self, crew: Crew, lease: Lease, row: CheckpointRow) -> None:
        if row.expires_at is None or row.expires_at > crew.store.clock():
            msg = f"checkpoint {row.name!r} of {row.workload_name} is not to go yet"
            raise ConflictError(msg, operation="clean", system=crew.connection)
        Release(crew).finish(lease, row)

    # -- what must be so --------------------------------------------------------------------------

    def _check_state(self, crew: Crew, finding: AuditFinding, workload: Ref) -> None:
        activity = crew.look_at(workload).activity
        if activity is not Activity.NONE:
            msg = f"VM {finding.vm} is busy: {activity.value.replace('-', ' ')}"
            hint = "Run the clean-up again when that has ended."
            raise ConflictError(msg, hint=hint, operation="clean", system=crew.connection)

    def _check_room(self, crew: Crew, finding: AuditFinding) -> None:
        """Refuse when the merge may need more room than there is (inference: at most the files)."""
        driver = crew.hypervisor
        if not isinstance(driver, CanInspectStorage) or not finding.share:
            return
        for space in driver.share_spaces(finding.cluster):
            if fold(space.path) != fold(finding.share):
                continue
            if space.free_bytes is None:
                msg = f"the room on {space.path} cannot be read: {space.problem}"
                raise StorageFullError(msg, operation="clean", system=crew.connection)
            if space.free_bytes < (finding.reclaimable_bytes or 0):
                msg = (
                    f"{space.path} has {size_text(space.free_bytes)} left, and the merge may need "
                    f"{size_text(finding.reclaimable_bytes)}"
                )
                raise StorageFullError(
                    msg, hint="Make room first.", operation="clean", system=crew.connection
                )

    def _still_disowned(
        self, crew: Crew, finding: AuditFinding, workload: Ref, ref: Ref
    ) -> Checkpoint:
        """Return the checkpoint as it is now, if its product still disowns it."""
        present = crew.checkpoints_of(workload)
        picture = Picture(
            began_at=crew.store.clock(),
            clusters=(
                ClusterPicture(
                    name=finding.cluster, connection=crew.connection, checkpoints=present
                ),
            ),
            products=self._gather.products(self._products),
            ours=tuple(o for o in self._gather.ours() if o.row.workload == workload),
        )
        for now in judge(picture, self._patience, crew.store.clock()).findings:
            if now.checkpoint == ref and (now.name, now.since) == (finding.name, finding.since):
                if now.rule == _DISOWNED:
                    return next(one for one in present if one.ref == ref)
                msg = f"checkpoint {now.name!r} of {now.vm} is {now.verdict} now: {now.rule}"
                raise ConflictError(msg, operation="clean", system=crew.connection)
        msg = f"checkpoint {finding.name!r} of {finding.vm} is not what was audited, or is gone"
        raise ConflictError(msg, operation="clean", system=crew.connection)

    # -- telling ----------------------------------------------------------------------------------

    def _ended(self, step: CleanStep) -> CleanStep:
        crew = self._crew_of(step.finding.cluster)
        self._note(crew, step, f"{step.outcome}: {step.reason}" if step.reason else step.outcome)
        return step

    def _note(self, crew: Crew, step: CleanStep, detail: str) -> None:
        deed = Deed(
            system=crew.connection,
            deed=f"clean-{step.action}",
            target=str(step.finding.checkpoint),
            before={
                "vm": step.finding.vm,
                "name": step.finding.name,
                "owner": step.finding.owner.name,
                "verdict": step.finding.verdict.value,
                "rule": step.finding.rule,
            },
        )
        crew.store.audit.note(deed, detail)


def _of(finding: AuditFinding) -> tuple[Ref, Ref]:
    assert finding.subject is Subject.CHECKPOINT
    assert finding.workload is not None
    assert finding.checkpoint is not None
    return finding.workload, finding.checkpoint


@contextmanager
def _held(crew: Crew, key: str) -> Iterator[Lease]:
    """Hold a lease. One that a live process holds is a reason to leave the step."""
    try:
        lease = crew.store.leases.take(key, crew.executor, purpose="checkpoint clean")
    except LeaseHeldError as error:
        raise ConflictError(error.message, hint=error.hint, operation="clean") from error
    try:
        yield lease
    finally:
        crew.store.leases.give_back(lease)
