"""`safepoint lab status`: what runs, and what is open."""

from __future__ import annotations

import typer

from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, client_of, output_of
from safepoint_lab.cli.show_status import status_facts, status_lines

__all__ = ["status"]


def status(context: typer.Context, *, folder: Folder = DEFAULT_FOLDER) -> None:
    """Show the lab: nodes, VMs, open checkpoints, merges, armed faults."""
    found = client_of(folder).status()
    output_of(context).facts("LabStatus", status_facts(found), status_lines(found))
