"""`safepoint instant`: VMs that run straight from their restore points."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safepoint.cli.confirm import confirm
from safepoint.cli.failures import Failures, not_asked
from safepoint.cli.output import Column
from safepoint.cli.rows import local_time
from safepoint.cli.session import Session
from safepoint.drivers import CanRecoverInstantly
from safepoint.errors import DriverError, SafepointError, UnknownNameError
from safepoint.models.instant_recovery import InstantRecovery
from safepoint.runs.instant import Instant

__all__ = ["add"]

app = typer.Typer(
    help="VMs that run from backup storage: see, move to production storage, stop.",
    no_args_is_help=True,
)

_COLUMNS = (
    Column("vm", "VM"),
    Column("state", "STATE"),
    Column("word", "PRODUCT SAYS"),
    Column("node", "NODE"),
    Column("started", "STARTED"),
    Column("point", "STATE OF"),
    Column("connection", "CONNECTION"),
    Column("message", "MESSAGE"),
    Column("id", "ID"),
)

Recovery = Annotated[str, typer.Argument(help="A recovery by its VM's name or its id.")]


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="instant")


@app.command("list")
def list_recoveries(context: typer.Context) -> int:
    """List instant recoveries of every product, whoever started them.

    A product that cannot be asked is named, and the exit code is 8.
    """
    session: Session = context.obj
    failures: Failures = []
    found = _all(session, failures)
    session.output.rows(
        "InstantRecoveryList",
        [{**one.model_dump(mode="json"), "connection": name} for name, one in found],
        _COLUMNS,
        show=[_line(name, one) for name, one in found],
        empty="no VM runs from backup storage",
    )
    for name, error in failures:
        session.output.warn(f"the recoveries of {name!r} are missing here: {error.message}")
    return DriverError.exit_code if failures else 0


@app.command("migrate")
def migrate(context: typer.Context, recovery: Recovery) -> None:
    """Move a VM to production storage, and wait until it is an ordinary one."""
    session: Session = context.obj
    name, one = _find(session, recovery)
    Instant(_driver(session, name), session.output.say, session.waiter).migrate(
        one, key=f"migrate {one.ref}"
    )
    session.output.facts(
        "InstantRecoveryMigrated",
        {"vm": one.workload_name, "id": one.ref.id},
        [f"{one.workload_name}: moved to production storage"],
    )


@app.command("stop")
def stop(
    context: typer.Context,
    recovery: Recovery,
    yes: Annotated[str, typer.Option(help="The VM's name, instead of being asked.")] = "",
) -> None:
    """Stop a recovery: its VM, and everything it wrote, is removed."""
    session: Session = context.obj
    name, one = _find(session, recovery)
    place = ", which took the place of the original" if one.in_place else ""
    confirm(f"remove VM {one.workload_name}{place} and all that it wrote", one.workload_name, yes)
    _driver(session, name).stop_instant_recovery(one.ref, key=f"stop {one.ref}")
    session.output.facts(
        "InstantRecoveryStopped",
        {"vm": one.workload_name, "id": one.ref.id},
        [f"{one.workload_name}: the product was asked to stop it"],
    )


def _all(session: Session, failures: Failures) -> list[tuple[str, InstantRecovery]]:
    found: list[tuple[str, InstantRecovery]] = []
    for name in session.estate.connections:
        try:
            driver = session.driver(name)
            if isinstance(driver, CanRecoverInstantly):
                found += [(name, one) for one in driver.instant_recoveries()]
        except SafepointError as error:
            failures.append((name, error))
    return found


def _find(session: Session, wanted: str) -> tuple[str, InstantRecovery]:
    failures: Failures = []
    low = wanted.casefold()
    everything = _all(session, failures)
    hits = [each for each in everything if each[1].ref.id == wanted] or [
        each for each in everything if each[1].workload_name.casefold() == low
    ]
    if len(hits) == 1:
        return hits[0]
    what = f"{len(hits)} instant recoveries are" if hits else "no instant recovery is"
    msg = f"{what} called {wanted!r}"
    raise UnknownNameError(msg, hint=f"`safepoint instant list` shows them.{not_asked(failures)}")


def _driver(session: Session, connection: str) -> CanRecoverInstantly:
    driver = session.driver(connection)
    assert isinstance(driver, CanRecoverInstantly), "it was listed by this connection"
    return driver


def _line(connection: str, one: InstantRecovery) -> dict[str, Any]:
    return {
        "vm": one.workload_name,
        "state": one.state.value,
        "word": one.native_state,
        "node": one.node,
        "started": local_time(one.started_at),
        "point": local_time(one.point_created_at),
        "connection": connection,
        "message": one.message,
        "id": one.ref.id,
    }
