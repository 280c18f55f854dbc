"""Finding plugins and keeping a broken one from breaking the rest.

Plugins are modules announced by the entry-point group `safepoint`. Each is imported and
registered on its own; a failure becomes data that `safepoint plugin list` shows.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from safepoint import hookspecs
from safepoint.drivers import DRIVER_API, DriverSpec
from safepoint.errors import (
    PluginError,
    PluginIncompatibleError,
    PluginLoadError,
    UnknownNameError,
)
from safepoint.hookspecs import PROJECT, CommandRegistrar
from safepoint.retention import EXACT, RetentionArithmetic
from safepoint.schedules import ScheduleDialect

__all__ = ["Plugin", "PluginHost"]

log = logging.getLogger(__name__)

#: Names in this comma-separated variable are not loaded: the way out when a plugin hangs.
BLOCK_VARIABLE = "SAFEPOINT_BLOCK_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found, loaded or not."""

    name: str
    distribution: str
    version: str
    drivers: tuple[str, ...] = ()
    error: PluginError | None = None
    is_blocked: bool = False


class PluginHost:
    """Loads plugins and answers what they offer.

    Args:
        found: The entry points; the installed ones when left out.
        blocked: Names not to load; from the environment when left out.
    """

    def __init__(
        self, found: Iterable[EntryPoint] | None = None, *, blocked: Iterable[str] | None = None
    ) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._specs: dict[str, DriverSpec[Any]] = {}
        self._arithmetics: dict[str, RetentionArithmetic] = {EXACT.name: EXACT}
        self._dialects: dict[str, ScheduleDialect] = {}
        if blocked is None:
            blocked = os.environ.get(BLOCK_VARIABLE, "").split(",")
        names = frozenset(name.strip() for name in blocked if name.strip())
        chosen = entry_points(group=PROJECT) if found is None else found
        self.plugins = tuple(
            self._load(entry, is_blocked=entry.name in names)
            for entry in sorted(chosen, key=lambda one: one.name)
        )

    def _load(self, entry: EntryPoint, *, is_blocked: bool) -> Plugin:
        distribution = entry.dist.name if entry.dist else "?"
        version = entry.dist.version if entry.dist else "?"
        found = Plugin(entry.name, distribution, version, is_blocked=is_blocked)
        if is_blocked:
            return found
        try:
            drivers = self._register(entry)
        except PluginError as error:
            problem = error
        except BaseException as error:
            # Whatever a stranger's module does at import, SystemExit included, stays its problem.
            if isinstance(error, KeyboardInterrupt):
                raise
            msg = (
                f"plugin {entry.name!r} ({distribution} {version}) failed to load: {_text(error)}"
            )
            problem = PluginLoadError(msg, hint="Update or uninstall it; the others keep working.")
            log.debug("plugin %s failed to load", entry.name, exc_info=True)
        else:
            return Plugin(entry.name, distribution, version, drivers)
        if self._manager.has_plugin(entry.name):
            self._manager.unregister(name=entry.name)
        return Plugin(entry.name, distribution, version, error=problem)

    def _register(self, entry: EntryPoint) -> tuple[str, ...]:
        module = entry.load()
        self._manager.register(module, name=entry.name)
        self._manager.check_pending()
        specs: tuple[DriverSpec[Any], ...] = _offered(module, "safepoint_drivers")
        arithmetics: tuple[RetentionArithmetic, ...] = _offered(module, "safepoint_retention")
        dialects: tuple[ScheduleDialect, ...] = _offered(module, "safepoint_schedules")
        for spec in specs:
            self._check(entry, spec)
        for taken, found in ((self._arithmetics, arithmetics), (self._dialects, dialects)):
            _refuse_twins(entry, taken, [each.name for each in found])
        self._specs.update((spec.name, spec) for spec in specs)
        self._arithmetics.update((each.name, each) for each in arithmetics)
        self._dialects.update((each.name, each) for each in dialects)
        return tuple(spec.name for spec in specs)

    def _check(self, entry: EntryPoint, spec: DriverSpec[Any]) -> None:
        if spec.api != DRIVER_API:
            side = "a newer" if spec.api > DRIVER_API else "an older"
            msg = f"driver {spec.name!r} of plugin {entry.name!r} speaks boundary {spec.api}"
            hint = f"This safepoint speaks {DRIVER_API}: it needs {side} safepoint or an update."
            raise PluginIncompatibleError(msg, hint=hint)
        if spec.name in self._specs:
            msg = f"plugin {entry.name!r} offers a driver {spec.name!r} that another plugin has"
            raise PluginLoadError(msg, hint=f"Block one of them with {BLOCK_VARIABLE}.")

    @property
    def drivers(self) -> dict[str, DriverSpec[Any]]:
        """The drivers of all loaded plugins, by name."""
        return dict(self._specs)

    @property
    def retention_arithmetics(self) -> dict[str, RetentionArithmetic]:
        """How products age restore points, by name; `exact`, the neutral meaning, comes first."""
        return dict(self._arithmetics)

    @property
    def schedule_dialects(self) -> dict[str, ScheduleDialect]:
        """How products handle the clock, by the names of their drivers."""
        return dict(self._dialects)

    def driver(self, name: str) -> DriverSpec[Any]:
        """Return a driver by name; raises UnknownNameError with a suggestion."""
        spec = self._specs.get(name)
        if spec is None:
            raise self._unknown(name)
        return spec

    def add_commands(self, registrar: CommandRegistrar) -> tuple[PluginError, ...]:
        """Let every plugin add its commands; one that fails is reported, not fatal."""
        problems = []
        for implementation in self._manager.hook.safepoint_commands.get_hookimpls():
            try:
                implementation.function(registrar)
            except Exception as error:  # noqa: BLE001 - a stranger's code; reported as data
                msg = f"plugin {implementation.plugin_name!r} cannot add its commands: {error}"
                problems.append(PluginLoadError(msg))
        return tuple(problems)

    def _unknown(self, name: str) -> UnknownNameError:
        near = difflib.get_close_matches(name, self._specs, n=1)
        known = ", ".join(sorted(self._specs)) or "none"
        guess = f"Did you mean {near[0]!r}? " if near else ""
        failed = [p.name for p in self.plugins if p.error]
        broken = f" These plugins failed to load: {', '.join(failed)}." if failed else ""
        msg = f"there is no driver {name!r}"
        return UnknownNameError(msg, hint=f"{guess}Known: {known}.{broken}")


def _offered(module: Any, hook: str) -> tuple[Any, ...]:
    """Return what a plugin module offers through a register hook; nothing when it has none."""
    offered: Callable[[], Iterable[Any]] | None = getattr(module, hook, None)
    return tuple(offered()) if offered else ()


def _refuse_twins(entry: EntryPoint, taken: Iterable[str], names: list[str]) -> None:
    seen = set(taken)
    for name in names:
        if name in seen:
            msg = f"plugin {entry.name!r} offers {name!r}, which exists already"
            raise PluginLoadError(msg, hint=f"Block one of them with {BLOCK_VARIABLE}.")
        seen.add(name)


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
