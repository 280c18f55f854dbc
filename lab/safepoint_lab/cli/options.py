"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safepoint.cli.output import Output

if TYPE_CHECKING:
    from safepoint_lab.daemon.client import LabClient

__all__ = ["DEFAULT_FOLDER", "Folder", "client_of", "output_of"]

DEFAULT_FOLDER = Path("safepoint-lab")

Folder = Annotated[
    Path,
    typer.Option("--dir", envvar="SAFEPOINT_LAB", help="The folder of the lab."),
]


def client_of(folder: Path) -> LabClient:
    """Return a client of the lab in a folder; nothing is asked yet."""
    from safepoint_lab.daemon.client import LabClient  # noqa: PLC0415 - heavy

    return LabClient(folder)


def output_of(context: typer.Context) -> Output:
    """Return where a command writes."""
    output: Output = context.obj.output
    return output
