"""`safepoint points`: what can be restored, and whether it is still what was copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.failures import Failures
from safepoint.cli.output import Column
from safepoint.cli.points import Found, all_points, find_point
from safepoint.cli.rows import local_time
from safepoint.cli.session import Session
from safepoint.drivers import Ability, CanVerify
from safepoint.drivers.outcomes import error_class
from safepoint.errors import DriverError, RunFailedError
from safepoint.models.checkpoints import OperationState
from safepoint.models.sizes import size_text
from safepoint.models.verification import VerifyStatus
from safepoint.runs.waiting import Waiter

__all__ = ["add"]

app = typer.Typer(help="Restore points of every connection.", no_args_is_help=True)

#: A verification reads everything; this only guards against one that never ends.
VERIFY_DEADLINE_SECONDS = 7 * 86400.0

_COLUMNS = (
    Column("vm", "VM"),
    Column("created", "CREATED"),
    Column("consistency", "CONSISTENCY"),
    Column("size", "SIZE", right=True),
    Column("stored", "STORED", right=True),
    Column("job", "JOB"),
    Column("connection", "CONNECTION"),
    Column("verified", "VERIFIED"),
    Column("problem", "PROBLEM"),
    Column("id", "RESTORE POINT"),
)
_FINDING_COLUMNS = (
    Column("vm", "VM"),
    Column("point", "RESTORE POINT"),
    Column("disk", "DISK"),
    Column("offset", "OFFSET", right=True),
    Column("file", "FILE"),
    Column("problem", "PROBLEM"),
)


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="points")


@app.command("list")
def list_points(
    context: typer.Context,
    vm: Annotated[str | None, typer.Argument(help="Only of the VM with this name.")] = None,
    connection: Annotated[
        list[str] | None, typer.Option(help="Only of this connection; repeatable.")
    ] = None,
) -> int:
    """List restore points of every connection, oldest first within each.

    Those that products keep are listed beside ours. Exit 3 when one is damaged or missing, 8 when
    a connection could not be asked; it is named, and hides no other.
    """
    session: Session = context.obj
    failures: Failures = []
    found = list(all_points(session, failures, connections=connection, vm=vm))
    session.output.rows(
        "RestorePointList",
        [_facts(each) for each in found],
        _COLUMNS,
        show=[_line(each) for each in found],
        empty="no restore point",
    )
    return _told(session, failures) or (EXIT_FINDINGS if any(f.problem for f in found) else 0)


def _told(session: Session, failures: Failures) -> int:
    """Name the connections that could not be asked, and return the exit code that says so."""
    for name, error in failures:
        session.output.warn(f"the restore points of {name!r} are missing here: {error.message}")
        if error.hint:
            session.output.say(f"  hint: {error.hint}")
    return DriverError.exit_code if failures else 0


@app.command("verify")
def verify(
    context: typer.Context,
    points: Annotated[
        list[str] | None, typer.Argument(help="Points by id or its beginning; all when left out.")
    ] = None,
    vm: Annotated[str | None, typer.Option(help="Only of the VM with this name.")] = None,
) -> int:
    """Read restore points back, byte by byte. Exit 3 when something is not as it was copied."""
    session: Session = context.obj
    failures: Failures = []
    chosen = (
        [find_point(session, each) for each in points]
        if points
        else [f for f in all_points(session, failures, vm=vm) if _can_be_read(session, f)]
    )
    findings: list[dict[str, Any]] = []
    for each in chosen:
        findings += list(_verify_one(session, each))
    good = len(chosen) - len({finding["point"] for finding in findings})
    if session.output.is_document:
        session.output.facts("Verification", {"checked": len(chosen), "findings": findings})
    elif findings or not session.output.is_table:
        session.output.rows("FindingList", findings, _FINDING_COLUMNS)
    session.output.say(f"{good} of {len(chosen)} restore points are good")
    return _told(session, failures) or (EXIT_FINDINGS if findings else 0)


def _can_be_read(session: Session, found: Found) -> bool:
    """Tell whether somebody can read the point back; a product that cannot is said, once asked."""
    kind: type[CanVerify] = CanVerify  # type: ignore[type-abstract]  # asked for, never made
    if session.has(found.connection, Ability.VERIFY, kind):
        return True
    session.output.warn(
        f"{found.point.workload_name} {found.point.ref.id}: not read back, because "
        f"{found.connection!r} cannot verify"
    )
    return False


def _verify_one(session: Session, found: Found) -> Iterator[dict[str, Any]]:
    point = found.point
    if not found.is_readable:
        yield {
            "vm": point.workload_name,
            "point": point.ref.id,
            "disk": "",
            "offset": 0,
            "file": "",
            "problem": found.problem,
        }
        return
    kind: type[CanVerify] = CanVerify  # type: ignore[type-abstract]  # asked for, never made
    verifier = session.able(found.connection, Ability.VERIFY, kind)
    ref = verifier.start_verification(point.ref, key=f"verify {point.ref}")

    def ended() -> VerifyStatus | None:
        status = verifier.verification(ref)
        return None if status.state is OperationState.RUNNING else status

    status = Waiter().until(ended, deadline_seconds=VERIFY_DEADLINE_SECONDS)
    if status is None or status.report is None:
        if status is not None and status.code:
            raise error_class(status.code)(status.message)
        msg = f"the verification of {point.ref.id} ended without a result"
        raise RunFailedError(msg)
    if status.report.is_good:
        session.store.points.mark_verified(point.ref)
        session.output.say(f"{point.workload_name} {point.ref.id}: good")
    else:
        first = status.report.findings[0]
        session.store.points.mark_damaged(point.ref, f"{first.file}: {first.problem}")
    for finding in status.report.findings:
        facts = finding.model_dump(mode="json")
        yield {"vm": point.workload_name, "point": point.ref.id, **facts}


def _facts(found: Found) -> dict[str, Any]:
    verified = found.verified_at.isoformat() if found.verified_at else None
    return {
        **found.point.model_dump(mode="json"),
        "connection": found.connection,
        "verified_at": verified,
        "problem": found.problem,
    }


def _line(found: Found) -> dict[str, Any]:
    point = found.point
    return {
        "vm": point.workload_name,
        "created": local_time(point.created_at),
        "consistency": point.consistency.value,
        "size": size_text(point.size_bytes),
        "stored": size_text(point.stored_bytes) if point.read_bytes or point.stored_bytes else "",
        "job": point.job,
        "connection": found.connection,
        "verified": local_time(found.verified_at),
        "problem": found.problem,
        "id": point.ref.id,
    }
