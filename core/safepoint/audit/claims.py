"""Whose a checkpoint is, with the evidence. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from safepoint.audit.owners import product_of
from safepoint.audit.picture import OurRow, ProductView, task_of
from safepoint.audit.report import Evidence, Owner, OwnerKind
from safepoint.audit.verdicts import Fact
from safepoint.lifecycle import is_our_name
from safepoint.models.checkpoints import Checkpoint, CheckpointKind
from safepoint.models.runs import Run
from safepoint.runs.finding import CLOCK_MARGIN, named_ours

__all__ = ["Claim", "Claims"]

_BY_HAND: Final = frozenset({CheckpointKind.PRODUCTION, CheckpointKind.STANDARD})


@dataclass(frozen=True)
class Claim:
    """An owner, and what is known because of it."""

    owner: Owner
    facts: frozenset[Fact] = frozenset()


@dataclass
class Claims:
    """Decides for every checkpoint of an estate whose it is.

    Args:
        checkpoints: All of them; several of one product on a VM are a fact of their own.
        ours: The open rows of our journal.
        products: What the estate's products say of their runs.
        now: The moment.
    """

    checkpoints: tuple[Checkpoint, ...]
    ours: tuple[OurRow, ...]
    products: tuple[ProductView, ...]
    now: datetime
    _by_ref: dict[str, OurRow] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for one in self.ours:
            of_vm = [c for c in self.checkpoints if c.workload == one.row.workload]
            found = named_ours(one.row, of_vm)
            if found is not None:
                self._by_ref[str(found.ref)] = one
        for checkpoint in self.checkpoints:
            rule = product_of(checkpoint.name)
            if rule is not None:
                self._counts[str(checkpoint.workload), rule.product] += 1

    def row_of(self, checkpoint: Checkpoint) -> OurRow | None:
        """Return the row of our journal behind a checkpoint."""
        return self._by_ref.get(str(checkpoint.ref))

    def of(self, checkpoint: Checkpoint) -> Claim:
        """Return whose a checkpoint is."""
        ours = self.row_of(checkpoint)
        if ours is not None:
            return self._ours(ours)
        if (tag := is_our_name(checkpoint.name)) is not None:
            text = f"the name bears the tag {tag}, which no open row of this journal has"
            owner = Owner(
                kind=OwnerKind.OTHER_JOURNAL,
                name="a safepoint with another journal",
                evidence=(Evidence(source="name", text=text),),
            )
            return Claim(owner, frozenset({Fact.OTHER_JOURNAL}))
        if checkpoint.kind is CheckpointKind.REPLICA:
            text = "a recovery point of Hyper-V Replica"
            evidence = Evidence(source="kind", text=text)
            owner = Owner(kind=OwnerKind.HYPERVISOR, name="Hyper-V Replica", evidence=(evidence,))
            return Claim(owner, frozenset({Fact.REPLICA}))
        return self._product(checkpoint) or self._nobody(checkpoint)

    def _ours(self, ours: OurRow) -> Claim:
        row = ours.row
        text = (
            f"our journal has it as {row.state}, asked for at {row.intended_at:%Y-%m-%d %H:%M} UTC"
        )
        facts = {Fact.OURS}
        if ours.is_worked_on:
            facts.add(Fact.WORKED_ON)
        if ours.is_wanted:
            facts.add(Fact.WANTED)
        if row.expires_at is not None and row.expires_at < self.now:
            facts.add(Fact.EXPIRED)
        evidence = Evidence(source="journal", text=text)
        return Claim(
            Owner(kind=OwnerKind.OURS, name="safepoint", evidence=(evidence,)), frozenset(facts)
        )

    def _product(self, checkpoint: Checkpoint) -> Claim | None:
        """Return a product's claim: by its name, or by a job that worked on the VM just then."""
        rule = product_of(checkpoint.name)
        views = [v for v in self.products if rule is None or v.driver in rule.drivers]
        is_backup = checkpoint.kind is CheckpointKind.BACKUP
        by_job = [v for v in views if is_backup and _spans(v, checkpoint)]
        if rule is None and not by_job:
            return None
        evidence: list[Evidence] = []
        facts = {Fact.PRODUCT}
        if rule is not None:
            evidence.append(
                Evidence(source="name", text=f"named as {rule.product} names its checkpoints")
            )
            if rule.keeps_one:
                facts.add(Fact.KEEPS_ONE)
            if self._counts[str(checkpoint.workload), rule.product] > 1:
                facts.add(Fact.SEVERAL)
        asked = by_job or views
        told = [_jobs(view, checkpoint) for view in asked]
        for said, more in told:
            evidence.append(said)
            facts |= more
        name = rule.product if rule is not None else by_job[0].title
        owner = Owner(
            kind=OwnerKind.PRODUCT,
            name=name,
            connection=asked[0].connection if asked else "",
            evidence=tuple(evidence),
        )
        # One connection that has not ended its jobs outweighs another one that has.
        if any(Fact.JOB_ENDED not in more for _, more in told):
            facts.discard(Fact.JOB_ENDED)
        return Claim(owner, frozenset(facts))

    def _nobody(self, checkpoint: Checkpoint) -> Claim:
        """Return who is left when no name and no job claims it."""
        if checkpoint.kind in _BY_HAND:
            text = f"of kind {checkpoint.kind}, which people make"
            name = "somebody, by hand"
            evidence = Evidence(source="kind", text=text)
            owner = Owner(kind=OwnerKind.PERSON, name=name, evidence=(evidence,))
            return Claim(owner, frozenset({Fact.PERSON}))
        evidence = Evidence(
            source="kind", text=f"of kind {checkpoint.kind}, and neither name nor job tells more"
        )
        facts: set[Fact] = set()
        name = "unknown"
        if checkpoint.kind is CheckpointKind.BACKUP:
            name = "a backup product that cannot be told"
        elif any(v.running(checkpoint.workload) for v in self.products):
            facts.add(Fact.JOB_RUNNING)
        owner = Owner(kind=OwnerKind.UNKNOWN, name=name, evidence=(evidence,))
        return Claim(owner, frozenset(facts))


def _spans(view: ProductView, checkpoint: Checkpoint) -> bool:
    """Tell whether a run of the product had the VM when the checkpoint was made."""
    return any(
        _covers(run, checkpoint.created_at)
        for run in view.runs
        if task_of(run, checkpoint.workload) is not None
    )


def _covers(run: Run, moment: datetime) -> bool:
    began = (run.started_at or run.requested_at) - CLOCK_MARGIN
    ended = run.ended_at + CLOCK_MARGIN if run.ended_at is not None else None
    return began <= moment and (ended is None or moment <= ended)


def _jobs(view: ProductView, checkpoint: Checkpoint) -> tuple[Evidence, set[Fact]]:
    """Return what a product says of its jobs on this VM, and what follows."""
    if not view.is_complete:
        text = f"connection {view.connection} could not be asked for its jobs"
        return Evidence(source="job", text=text), set()
    running = view.running(checkpoint.workload)
    if running is not None:
        text = f"{view.connection}: job {running.job} is {running.state}"
        if not running.tasks:
            text += " and does not say on which VMs"
        return Evidence(source="job", text=text), {Fact.JOB_RUNNING}
    latest = view.latest(checkpoint.workload)
    if latest is None:
        text = f"{view.connection}: no job runs, and no run with this VM is known"
        return Evidence(source="job", text=text), set()
    at = f" at {latest.ended_at:%Y-%m-%d %H:%M} UTC" if latest.ended_at else ""
    text = f"{view.connection}: no job runs; the last run of {latest.job} ended {latest.state}{at}"
    began = (latest.started_at or latest.requested_at) + CLOCK_MARGIN
    is_over = latest.ended_at is not None and latest.ended_at >= checkpoint.created_at
    facts = {Fact.JOB_ENDED} if is_over or began >= checkpoint.created_at else set()
    return Evidence(source="job", text=text), facts
