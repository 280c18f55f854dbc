"""`safepoint explain ID`: what a finding or an error means and what to do about it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated

import typer

from safepoint.cli.output import Column
from safepoint.cli.session import Session
from safepoint.errors import SafepointError, UnknownNameError
from safepoint.estate.suggestions import did_you_mean
from safepoint.planning.findings import CATALOGUE
from safepoint.replicas.refusals import REFUSALS
from safepoint.replicas.verdicts import VERDICTS

__all__ = ["add"]

_COLUMNS = (Column("id", "ID"), Column("severity", "SEVERITY"), Column("title", "WHAT"))


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    ident: Annotated[
        str | None, typer.Argument(metavar="ID", help="The word in brackets behind a finding.")
    ] = None,
) -> None:
    """Explain a finding of a plan, or an error, by its stable id; without one list them all."""
    session: Session = context.obj
    errors = dict(_errors(SafepointError))
    if ident is None:
        rows = [_row(code, k.severity.value, k.title) for code, k in CATALOGUE.items()]
        rows += [_row(code, k.severity.value, k.title) for code, k in VERDICTS.items()]
        rows += [_row(code, "refusal", k.title) for code, k in REFUSALS.items()]
        session.output.rows("FindingKindList", rows, _COLUMNS)
        return
    found = CATALOGUE.get(ident) or VERDICTS.get(ident)
    if found is not None:
        facts = {
            "id": ident,
            "severity": found.severity.value,
            "title": found.title,
            "meaning": found.meaning,
            "advice": found.advice,
        }
        lines = [f"{ident} ({found.severity}): {found.title}", "", found.meaning, "", found.advice]
        session.output.facts("Explanation", facts, lines)
        return
    refusal = REFUSALS.get(ident)
    if refusal is not None:
        facts = {"id": ident, "title": refusal.title}
        facts |= {"meaning": refusal.meaning, "advice": refusal.advice}
        lines = [f"{ident}: {refusal.title}", "", refusal.meaning, "", refusal.advice]
        session.output.facts("Explanation", facts, lines)
        return
    if ident not in errors:
        msg = f"no finding or error has the id {ident!r}"
        known = {*CATALOGUE, *VERDICTS, *REFUSALS, *errors}
        hint = did_you_mean(ident, known) or "`safepoint explain` lists them."
        raise UnknownNameError(msg, hint=hint)
    kind_of = errors[ident]
    text = inspect.getdoc(kind_of) or ""
    session.output.facts(
        "Explanation",
        {"id": ident, "exit_code": kind_of.exit_code, "meaning": text},
        [f"{ident} (exit {kind_of.exit_code})", "", text],
    )


def _row(code: str, severity: str, title: str) -> dict[str, str]:
    return {"id": code, "severity": severity, "title": title}


def _errors(kind: type[SafepointError]) -> Iterator[tuple[str, type[SafepointError]]]:
    yield kind.code, kind
    for inner in kind.__subclasses__():
        yield from _errors(inner)
