"""`safepoint lab node`: crash a host or bring it back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of
from safepoint_lab.cli.show_status import status_facts, status_lines

__all__ = ["node"]


class NodeAction(StrEnum):
    """What can happen to a host."""

    FAIL = "fail"
    RESTORE = "restore"


def node(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A node, such as hv01.")],
    action: Annotated[NodeAction, typer.Argument(help="What happens to it.")],
    *,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Crash a host (its VMs restart elsewhere), or bring it back."""
    lab = client_of(folder)
    if action is NodeAction.FAIL:
        lab.fail_node(name)
    else:
        lab.restore_node(name)
    found = lab.status()
    output_of(context).facts("LabStatus", status_facts(found), status_lines(found))
