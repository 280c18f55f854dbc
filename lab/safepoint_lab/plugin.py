"""Registration: the commands `safepoint lab …` and `safepoint demo`."""

from __future__ import annotations

from safepoint.hookspecs import CommandRegistrar, hookimpl

__all__ = ["safepoint_commands"]


@hookimpl
def safepoint_commands(registrar: CommandRegistrar) -> None:
    """Add the group `lab` and the command `demo`."""
    from safepoint_lab.cli import app  # noqa: PLC0415 - only when a command line is built
    from safepoint_lab.demo.command import demo  # noqa: PLC0415 - as above

    registrar.add_typer(app, name="lab")
    registrar.add_command(demo, name="demo")
