"""The hooks a plugin may implement: few, typed, for registration only.

Vendor work never goes through hooks; it goes through the abstract classes in
`safepoint.drivers`. A hook that returns something is a *register* hook: it must be cheap, must
not connect anywhere and must not import a vendor library.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import typer

    from safepoint.drivers.spec import DriverSpec
    from safepoint.retention import RetentionArithmetic
    from safepoint.schedules import ScheduleDialect

__all__ = [
    "CommandRegistrar",
    "hookimpl",
    "safepoint_commands",
    "safepoint_drivers",
    "safepoint_retention",
    "safepoint_schedules",
]

#: The name under which plugins register (entry-point group and pluggy project).
PROJECT = "safepoint"

hookspec = pluggy.HookspecMarker(PROJECT)
#: Marks a function of a plugin module as the implementation of a hook.
hookimpl = pluggy.HookimplMarker(PROJECT)


class CommandRegistrar(Protocol):
    """What `safepoint_commands` gets: a narrow door to the command line."""

    def add_typer(self, app: typer.Typer, /, *, name: str) -> None:
        """Add a group of commands, `safepoint NAME …`; a taken name is an error."""

    def add_command(self, function: Any, /, *, name: str) -> None:
        """Add one command, `safepoint NAME`; a taken name is an error."""


@hookspec
def safepoint_drivers() -> Iterable[DriverSpec[Any]]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the drivers this plugin offers.

    Called once when plugins are loaded. Must not connect, read files or import vendor libraries:
    listing plugins and validating files has to work on a machine that has none of them.
    """


@hookspec
def safepoint_retention() -> Iterable[RetentionArithmetic]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return how the products of this plugin age restore points, one for each of their modes.

    Called once when plugins are loaded; needs no driver, so that a product can be simulated
    before it is connected. The same rules as for `safepoint_drivers`; names are unique among all
    plugins, and `exact` is taken.
    """


@hookspec
def safepoint_schedules() -> Iterable[ScheduleDialect]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return how the products of this plugin handle the clock, by the names of their drivers.

    Called once when plugins are loaded. The same rules as for `safepoint_drivers`.
    """


@hookspec
def safepoint_commands(registrar: CommandRegistrar) -> None:
    """Add commands to the command line.

    Called once when the command line is built. Keep imports inside the command bodies.
    """
