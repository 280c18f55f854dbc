"""The command `safepoint demo`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safepoint.cli.rows import TASK_COLUMNS, task_line
from safepoint.cli.session import Session
from safepoint.models.runs import Task
from safepoint_lab.demo.side_by_side import COLUMNS, side_by_side

if TYPE_CHECKING:
    from safepoint_lab.daemon import LabClient

__all__ = ["demo"]

READY_SECONDS = 60.0
_HIDDEN = frozenset({"state", "stored", "reason"})


def demo(
    context: typer.Context,
    vms: Annotated[int, typer.Option(min=3, max=32, help="How many VMs the lab has.")] = 6,
    seed: Annotated[int, typer.Option(help="Makes another estate, the same each time.")] = 1,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the lab running and say what to type next.")
    ] = False,
) -> None:
    """Show everything on a simulated estate: patch, crash, backup, restore, products, a drill.

    Takes about two minutes, needs nothing but this installation, and removes what it made.
    """
    from safepoint_lab.daemon.catalogue import chosen_products  # noqa: PLC0415 - heavy
    from safepoint_lab.daemon.folder import LabFolder  # noqa: PLC0415 - as above
    from safepoint_lab.daemon.process import end_lab, start_lab  # noqa: PLC0415 - as above
    from safepoint_lab.demo.acts import ACTS  # noqa: PLC0415 - as above
    from safepoint_lab.demo.one_site import one_site  # noqa: PLC0415 - as above
    from safepoint_lab.demo.shell import Shell  # noqa: PLC0415 - as above
    from safepoint_lab.demo.story import Story  # noqa: PLC0415 - as above

    session: Session = context.obj
    folder = Path(tempfile.mkdtemp(prefix="safepoint-demo-"))
    place = LabFolder.at(folder / "lab")
    say = _teller(session)
    try:
        say(f"Starting a lab in {folder} …")
        products = chosen_products([act.product for act in ACTS if act.product])
        choices = {"vms": vms, "seed": seed, "products": products, "scenario": "replica"}
        client = start_lab(place, choices, READY_SECONDS)
        shell = Shell(folder / "home", one_site(place.estate))
        facts = Story(client, shell, say, ACTS).play()
        _close(session, facts)
        if keep:
            _say_next(session, client, folder)
    finally:
        if not keep:
            end_lab(place)
            shutil.rmtree(folder, ignore_errors=True)


def _teller(session: Session) -> Any:
    """Return how a line is told: to stdout for people, to stderr beside a document."""
    if session.output.is_table:
        return lambda line: session.output.data.print(
            line, style="bold" if line.startswith("==") else None, markup=False
        )
    return session.output.say


def _close(session: Session, facts: dict[str, Any]) -> None:
    if session.output.is_document:
        session.output.facts("Demo", facts)
        return
    tasks = [Task.model_validate(task) for task in facts["run"]["tasks"]]
    columns = [column for column in TASK_COLUMNS if column.field not in _HIDDEN]
    if session.output.is_table:
        session.output.data.print("\n== What was proved", style="bold", markup=False)
    session.output.rows("Demo", [task_line(task) for task in tasks], columns)
    if session.output.is_table:
        session.output.data.print("\n== Side by side", style="bold", markup=False)
        session.output.rows("Products", list(side_by_side(facts)), COLUMNS)
    session.output.say(
        f"{facts['seconds']} s; {facts['checkpoints_left']} checkpoints left behind."
    )


def _say_next(session: Session, client: LabClient, folder: Path) -> None:
    estate = client.status().estate
    session.output.say(f"The lab still runs. Try: safepoint --estate {estate} vm list")
    session.output.say(f"End it with: safepoint lab down --dir {folder / 'lab'}")
