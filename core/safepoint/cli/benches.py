"""What the planning commands share: a workbench, the scope options, how a plan looks."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from safepoint.cli.output import Column, Output
from safepoint.cli.session import Session
from safepoint.errors import UsageError
from safepoint.estate.suggestions import did_you_mean
from safepoint.models.attributes import value_text
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.losses import Fidelity, Loss
from safepoint.models.plans import Action, FieldChange, Plan, PlannedChange
from safepoint.planning import Tools, Workbench
from safepoint.planning.findings import CATALOGUE

__all__ = [
    "EXIT_PENDING",
    "Accept",
    "AllowDelete",
    "Connections",
    "DetailedExitcode",
    "Jobs",
    "Owner",
    "check_named",
    "say_findings",
    "show_plan",
    "workbench",
]

#: `plan` and `drift` with `--detailed-exitcode`: something would change.
EXIT_PENDING: Final = 20

Connections = Annotated[
    list[str] | None, typer.Option("--connection", help="Only this connection; repeatable.")
]
Jobs = Annotated[
    list[str] | None,
    typer.Option("--job", help="Only this job and what it needs; deletes nothing. Repeatable."),
]
Owner = Annotated[
    str,
    typer.Option(
        envvar="SAFEPOINT_OWNER",
        help="Who plans, in markers; two estates on one product need different owners.",
    ),
]
AllowDelete = Annotated[
    list[str] | None,
    typer.Option("--allow-delete", help="This address may be deleted; repeatable."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", help="Accept findings with this id; repeatable."),
]
DetailedExitcode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit 20 when something would change.")
]

_CHANGE_COLUMNS: Final = (
    Column("action", "ACTION"),
    Column("connection", "CONNECTION"),
    Column("address", "RESOURCE"),
    Column("field", "FIELD"),
    Column("before", "BEFORE"),
    Column("after", "AFTER"),
    Column("reason", "REASON"),
)
_LOSS_COLUMNS: Final = (
    Column("fidelity", "FIDELITY"),
    Column("document", "DOCUMENT"),
    Column("field", "FIELD"),
    Column("wanted", "WANTED"),
    Column("vendor_value", "THERE"),
    Column("reason", "REASON"),
)
#: How many documents with the same loss are named.
_SHOWN: Final = 3
_STYLES: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: ""}


def workbench(session: Session) -> Workbench:
    """Return the workbench of the estate; nothing is connected yet."""
    tools = Tools(
        driver=session.driver,
        store=session.store,
        executor=lambda: session.executor.id,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        new_id=lambda: secrets.token_hex(8),
    )
    return Workbench(session.estate, tools)


def check_named(output: Output, plan: Plan) -> None:
    """Look whether what the person named is there at all.

    Raises:
        UsageError: `--accept` names a finding that does not exist.
    """
    known = {*CATALOGUE, *(one.code for one in plan.findings)}
    for code in plan.scope.accept:
        if code not in known:
            msg = f"--accept: no finding has the id {code!r}"
            raise UsageError(
                msg, hint=did_you_mean(code, known) or "`safepoint explain` lists them."
            )
    going = {c.address for c in plan.changes if c.action in {Action.DELETE, Action.REPLACE}}
    for address in sorted(set(plan.scope.allow_delete) - going):
        output.warn(f"--allow-delete: the plan does not delete {address}")


def show_plan(output: Output, plan: Plan, *, everything: bool = False) -> None:
    """Write a plan: its lines, what the products cannot carry, findings, and a summary."""
    if output.is_document:
        output.facts("Plan", plan.model_dump(mode="json"))
        return
    shown = [c for c in plan.changes if everything or c.is_write]
    rows = [row for change in shown for row in _change_rows(change)]
    empty = "no changes: every product is as declared"
    output.rows("ChangeList", rows, _CHANGE_COLUMNS, empty=empty)
    lost = _loss_rows(one for one in plan.losses if one.fidelity is not Fidelity.EXACT)
    if lost and output.is_table:
        output.text("")
        output.rows("LossList", lost, _LOSS_COLUMNS, title="Not carried exactly:")
    say_findings(output, plan.findings)
    output.say(_summary(plan))


def say_findings(output: Output, findings: Iterable[Diagnostic]) -> None:
    """Say findings on stderr, worst first, with their ids."""
    order = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    for one in sorted(findings, key=lambda each: order.index(each.severity)):
        output.say(f"{one.severity}: {one.summary} [{one.code}]", style=_STYLES[one.severity])
        if one.severity is Severity.ERROR:
            output.say(f"  hint: {one.hint}")


def _change_rows(change: PlannedChange) -> list[dict[str, Any]]:
    head = {
        "action": change.action.value,
        "connection": change.connection,
        "address": change.address,
        "reason": change.reason,
    }
    fields: Sequence[FieldChange] = change.fields
    if change.action is Action.DELETE or not fields:
        return [head]
    blank = dict.fromkeys(head, "")
    return [
        {
            **(head if number == 0 else blank),
            "field": one.field,
            "before": "" if change.action is Action.CREATE else value_text(one.before),
            "after": value_text(one.after),
        }
        for number, one in enumerate(fields)
    ]


def _loss_rows(losses: Iterable[Loss]) -> list[dict[str, Any]]:
    """Return a row for each loss; what many documents lose alike is one row."""
    groups: dict[Loss, list[str]] = {}
    for loss in losses:
        alike = loss.model_copy(update={"document": ""})
        groups.setdefault(alike, []).append(loss.document)
    return [
        {**alike.model_dump(mode="json"), "document": _some(of)} for alike, of in groups.items()
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _summary(plan: Plan) -> str:
    counts = Counter(change.action for change in plan.changes)
    parts = [f"{counts[a]} to {a}" for a in Action if a is not Action.NONE and counts[a]]
    parts.append(f"{counts[Action.NONE]} unchanged")
    exact = sum(1 for one in plan.losses if one.fidelity is Fidelity.EXACT)
    lost = len(plan.losses) - exact
    fields = f"{exact} fields exact, {lost} not" if plan.losses else "no fields translated"
    return f"plan {plan.id}: {', '.join(parts)}; {fields}"
