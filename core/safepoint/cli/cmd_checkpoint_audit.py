"""`safepoint checkpoint audit` and `clean`: what there is on all hosts, whose, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import typer

from safepoint.audit import (
    AuditFinding,
    CheckpointAudit,
    Clean,
    CleanAction,
    CleanOutcome,
    CleanStep,
    CleanWish,
    ClusterSource,
    Gather,
    Patience,
    Picture,
    ProductSource,
    RiskLevel,
    Verdict,
    judge,
    plan_cleaning,
)
from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Column
from safepoint.cli.session import Session
from safepoint.cli.spans import deadline, span
from safepoint.errors import UnknownNameError, UsageError
from safepoint.models.durations import rough_duration
from safepoint.models.sizes import size_text
from safepoint.runs.deadlines import Deadlines

__all__ = ["add"]

_COLUMNS = (
    Column("vm", "VM"),
    Column("node", "NODE"),
    Column("subject", "WHAT"),
    Column("name", "NAME"),
    Column("age", "AGE", right=True),
    Column("depth", "DEPTH", right=True),
    Column("reclaimable", "RECLAIM", right=True),
    Column("owner", "OWNER"),
    Column("evidence", "EVIDENCE"),
    Column("verdict", "VERDICT"),
    Column("risk", "RISK"),
    Column("next_step", "NEXT SAFE STEP"),
)
_STEPS = (
    Column("vm", "VM"),
    Column("name", "CHECKPOINT"),
    Column("owner", "OWNER"),
    Column("share", "SHARE"),
    Column("reclaimable", "RECLAIM", right=True),
    Column("action", "ACTION"),
    Column("outcome", "OUTCOME"),
    Column("reason", "REASON"),
)

#: Later than that says more of the arithmetic than of the share.
_WORTH_A_WORD_DAYS: Final = 365
_DAY: Final = 86400

#: The worst first: a person reads from the top.
_ORDER: Final = (
    Verdict.MERGE_FAILED,
    Verdict.LINGERING,
    Verdict.FOREIGN,
    Verdict.MERGE_PENDING,
    Verdict.STEADY_STATE,
    Verdict.IN_USE,
)
_URGENCY: Final = (
    RiskLevel.CRITICAL,
    RiskLevel.HIGH,
    RiskLevel.UNKNOWN,
    RiskLevel.MEDIUM,
    RiskLevel.LOW,
)

Clusters = Annotated[
    list[str] | None, typer.Option("--cluster", help="Only these clusters; the whole estate.")
]
OlderThan = Annotated[
    str, typer.Option(help="From what age a backup checkpoint counts as left: 90m, 24h, 3d.")
]


def add(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("audit")(audit)
    app.command("clean")(clean)


def audit(
    context: typer.Context,
    cluster: Clusters = None,
    fail_on: Annotated[
        list[Verdict] | None,
        typer.Option(
            help="Exit 3 only for these verdicts; may be given several times. "
            "All but in-use and steady-state."
        ),
    ] = None,
    older_than: OlderThan = "24h",
) -> int:
    """Look at every checkpoint, unmerged chain and stray file: whose, how urgent, what to do.

    Reads hosts, shares, our journal and the jobs of every product in the estate; changes nothing.
    Exit 3 when something was found or could not be looked at.
    """
    session: Session = context.obj
    found = judge(_look(session, cluster), _patience(older_than), session.store.clock())
    if session.output.is_document:
        session.output.facts("CheckpointAudit", found.model_dump(mode="json"))
    else:
        session.output.rows(
            "CheckpointAudit",
            [_line(one) for one in sorted(found.findings, key=_urgency)],
            _COLUMNS,
            empty="no checkpoint, no unmerged chain, no stray file",
        )
        _say_rest(session, found)
    wanted = set(fail_on) if fail_on else {v for v in Verdict if v.is_finding}
    is_bad = any(one.verdict in wanted for one in found.findings) or found.unread
    return EXIT_FINDINGS if is_bad else 0


def clean(
    context: typer.Context,
    cluster: Clusters = None,
    vm: Annotated[list[str] | None, typer.Option(help="Only of these VMs, by name or id.")] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(help="The whole name of another product's checkpoint that may go."),
    ] = None,
    older_than: OlderThan = "24h",
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only show.")] = False,
    delete_deadline: Annotated[
        str, typer.Option(help="How long a checkpoint may take to go: 90s, 15m, 4h.")
    ] = "15m",
    merge_deadline: Annotated[
        str, typer.Option(help="How long a merge may take: 90s, 15m, 4h.")
    ] = "4h",
) -> int:
    """Delete checkpoints that were left behind, one at a time on a share, and watch the merges.

    Only those that our journal proves ours, and those that their own product disowns (no job
    runs, the last one has ended) and that you confirm by name. Merges nothing by hand, deletes
    no file. Shows what it would do unless --apply is given. Exit 3 when something is left.
    """
    session: Session = context.obj
    patience = _patience(older_than)
    picture = _look(session, cluster)
    found = judge(picture, patience, session.store.clock())
    _refuse_unknown(picture, vm or ())
    for one in found.unread:
        session.output.warn(f"{one.where}: {one.problem}")
    wish = CleanWish(vms=tuple(vm or ()), confirmed=tuple(confirm or ()))
    steps = list(plan_cleaning(found, wish))
    if apply and steps:
        deadlines = Deadlines(
            delete_seconds=deadline(delete_deadline, "--delete-deadline"),
            merge_seconds=deadline(merge_deadline, "--merge-deadline"),
        )
        steps = _carry_out(session, steps, patience, deadlines)
    session.output.rows(
        "CleanStepList",
        [_step_facts(one) for one in steps],
        _STEPS,
        show=[_step_line(one) for one in steps],
        empty="nothing that may be cleaned; `safepoint checkpoint audit` shows what there is",
    )
    if not apply and any(one.action is not CleanAction.ASK for one in steps):
        session.output.say("nothing was done; --apply does it")
    is_left = any(one.outcome is not CleanOutcome.CLEANED for one in steps)
    return EXIT_FINDINGS if is_left or found.unread else 0


def _carry_out(
    session: Session, steps: Sequence[CleanStep], patience: Patience, deadlines: Deadlines
) -> list[CleanStep]:
    work = Clean(
        lambda name: session.crew(name, deadlines),
        _gather(session),
        _products(session),
        patience=patience,
        say=session.output.say,
    )
    done: list[CleanStep] = []
    try:
        done.extend(work.run(steps))
    except KeyboardInterrupt:
        session.output.warn(
            f"interrupted in step {len(done) + 1} of {len(steps)}: what the host has begun it ends "
            "by itself; `safepoint checkpoint audit` shows how it stands"
        )
        raise
    return done


def _look(session: Session, clusters: list[str] | None) -> Picture:
    names = clusters or list(session.estate.clusters)
    if not names:
        msg = "the estate has no cluster to look at"
        raise UsageError(msg, hint="Declare a Cluster document.")
    chosen = [
        ClusterSource(name, session.estate.cluster(name).spec.hypervisor)
        for name in dict.fromkeys(names)
    ]
    return _gather(session).picture(chosen, _products(session))


def _refuse_unknown(picture: Picture, vms: Iterable[str]) -> None:
    """Refuse a VM that nobody has: a slip of the pen is not an estate in order."""
    if picture.unread:
        return
    there = [one for cluster in picture.clusters for one in cluster.workloads]
    known = {word.casefold() for one in there for word in (one.name, one.ref.id)}
    for vm in vms:
        if vm.casefold() not in known:
            msg = f"no VM is called {vm} in the clusters that were looked at"
            raise UnknownNameError(msg, hint="`safepoint vm list` shows what there is.")


def _gather(session: Session) -> Gather:
    return Gather(session.store, session.driver, session.store.clock)


def _products(session: Session) -> list[ProductSource]:
    """Return every connection of the estate; which of them run jobs, they say themselves."""
    specs = session.host.drivers
    return [
        ProductSource(name, one.spec.driver, specs[one.spec.driver].title)
        for name, one in session.estate.connections.items()
        if one.spec.driver in specs
    ]


def _patience(older_than: str) -> Patience:
    return Patience(backup=span(older_than, "--older-than"))


def _urgency(finding: AuditFinding) -> tuple[int, int, str, str]:
    verdict = _ORDER.index(finding.verdict)
    return verdict, _URGENCY.index(finding.risk.level), finding.vm, finding.name


def _line(finding: AuditFinding) -> dict[str, Any]:
    age = "" if finding.age_seconds is None else rough_duration(finding.age_seconds)
    sort = f" ({finding.kind})" if finding.kind else ""
    return {
        "vm": finding.vm,
        "node": finding.node,
        "subject": f"{finding.subject}{sort}",
        "name": finding.name,
        "age": age,
        "depth": finding.chain_depth or "",
        "reclaimable": size_text(finding.reclaimable_bytes),
        "owner": finding.owner.name,
        "evidence": "; ".join(one.text for one in finding.owner.evidence),
        "verdict": finding.verdict.value,
        "risk": f"{finding.risk.level}: {finding.risk.reason}".rstrip(": "),
        "next_step": finding.next_step,
    }


def _say_rest(session: Session, found: CheckpointAudit) -> None:
    output = session.output
    counts = {v: sum(1 for one in found.findings if one.verdict is v) for v in _ORDER}
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    output.say(
        f"{found.vms} VMs on {found.nodes} nodes, {found.checkpoints} checkpoints, "
        f"{found.files} disk files: {told or 'nothing to say'}"
    )
    for share in found.shares:
        if share.problem:
            continue
        left = ""
        if share.days_left is not None and share.days_left < _WORTH_A_WORD_DAYS:
            left = (
                f", full in about {rough_duration(share.days_left * _DAY)} at the present growth"
            )
        output.say(f"{share.path}: {size_text(share.free_bytes)} free{left}")
    for one in found.unread:
        output.warn(f"not looked at: {one.where}: {one.problem}")


def _step_facts(step: CleanStep) -> dict[str, Any]:
    return {
        "finding": step.finding.model_dump(mode="json"),
        "action": step.action.value,
        "outcome": step.outcome.value,
        "reason": step.reason,
        "vm": step.finding.vm,
        "name": step.finding.name,
        "owner": step.finding.owner.name,
        "share": step.finding.share,
        "reclaimable": step.finding.reclaimable_bytes,
    }


def _step_line(step: CleanStep) -> dict[str, Any]:
    reason = step.reason
    if step.action is CleanAction.ASK and not reason:
        reason = f"--confirm '{step.finding.name}' to let it go"
    size = size_text(step.finding.reclaimable_bytes)
    return {**_step_facts(step), "reason": reason, "reclaimable": size}
