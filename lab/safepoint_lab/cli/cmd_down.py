"""`safepoint lab down`: stop a lab."""

from __future__ import annotations

import typer

from safepoint_lab.cli.options import DEFAULT_FOLDER, Folder, output_of

__all__ = ["down"]


def down(context: typer.Context, *, folder: Folder = DEFAULT_FOLDER) -> None:
    """Stop the lab; its folder stays, and `lab up` continues with it."""
    from safepoint_lab.daemon.folder import LabFolder  # noqa: PLC0415 - heavy
    from safepoint_lab.daemon.process import end_lab  # noqa: PLC0415 - as above

    place = LabFolder.at(folder)
    ended = end_lab(place)
    output = output_of(context)
    output.facts("LabDown", {"folder": str(place.root), "was_running": ended})
    output.say("the lab has stopped" if ended else f"no lab runs in {place.root}")
