"""`safepoint apply`: carry out a plan, and look whether nothing is left to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from safepoint.cli.benches import (
    Accept,
    AllowDelete,
    Connections,
    Jobs,
    Owner,
    check_named,
    say_findings,
    show_plan,
    workbench,
)
from safepoint.cli.exits import EXIT_INTERRUPTED
from safepoint.cli.interrupts import cancel_on_interrupt
from safepoint.cli.output import Column, Output
from safepoint.cli.session import Session
from safepoint.errors import PlanNotConvergedError, PlanRejectedError, UsageError
from safepoint.models.plans import Plan, PlannedChange, PlanScope
from safepoint.models.resources import DEFAULT_OWNER
from safepoint.planning import ApplyReport, Step, Workbench
from safepoint.store import OperationState

__all__ = ["add"]

_COLUMNS: Final = (
    Column("outcome", "OUTCOME"),
    Column("action", "ACTION"),
    Column("connection", "CONNECTION"),
    Column("address", "RESOURCE"),
)
_STOPPING: Final = "stopping after the change that is under way …"
_WAITING: Final = (
    "still waiting for its answer; once more leaves it to the next apply, which looks"
)
_OUTCOMES: Final[dict[OperationState | None, str]] = {
    OperationState.DONE: "done",
    OperationState.VERIFIED: "done (seen, its answer was lost)",
    OperationState.FAILED: "failed",
    OperationState.UNKNOWN: "uncertain",
    OperationState.ABSENT: "not done (no answer, no effect)",
    OperationState.INTENT: "uncertain",
    None: "not begun",
}


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("apply")(apply)


def apply(
    context: typer.Context,
    plan: Annotated[
        Path | None, typer.Argument(help="A saved plan; a new one is made when left out.")
    ] = None,
    connection: Connections = None,
    job: Jobs = None,
    owner: Owner = DEFAULT_OWNER,
    allow_delete: AllowDelete = None,
    accept: Accept = None,
    *,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Also mark what matches by name but bears no marker.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--auto-approve", help="Do not ask before a plan that was not saved.")
    ] = False,
) -> int:
    """Bring the products to what is declared.

    Every write is journaled before it is asked for. It stops at the first failure and says what
    was done and what not; running it again goes on from there. A saved plan is refused when the
    documents or the world moved since.
    """
    session: Session = context.obj
    bench = workbench(session)
    if plan is not None:
        chosen = _load(plan)
        named = (
            ("--connection", connection),
            ("--job", job),
            ("--accept", accept),
            ("--allow-delete", allow_delete),
            ("--adopt", adopt),
        )
        for name, given in named:
            if given:
                msg = f"{name} cannot be given with a saved plan; the plan has its own scope"
                raise UsageError(msg)
    else:
        scope = PlanScope(
            connections=tuple(connection or ()),
            jobs=tuple(job or ()),
            owner=owner,
            adopt=adopt,
            allow_delete=tuple(allow_delete or ()),
            accept=tuple(accept or ()),
        )
        chosen = bench.plan(scope)
        check_named(session.output, chosen)
        if not session.output.is_document:
            show_plan(session.output, chosen)
        _approve(chosen, yes=yes)
    return _carry_out(session, bench, chosen, must_be_fresh=plan is not None)


def _carry_out(session: Session, bench: Workbench, chosen: Plan, *, must_be_fresh: bool) -> int:
    try:
        with cancel_on_interrupt(session.output, first=_STOPPING, later=_WAITING) as stop:
            report = bench.apply(
                chosen,
                sink=_Shown(session.output),
                must_be_fresh=must_be_fresh,
                should_stop=stop.is_set,
            )
    except PlanRejectedError:
        if must_be_fresh:
            say_findings(session.output, chosen.blockers)
        raise
    except PlanNotConvergedError as error:
        for line in error.differences:
            session.output.say(f"  {line}")
        raise
    _show(session.output, report)
    if report.is_stopped:
        return EXIT_INTERRUPTED
    return 0 if report.error is None else report.error.exit_code


class _Shown:
    """Says each step on stderr."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begins(self, number: int, total: int, change: PlannedChange, /) -> None:
        self._output.say(f"[{number}/{total}] {change.action} {change.address} …")

    def ended(self, step: Step, /) -> None:
        if step.state not in {OperationState.DONE, OperationState.VERIFIED}:
            self._output.say(f"  {step.change.address}: {_OUTCOMES[step.state]}", style="red")

    def remark(self, text: str, /) -> None:
        self._output.say(f"  {text}", style="yellow")


def _show(output: Output, report: ApplyReport) -> None:
    rows = [_row(step) for step in report.steps]
    if output.is_document:
        facts = {"plan": report.plan, "stopped": report.is_stopped, "steps": rows}
        error = report.error.to_dict() if report.error is not None else None
        output.facts("ApplyReport", {**facts, "error": error})
        return
    count = len(report.done)
    if report.error is not None or report.is_stopped:
        output.rows("StepList", rows, _COLUMNS)
        cause = "" if report.error is None else "Remove the cause. "
        output.say(
            f"{count} done, {len(report.not_done)} not done. {cause}"
            "Run `safepoint apply` again: it goes on from here."
        )
    elif count:
        word = "change" if count == 1 else "changes"
        output.say(f"applied: {count} {word}; looked again: nothing left to do")
    else:
        output.say("nothing to do")
    if report.error is not None:
        output.error(report.error)


def _row(step: Step) -> dict[str, Any]:
    return {
        "outcome": _OUTCOMES[step.state],
        "action": step.change.action.value,
        "connection": step.change.connection,
        "address": step.change.address,
        "keys": list(step.keys),
    }


def _load(path: Path) -> Plan:
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        msg = f"cannot read the plan {path}: {error.strerror}"
        raise UsageError(msg, hint="`safepoint plan --out FILE` writes one.") from error
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        msg = f"{path} is no plan of this version ({where or 'not JSON'})"
        raise UsageError(msg, hint="`safepoint plan --out FILE` writes one.") from error


def _approve(chosen: Plan, *, yes: bool) -> None:
    """Ask, unless nothing is lost by going on: no write, a finding that forbids it, or a yes."""
    if yes or not chosen.writes or chosen.blockers:
        return
    if not sys.stdin.isatty():
        msg = "nobody is there to approve the plan"
        hint = "Save it with `safepoint plan --out FILE`, or give --auto-approve."
        raise UsageError(msg, hint=hint)
    answer = typer.prompt(
        f"Changes to carry out: {len(chosen.writes)}. Type 'yes'", default="", err=True
    )
    if answer.strip().casefold() != "yes":
        msg = "not approved; nothing was done"
        raise UsageError(msg)
