"""`safepoint lab guest`: look into a guest and change things there."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.output import Output
from safepoint.errors import UsageError
from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of

if TYPE_CHECKING:
    from safepoint_lab.daemon.client import LabClient

__all__ = ["guest"]


class GuestAction(StrEnum):
    """What can be done in a guest."""

    JUDGE = "judge"
    READ = "read"
    WRITE = "write"
    PATCH = "patch"
    DAMAGE = "damage"


def guest(
    context: typer.Context,
    vm: Annotated[str, typer.Argument(help="A VM, by name or GUID.")],
    action: Annotated[GuestAction, typer.Argument(help="What to do.")] = GuestAction.JUDGE,
    path: Annotated[str, typer.Argument(help="A file of the guest, /APP/VERSION.TXT.")] = "",
    text: Annotated[str, typer.Argument(help="What to write into it.")] = "",
    *,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Judge a guest, read or write a file, patch or damage it.

    `judge` exits 3 when the application or its data are not sound, so that it serves as the
    check of a drill.
    """
    lab = client_of(folder)
    output = output_of(context)
    if action in (GuestAction.READ, GuestAction.WRITE) and not path:
        message = f"{action} needs a file"
        raise UsageError(message, hint="safepoint lab guest VM read /APP/VERSION.TXT")
    match action:
        case GuestAction.READ:
            output.text(lab.read_file(vm, path))
            return
        case GuestAction.WRITE:
            lab.write_file(vm, path, text)
        case GuestAction.PATCH:
            lab.patch(vm)
        case GuestAction.DAMAGE:
            lab.damage(vm)
        case GuestAction.JUDGE:
            pass
    is_sound = _judge(lab, output, vm)
    if action is GuestAction.JUDGE and not is_sound:
        raise typer.Exit(EXIT_FINDINGS)


def _judge(lab: LabClient, output: Output, vm: str) -> bool:
    """Show what is in the guest; tells whether it is sound, and if not, why on stderr."""
    view = lab.inspect(vm)
    broken = ", ".join(view.broken_files) or "none"
    lines = [
        f"VM            {view.vm} ({view.power})",
        f"version       {view.version}",
        f"broken files  {broken}",
        f"data          {view.bank}: {view.detail}",
        f"transaction   {view.transaction}",
    ]
    if view.problem:
        lines.append(f"problem       {view.problem}")
    facts = {**view.model_dump(mode="json"), "healthy": view.healthy}
    output.facts("GuestReport", facts, lines)
    if not view.healthy:
        torn = view.detail if view.bank == "torn" else ""
        damaged = f"broken files: {broken}" if view.broken_files else ""
        told = dict.fromkeys(reason for reason in (view.problem, torn, damaged) if reason)
        reasons = "; ".join(told)
        output.say(f"{view.vm} is not sound: {reasons}", style="red")
    return view.healthy
