"""`safepoint runs`: what was run, what became of it; following, cancelling, pausing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli.all_runs import Gathered, KnownRun, all_runs, find_run
from safepoint.cli.output import Column
from safepoint.cli.rows import (
    RUN_COLUMNS,
    TASK_COLUMNS,
    local_time,
    run_facts,
    run_line,
    task_line,
)
from safepoint.cli.run_in_product import follow_in_product
from safepoint.cli.session import Session
from safepoint.cli.spans import deadline
from safepoint.drivers import Ability, CanRunJobs, CanSuspendRuns
from safepoint.errors import UsageError
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunQuery
from safepoint.runs.deadlines import Deadlines

__all__ = ["add"]

app = typer.Typer(help="Runs: what was done, and how each VM came out.", no_args_is_help=True)


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="runs")


@app.command("list")
def list_runs(
    context: typer.Context,
    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    *,
    ours: Annotated[
        bool, typer.Option("--ours", help="Only what safepoint began; asks no product.")
    ] = False,
) -> int:
    """List runs, newest first: those that safepoint began and those of the products themselves.

    A product that cannot be asked is named, and the exit code is 8.
    """
    session: Session = context.obj
    if ours:
        listed = session.store.runs.list(job=job, limit=limit)
        found = Gathered([KnownRun(run, is_ours=True) for run in listed])
    else:
        found = all_runs(session, RunQuery(job=job, limit=limit))
    session.output.rows(
        "RunList",
        [{**run_facts(one.run), "begun_by": one.begun_by} for one in found.runs],
        RUN_COLUMNS,
        show=[{**run_line(one.run), "begun_by": one.begun_by} for one in found.runs],
        empty="no run yet: `safepoint run JOB` starts one",
    )
    for name, error in found.failures:
        session.output.warn(f"the runs of {name!r} are missing here: {error.message}")
    return found.exit_code


@app.command("show")
def show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run id, or the beginning of one.")],
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Every step of every checkpoint.")
    ] = False,
) -> None:
    """Show one run: every VM, and the journey of every checkpoint."""
    session: Session = context.obj
    known = find_run(session, run)
    found = known.run if known.is_ours else _looked_at(session, known.run)
    steps = _steps(session, found.id)
    if session.output.is_document:
        session.output.facts("Run", {**run_facts(found), "checkpoints": steps})
        return
    line = run_line(found)
    title = f"run {found.id} of {found.job}: {found.state}, {line['started']}, {line['took']}"
    if not known.is_ours:
        title += f"; begun by the product behind {found.connection!r}"
    session.output.rows("TaskList", [task_line(t) for t in found.tasks], TASK_COLUMNS, title=title)
    if history:
        columns = (
            Column("vm", "VM"),
            Column("at", "AT"),
            Column("event", "EVENT"),
            Column("after", "STATE"),
            Column("note", "NOTE"),
        )
        session.output.rows("CheckpointHistory", steps, columns)


@app.command("follow")
def follow(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run id, or the beginning of one.")],
    checkpoint_deadline: Annotated[
        str, typer.Option(help="How long a checkpoint may take to go: 90s, 15m, 4h.")
    ] = "15m",
    merge_deadline: Annotated[
        str, typer.Option(help="How long a merge may take: 90s, 15m, 4h.")
    ] = "4h",
) -> int:
    """Follow a run that a product carries out, whose process died or left. Exit codes as of run."""
    session: Session = context.obj
    found = session.store.runs.get(run)
    row = session.store.product_runs.get(found.id)
    if row is None:
        msg = f"run {found.id} is carried out by safepoint itself; it cannot be followed from here"
        raise UsageError(msg, hint=f"`safepoint runs show {found.id}` shows how it stands.")
    if row.is_settled:
        session.output.say(f"run {found.id} has ended already: {found.state}")
        return 0
    deadlines = Deadlines(
        delete_seconds=deadline(checkpoint_deadline, "--checkpoint-deadline"),
        merge_seconds=deadline(merge_deadline, "--merge-deadline"),
    )
    return follow_in_product(session, found, deadlines)


@app.command("cancel")
def cancel(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run id, or the beginning of one.")],
) -> None:
    """Ask a run, of whichever process or product, to stop cleanly."""
    session: Session = context.obj
    found = find_run(session, run)
    if _has_ended(session, found):
        session.output.say(f"run {found.run.id} has ended already: {found.run.state}")
        return
    if found.is_ours:
        session.store.runs.request_cancel(found.run.id)
    if found.run.ref is None:
        session.output.say(
            f"run {found.run.id} was asked to stop; it releases its checkpoints first"
        )
        return
    kind: type[CanRunJobs] = CanRunJobs  # type: ignore[type-abstract]  # asked for, never made
    product = session.able(found.run.connection, Ability.RUN_JOBS, kind)
    product.cancel_run(found.run.ref, key=f"cancel {found.run.id}")
    session.output.say(f"the product was asked to stop run {found.run.id}; {_see(found)}")


@app.command("suspend")
def suspend(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run id, or the beginning of one.")],
) -> None:
    """Ask a product to pause a run. Its checkpoints stay meanwhile."""
    session: Session = context.obj
    product, ref = _suspendable(session, run)
    product.suspend_run(ref, key=f"suspend {ref}")
    session.output.say(f"the product was asked to pause run {ref.id}; its checkpoints stay")


@app.command("resume")
def resume(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run id, or the beginning of one.")],
) -> None:
    """Ask a product to go on with a paused run."""
    session: Session = context.obj
    product, ref = _suspendable(session, run)
    product.resume_run(ref, key=f"resume {ref}")
    session.output.say(f"the product was asked to go on with run {ref.id}")


def _suspendable(session: Session, run: str) -> tuple[CanSuspendRuns, Ref]:
    found = find_run(session, run)
    if found.run.ref is None:
        msg = f"run {found.run.id} is carried out by safepoint itself and cannot be paused"
        raise UsageError(msg, hint="`safepoint runs cancel` stops it cleanly.")
    kind: type[CanSuspendRuns] = CanSuspendRuns  # type: ignore[type-abstract]  # as above
    return session.able(found.run.connection, Ability.SUSPEND_RUNS, kind), found.run.ref


def _has_ended(session: Session, found: KnownRun) -> bool:
    """Tell whether there is nothing to stop; one that was left may still go on in its product."""
    row = session.store.product_runs.get(found.run.id) if found.is_ours else None
    return found.run.state.is_final and (row is None or row.is_settled)


def _see(found: KnownRun) -> str:
    if found.is_ours:
        return f"`safepoint runs follow {found.run.id}` sees it to its end, if nobody follows it"
    return f"`safepoint runs show {found.run.id}` shows how it stands"


def _looked_at(session: Session, run: Run) -> Run:
    """Look at a run that a product began, with its VMs."""
    kind: type[CanRunJobs] = CanRunJobs  # type: ignore[type-abstract]  # asked for, never made
    product = session.able(run.connection, Ability.RUN_JOBS, kind)
    if run.ref is None:
        return run
    (seen,) = product.follow_runs((run.ref,))
    return seen if seen.native_state else run


def _steps(session: Session, run: str) -> list[dict[str, Any]]:
    return [
        {
            "vm": row.workload_name,
            "tag": row.tag,
            "at": local_time(step.at),
            "event": step.event.value,
            "before": step.before.value,
            "after": step.after.value,
            "note": step.note,
        }
        for row in session.store.checkpoints.of_run(run)
        for step in session.store.checkpoints.history(row.tag)
    ]
