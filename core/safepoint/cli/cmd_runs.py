"""`safepoint runs`: what was run, what became of it, and cancelling."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli.output import Column
from safepoint.cli.rows import (
    RUN_COLUMNS,
    TASK_COLUMNS,
    local_time,
    run_facts,
    run_line,
    task_line,
)
from safepoint.cli.session import Session

__all__ = ["app"]

app = typer.Typer(help="Runs: what was done, and how each VM came out.", no_args_is_help=True)


@app.command("list")
def list_runs(
    context: typer.Context,
    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
) -> None:
    """List runs, newest first."""
    session: Session = context.obj
    runs = session.store.runs.list(job=job, limit=limit)
    session.output.rows(
        "RunList",
        [run_facts(run) for run in runs],
        RUN_COLUMNS,
        show=[run_line(run) for run in runs],
        empty="no run yet: `safepoint run JOB` starts one",
    )


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
    found = session.store.runs.get(run)
    steps = _steps(session, found.id)
    if session.output.is_document:
        session.output.facts("Run", {**run_facts(found), "checkpoints": steps})
        return
    line = run_line(found)
    title = f"run {found.id} of {found.job}: {found.state}, {line['started']}, {line['took']}"
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


@app.command("cancel")
def cancel(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run id, or the beginning of one.")],
) -> None:
    """Ask a run, of whichever process, to stop cleanly."""
    session: Session = context.obj
    found = session.store.runs.get(run)
    if found.state.is_final:
        session.output.say(f"run {found.id} has ended already: {found.state}")
        return
    session.store.runs.request_cancel(found.id)
    session.output.say(f"run {found.id} was asked to stop; it releases its checkpoints first")


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
