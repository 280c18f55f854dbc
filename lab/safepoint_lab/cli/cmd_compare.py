"""`safepoint lab compare`: are a VM's disks what a checkpoint froze?"""

from __future__ import annotations

from typing import Annotated

import typer

from safepoint.cli.exits import EXIT_FINDINGS
from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of

__all__ = ["compare"]


def compare(
    context: typer.Context,
    checkpoint: Annotated[
        str, typer.Argument(help="A checkpoint's GUID or name; also a gone one.")
    ],
    vm: Annotated[str, typer.Argument(help="A VM that is off.")],
    *,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Compare a VM's disks with the ground truth of a checkpoint; exit 3 when they differ."""
    found = client_of(folder).compare_vm(checkpoint, vm)
    same = not any(found.values())
    lines = [
        f"{slot}  {'as frozen' if not cells else f'{len(cells)} cells of 1 MiB differ'}"
        for slot, cells in found.items()
    ]
    facts = {"checkpoint": checkpoint, "vm": vm, "same": same, "differing": found}
    output_of(context).facts("LabComparison", facts, lines)
    if not same:
        raise typer.Exit(EXIT_FINDINGS)
