"""`safepoint audit`: every write to any system, and the proof that nobody changed the record."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Column
from safepoint.cli.rows import local_time
from safepoint.cli.session import Session
from safepoint.cli.spans import ago
from safepoint.models.audit_log import AuditEntry, AuditHead, AuditOutcome

__all__ = ["add"]

app = typer.Typer(
    help="The audit log: every write to any system, sealed line by line.",
    no_args_is_help=True,
)

_COLUMNS = (
    Column("sequence", "LINE", right=True),
    Column("at", "WHEN"),
    Column("actor", "WHO"),
    Column("system", "SYSTEM"),
    Column("deed", "DEED"),
    Column("target", "TARGET"),
    Column("outcome", "OUTCOME"),
    Column("detail", "DETAIL"),
)
_BREAKS = (Column("sequence", "LINE", right=True), Column("problem", "WHAT IS WRONG"))


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="audit")


@app.command("list")
def list_entries(
    context: typer.Context,
    connection: Annotated[str | None, typer.Option(help="Only writes to this one.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Only those whose target contains this.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only so far back: 30m, 4h, 2d.")] = None,
    limit: Annotated[int, typer.Option(help="How many lines, the newest.", min=1)] = 50,
) -> None:
    """List what was asked of systems, in order. A line `asked` is followed by its outcome."""
    session: Session = context.obj
    begin = ago(session.store.clock(), since, "--since") if since else None
    entries = session.store.audit.entries(
        system=connection, target=target, since=begin, limit=limit
    )
    session.output.rows(
        "AuditEntryList",
        [entry.model_dump(mode="json") for entry in entries],
        _COLUMNS,
        show=[_line(entry) for entry in entries],
        empty="no write yet",
    )


@app.command("verify")
def verify(
    context: typer.Context,
    head: Annotated[
        list[str] | None,
        typer.Option(help="A head written down earlier, as this command prints it."),
    ] = None,
) -> int:
    """Prove that no line was changed, dropped, swapped or cut off. Exit 3 when one was."""
    session: Session = context.obj
    log = session.store.audit
    breaks = log.verify(_head(text) for text in head or ())
    now = log.head()
    facts = {
        "lines": now.sequence if now else 0,
        "head": now.text if now else "",
        "is_whole": not breaks,
        "breaks": [one.model_dump(mode="json") for one in breaks],
    }
    if session.output.is_document:
        session.output.facts("AuditVerification", facts)
    elif breaks:
        rows = [one.model_dump(mode="json") for one in breaks]
        session.output.rows("AuditBreakList", rows, _BREAKS)
    else:
        lines = [f"{facts['lines']} lines, each as it was written"]
        lines += [f"head {now.text}"] if now else []
        session.output.facts("AuditVerification", facts, lines)
    if not breaks:
        return 0
    session.output.warn("the audit log is not what was written; see the lines above")
    return EXIT_FINDINGS


def _head(text: str) -> AuditHead:
    try:
        return AuditHead.parse(text)
    except ValueError as error:
        msg = f"{error}; give it as `safepoint audit verify` printed it"
        raise typer.BadParameter(msg) from error


def _line(entry: AuditEntry) -> dict[str, Any]:
    shown = entry.model_dump(mode="json")
    shown["at"] = local_time(entry.at)
    if entry.outcome is AuditOutcome.ASKED and not entry.detail:
        asked = entry.after or entry.before or {}
        shown["detail"] = ", ".join(f"{k}={v}" for k, v in list(asked.items())[:4])
    return shown
