"""Registration: the commands `safepoint lab …`."""

from __future__ import annotations

from safepoint.hookspecs import CommandRegistrar, hookimpl

__all__ = ["safepoint_commands"]


@hookimpl
def safepoint_commands(registrar: CommandRegistrar) -> None:
    """Add the group `lab`."""
    from safepoint_lab.cli import app  # noqa: PLC0415 - only when a command line is built

    registrar.add_typer(app, name="lab")
