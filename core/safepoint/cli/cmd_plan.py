"""`safepoint plan`: what would change, field by field, and what no product can carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from safepoint.cli.benches import (
    EXIT_PENDING,
    Accept,
    AllowDelete,
    Connections,
    DetailedExitcode,
    Jobs,
    Owner,
    check_named,
    show_plan,
    workbench,
)
from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.session import Session
from safepoint.errors import UsageError
from safepoint.models.plans import Plan, PlanScope
from safepoint.models.resources import DEFAULT_OWNER

__all__ = ["add", "exit_of"]


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("plan")(plan)


def plan(
    context: typer.Context,
    connection: Connections = None,
    job: Jobs = None,
    owner: Owner = DEFAULT_OWNER,
    allow_delete: AllowDelete = None,
    accept: Accept = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the plan to this file, for `safepoint apply`.")
    ] = None,
    *,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Also mark what matches by name but bears no marker.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show what stays unchanged, too.")
    ] = False,
    detailed_exitcode: DetailedExitcode = False,
) -> int:
    """Compare what is declared with what the products have. Changes nothing.

    Exit 0: done; 3: a finding forbids applying it; with --detailed-exitcode 20: changes pending.
    """
    session: Session = context.obj
    scope = PlanScope(
        connections=tuple(connection or ()),
        jobs=tuple(job or ()),
        owner=owner,
        adopt=adopt,
        allow_delete=tuple(allow_delete or ()),
        accept=tuple(accept or ()),
    )
    made = workbench(session).plan(scope)
    check_named(session.output, made)
    if out is not None:
        _save(made, out)
    show_plan(session.output, made, everything=everything)
    if out is not None:
        session.output.say(f"saved; carry it out with: safepoint apply {out}")
    return exit_of(made, detailed=detailed_exitcode)


def exit_of(made: Plan, *, detailed: bool) -> int:
    """Return the exit code of a plan that was made."""
    if made.blockers:
        return EXIT_FINDINGS
    return EXIT_PENDING if detailed and made.writes else 0


def _save(made: Plan, path: Path) -> None:
    try:
        path.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the plan to {path}: {error.strerror}"
        raise UsageError(msg) from error
