"""`safepoint replica drill GROUP`: prove that a group could be failed over, without doing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Column
from safepoint.cli.places import state_dir
from safepoint.cli.replicas import Connection, desk
from safepoint.cli.rows import local_time, seconds_text
from safepoint.cli.session import Session
from safepoint.errors import UsageError
from safepoint.replicas.choosing import members_of
from safepoint.replicas.drill import Drill, DrillLine, DrillReport

__all__ = ["add"]

_COLUMNS = (
    Column("vm", "VM"),
    Column("system", "ON"),
    Column("point", "STATE OF"),
    Column("rpo", "RPO", right=True),
    Column("rto", "RTO", right=True),
    Column("booted", "BOOTED"),
    Column("consistent", "CONSISTENT"),
    Column("clean", "CLEANED UP"),
    Column("problem", "PROBLEM"),
)


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("drill")(drill)


def drill(
    context: typer.Context,
    group: Annotated[str, typer.Argument(help="A ReplicaGroup of the estate.")],
    connection: Connection = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the report is written; a file of its own when left out."),
    ] = None,
) -> int:
    """Test a failover of a whole group: boot, check, measure, clean up. Exit 3 if one failed.

    Primaries and replication are not touched. The report has the state that was tested and its
    age (RPO), and the time until each VM had booted (RTO).
    """
    session: Session = context.obj
    document = session.estate.replica_group(group)
    first = session.estate.replica(document.spec.members[0].replica).spec.connection
    at = desk(session, connection or first)
    members = members_of(session.estate, document, at.look(), lambda _name: at.driver)
    if out is not None and out.exists():
        msg = f"{out} exists already and is not overwritten"
        raise UsageError(msg, hint="Take another file, or remove it first. Nothing was done.")
    if not document.spec.drill.check:
        session.output.warn(f"group {group} has no drill.check: consistency is not looked at")
    try:
        report = Drill(at.crew, at.conduct, at.orders).run(document, members)
    except KeyboardInterrupt:
        session.output.say(
            "interrupted: the test VMs of this drill are deleted. Should one be left, the next "
            "drill of the group deletes it, or `safepoint replica cancel VM`."
        )
        raise
    target = out or _default_place(report)
    _write(target, report)
    _show(session, report, target)
    return 0 if report.is_good else EXIT_FINDINGS


def _default_place(report: DrillReport) -> Path:
    return state_dir() / "reports" / f"drill-{report.group}-{report.began_at:%Y%m%dT%H%M%S}.json"


def _write(target: Path, report: DrillReport) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(report.facts(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"the drill is over, but its report cannot be written to {target}: {error.strerror}"
        raise UsageError(msg) from error


def _show(session: Session, report: DrillReport, target: Path) -> None:
    facts = {**report.facts(), "file": str(target)}
    if session.output.is_document:
        session.output.facts("ReplicaDrill", facts)
        return
    lines = [_line(one) for one in report.lines]
    session.output.rows("ReplicaDrill", lines, _COLUMNS)
    rto, rpo = seconds_text(report.rto_seconds), seconds_text(report.rpo_seconds)
    verdict = "passed" if report.is_good else "FAILED"
    session.output.say(
        f"drill of {report.group} {verdict}: RTO {rto or 'not reached'}, "
        f"RPO {rpo or 'not known'}; report: {target}"
    )


def _line(line: DrillLine) -> dict[str, str]:
    words = {True: "yes", False: "NO", None: "not checked"}
    return {
        "vm": line.vm,
        "system": line.system,
        "point": local_time(line.point_at),
        "rpo": seconds_text(line.rpo_seconds),
        "rto": seconds_text(line.rto_seconds),
        "booted": words[line.has_booted],
        "consistent": words[line.is_consistent],
        "clean": words[line.is_cleaned_up],
        "problem": line.problem,
    }
