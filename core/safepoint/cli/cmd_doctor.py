"""`safepoint doctor`: what is in the way, what was left behind, and putting it right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import typer

from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Column
from safepoint.cli.rows import local_time
from safepoint.cli.session import Session
from safepoint.cli.spans import deadline
from safepoint.drivers import CanCheckpoint, CanCopy, Driver
from safepoint.errors import SafepointError
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.runs import RunState
from safepoint.models.systems import SystemInfo
from safepoint.runs.crew import Crew
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.recover import is_wanted, settle_runs, sweep
from safepoint.runs.remaining import backups_of_others, still_left
from safepoint.store import CheckpointRow

__all__ = ["add"]

_COLUMNS = (
    Column("severity", "SEVERITY"),
    Column("code", "FINDING"),
    Column("field", "WHERE"),
    Column("summary", "WHAT"),
    Column("hint", "WHAT TO DO"),
)

#: A clock that is further off than this breaks Kerberos and confuses ages.
SKEW_LIMIT_SECONDS = 120.0


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    *,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Settle what dead processes left: release, merge, clean up."),
    ] = False,
    merge_deadline: Annotated[
        str, typer.Option(help="With --fix: how long a merge may take: 90s, 15m, 4h.")
    ] = "4h",
    checkpoint_deadline: Annotated[
        str, typer.Option(help="With --fix: how long a checkpoint may take to go: 90s, 15m, 4h.")
    ] = "15m",
) -> int:
    """Probe every connection and look for leftovers. Exit 3 when there is something to do.

    Without --fix nothing is changed. With it, only checkpoints that safepoint's own journal
    proves to be its own are deleted, and only those whose process is dead.
    """
    session: Session = context.obj
    findings: list[Diagnostic] = []
    gone = deadline(checkpoint_deadline, "--checkpoint-deadline")
    deadlines = Deadlines(
        merge_seconds=deadline(merge_deadline, "--merge-deadline"),
        create_seconds=gone,
        delete_seconds=gone,
    )
    for name in session.estate.connections:
        findings += _one(session, name, fix=fix, deadlines=deadlines)
    if fix:
        for run in settle_runs(session.store):
            session.output.say(f"run {run} had died; it is marked as interrupted")
    else:
        findings += _dead_runs(session)
    findings += _unfollowed(session)
    findings += _left_by_products(session)
    rows = [finding.model_dump(mode="json") for finding in findings]
    session.output.rows("FindingList", rows, _COLUMNS, empty="all is well")
    return EXIT_FINDINGS if any(f.severity is not Severity.INFO for f in findings) else 0


def _one(session: Session, name: str, *, fix: bool, deadlines: Deadlines) -> Iterator[Diagnostic]:
    try:
        driver = session.driver(name)
        yield from _probe(name, driver.probe())
    except SafepointError as error:
        yield _finding("connection", name, error.message, error.hint, Severity.ERROR)
        return
    if not isinstance(driver, CanCheckpoint):
        return
    if fix:
        yield from _fix(session, name, driver, deadlines)
    else:
        yield from _leftovers(session, name)
    yield from _expired(session, name)


def _fix(
    session: Session, name: str, driver: CanCheckpoint, deadlines: Deadlines
) -> Iterator[Diagnostic]:
    crew = Crew(
        store=session.store,
        executor=session.executor.id,
        connection=name,
        hypervisor=driver,
        deadlines=deadlines,
    )
    for settled in sweep(crew, discard=_discard(driver)):
        what = f"checkpoint {settled.row.name!r}: {settled.row.state}"
        if settled.is_settled:
            session.output.say(f"{settled.row.workload_name}: {what}")
        else:
            yield _finding(
                "checkpoint-left", settled.row.workload_name, settled.problem, settled.hint
            )


def _discard(driver: Driver) -> Callable[[str], None]:
    if isinstance(driver, CanCopy):
        return driver.discard
    return lambda _tag: None


def _leftovers(session: Session, name: str) -> Iterator[Diagnostic]:
    for row in session.store.checkpoints.open():
        if row.connection != name or is_wanted(row) or _is_worked_on(session, row):
            continue
        yield _finding(
            "checkpoint-left",
            row.workload_name,
            f"checkpoint {row.name!r} is {row.state} and its process is dead",
            "safepoint doctor --fix",
        )


def _expired(session: Session, name: str) -> Iterator[Diagnostic]:
    """Find what was made by hand to stay until a time that has passed; a person lets it go."""
    now = session.store.clock()
    for row in session.store.checkpoints.open():
        is_expired = is_wanted(row) and row.expires_at is not None and row.expires_at < now
        if row.connection == name and is_expired:
            yield _finding(
                "checkpoint-expired",
                row.workload_name,
                f"checkpoint {row.name!r} was to be deleted by {local_time(row.expires_at)}",
                f"safepoint checkpoint clean --apply --vm {row.workload_name}",
            )


def _is_worked_on(session: Session, row: CheckpointRow) -> bool:
    return session.store.executors.is_alive(row.executor)


def _dead_runs(session: Session) -> Iterator[Diagnostic]:
    for run, executor in session.store.runs.unfinished():
        if not session.store.executors.is_alive(executor):
            summary = f"run {run.id} says {run.state}, but its process is dead"
            is_ours = session.store.product_runs.get(run.id) is None
            hint = "safepoint doctor --fix" if is_ours else f"safepoint runs follow {run.id}"
            yield _finding("run-interrupted", run.job, summary, hint)


def _unfollowed(session: Session) -> Iterator[Diagnostic]:
    """Find runs that a product carries out and whose end nobody has written down."""
    for name in session.estate.connections:
        for row in session.store.product_runs.unsettled(name):
            run = session.store.runs.get(row.intent.run)
            if run.state is RunState.INTERRUPTED:
                why = f" ({run.message})" if run.message else ""
                summary = f"run {run.id} of {name!r} is followed by nobody{why}"
                hint = f"safepoint runs follow {run.id}"
                yield _finding("run-unfollowed", run.job, summary, hint)


def _left_by_products(session: Session) -> Iterator[Diagnostic]:
    """Find what the last run of a job by a product left on the hosts and is still there."""
    for job in session.estate.jobs.values():
        last = session.store.runs.list(job=job.name, limit=1)
        tasks = [task for run in last for task in run.tasks]
        leftovers = [left for task in tasks for left in task.leftovers]
        is_product = any(session.store.product_runs.get(run.id) is not None for run in last)
        unseen = [t.workload for t in tasks if is_product and t.is_released is None]
        if not leftovers and not unseen:
            continue
        try:
            crew = session.crew(job.spec.cluster)
            there = list(still_left(crew, leftovers))
            present = list(backups_of_others(crew, unseen))
        except SafepointError as error:
            summary = f"what run {last[0].id} left cannot be looked at: {error.message}"
            yield _finding("product-left", job.name, summary, error.hint)
            continue
        for left in there:
            what = f"checkpoint {left.name!r}" if left.name else "an unmerged chain of disks"
            where = f" on {left.node}" if left.node else ""
            summary = f"{what} is left{where}: {left.evidence}"
            yield _finding("product-left", left.workload_name, summary, left.advice)
        for one in present:
            summary = (
                f"checkpoint {one.name!r} is there, and nobody saw run {last[0].id} let it go"
            )
            hint = "`safepoint checkpoint audit` says whose it is, and whether it may go"
            yield _finding("product-left", one.workload_name, summary, hint)


def _probe(name: str, info: SystemInfo) -> Iterator[Diagnostic]:
    for node in info.nodes:
        where = f"{name}: {node.cluster}/{node.node}"
        if node.problem:
            code = "node-unreachable" if not node.reachable else "node-rights"
            yield _finding(code, where, node.problem, node.hint, Severity.ERROR)
        skew = node.clock_skew_seconds
        if skew is not None and abs(skew) > SKEW_LIMIT_SECONDS:
            text = f"the node's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
            yield _finding("clock-skew", where, text, "Correct the time service there or here.")
    for share, problem in info.shares.items():
        if problem:
            hint = "Check the file server, and how the estate says the share is reached."
            yield _finding("share", f"{name}: {share}", problem, hint, Severity.ERROR)
    for problem in info.problems:
        yield _finding("connection", name, problem, "", Severity.ERROR)


def _finding(
    code: str, where: str, summary: str, hint: str, severity: Severity = Severity.WARNING
) -> Diagnostic:
    return Diagnostic(severity=severity, code=code, field=where, summary=summary, hint=hint)
