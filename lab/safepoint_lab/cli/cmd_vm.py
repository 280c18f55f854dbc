"""`safepoint lab vm`: list VMs as the hosts have them, switch and move them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from safepoint.cli.output import Column
from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of

__all__ = ["vm"]

_COLUMNS = (
    Column("name", "VM"),
    Column("node", "NODE"),
    Column("power", "POWER"),
    Column("checkpoints", "CHECKPOINTS", right=True),
    Column("merging", "MERGING"),
    Column("file", "FIRST DISK"),
)


class VmAction(StrEnum):
    """What can be done to a VM from outside."""

    SHOW = "show"
    START = "start"
    SHUTDOWN = "shutdown"
    OFF = "off"
    SAVE = "save"
    PAUSE = "pause"
    RESET = "reset"
    MIGRATE = "migrate"


def vm(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A VM; all when left out.")] = "",
    action: Annotated[VmAction, typer.Argument(help="What to do.")] = VmAction.SHOW,
    *,
    folder: Folder = DEFAULT_FOLDER,
    to: Annotated[str, typer.Option(help="Node to migrate to; any other when left out.")] = "",
) -> None:
    """Show VMs as the hosts have them, or switch or move one."""
    lab = client_of(folder)
    if action is VmAction.MIGRATE:
        lab.migrate(name, to)
    elif action is not VmAction.SHOW:
        lab.power(name, action.value)
    found = [lab.vm(name)] if name else lab.vms()
    rows = [
        {
            **view.model_dump(mode="json"),
            "file": view.disks[0].file if view.disks else "",
        }
        for view in found
    ]
    output_of(context).rows("LabVmList", rows, _COLUMNS, empty="the lab has no VM")
