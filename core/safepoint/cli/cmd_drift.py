"""`safepoint drift`: where a product is not what the documents say, and who moved."""

from __future__ import annotations

from dataclasses import asdict

import typer

from safepoint.cli.benches import (
    EXIT_PENDING,
    Connections,
    DetailedExitcode,
    Jobs,
    Owner,
    say_findings,
    workbench,
)
from safepoint.cli.output import Column
from safepoint.cli.session import Session
from safepoint.models.attributes import value_text
from safepoint.models.plans import PlanScope
from safepoint.models.resources import DEFAULT_OWNER

__all__ = ["add"]

_COLUMNS = (
    Column("connection", "CONNECTION"),
    Column("address", "RESOURCE"),
    Column("field", "FIELD"),
    Column("declared", "DECLARED"),
    Column("observed", "OBSERVED"),
    Column("side", "CHANGED IN"),
    Column("note", "NOTE"),
)


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("drift")(drift)


def drift(
    context: typer.Context,
    connection: Connections = None,
    job: Jobs = None,
    owner: Owner = DEFAULT_OWNER,
    *,
    detailed_exitcode: DetailedExitcode = False,
) -> int:
    """Show what somebody changed by hand in a product, by field.

    `safepoint apply` puts it back; `safepoint import` takes it over into documents.
    """
    session: Session = context.obj
    scope = PlanScope(connections=tuple(connection or ()), jobs=tuple(job or ()), owner=owner)
    plan, lines = workbench(session).drift(scope)
    rows = [asdict(line) for line in lines]
    shown = [
        {
            **row,
            "declared": value_text(line.declared) if line.field else "",
            "observed": value_text(line.observed) if line.field else "",
        }
        for row, line in zip(rows, lines, strict=True)
    ]
    empty = "no drift: every product is as declared"
    session.output.rows("DriftList", rows, _COLUMNS, show=shown, empty=empty)
    if not session.output.is_document:
        say_findings(session.output, plan.findings)
    return EXIT_PENDING if lines and detailed_exitcode else 0
