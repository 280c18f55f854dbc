"""`safepoint plugin`: what is installed and what each connection can do."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from safepoint.cli.benches import Owner
from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.cli.live_rules import Verdict, live_harness, try_rules
from safepoint.cli.output import Column
from safepoint.cli.session import Session
from safepoint.drivers import Ability, Driver
from safepoint.errors import DriverError, SafepointError, UsageError
from safepoint.models.resources import DEFAULT_OWNER
from safepoint.plugins import Plugin

__all__ = ["add"]

app = typer.Typer(help="Plugins, their drivers and abilities.", no_args_is_help=True)

_COLUMNS = (
    Column("name", "PLUGIN"),
    Column("version", "VERSION"),
    Column("distribution", "FROM"),
    Column("state", "STATE"),
    Column("drivers", "DRIVERS"),
    Column("problem", "PROBLEM"),
)
_RULE_COLUMNS = (
    Column("verdict", "VERDICT"),
    Column("rule", "RULE"),
    Column("reason", "REASON"),
    Column("seconds", "SECONDS"),
)
_ABILITY_COLUMNS = (
    Column("connection", "CONNECTION"),
    Column("driver", "DRIVER"),
    Column("ability", "ABILITY"),
    Column("level", "LEVEL"),
    Column("reason", "REASON"),
)


def add(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(app, name="plugin")


@app.command("list")
def list_plugins(
    context: typer.Context,
    *,
    abilities: Annotated[
        bool,
        typer.Option(help="Ask every connection of the estate, if there is one, what it can do."),
    ] = True,
) -> None:
    """List plugins: version, drivers, abilities with level and reason, and load failures.

    What can be done depends on the connected system, so abilities are told per connection.
    """
    session: Session = context.obj
    rows = [_row(plugin) for plugin in session.host.plugins]
    asked = _abilities(session) if abilities and _has_estate(session) else []
    if session.output.is_document:
        session.output.facts("PluginList", {"items": rows, "abilities": asked})
        return
    session.output.rows("PluginList", rows, _COLUMNS, empty="no plugin is installed")
    if asked and session.output.is_table:
        session.output.data.print()
        session.output.rows("AbilityList", asked, _ABILITY_COLUMNS)
    elif abilities and session.output.is_table:
        session.output.say("no estate here: abilities are those of a connection (--estate FILE)")


@app.command("settings")
def settings(
    context: typer.Context,
    driver: Annotated[str, typer.Argument(help="A driver, as `plugin list` shows it.")],
) -> None:
    """Print the JSON Schema of a driver's settings."""
    session: Session = context.obj
    spec = session.host.driver(driver)
    session.output.text(json.dumps(spec.settings.model_json_schema(), indent=2))


@app.command("check")
def check(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(help="A Connection of the estate.")],
    owner: Owner = DEFAULT_OWNER,
) -> int:
    """Try the rules of the boundary that only read on a product in service. Writes nothing.

    Besides made-up documents it translates the jobs of the estate. Exit 0: every rule that was
    tried is kept; 3: a rule is broken; 8: the product does not answer, or a rule could not be
    tried because it answered with an error.
    """
    if not __debug__:
        msg = "the rules are assertions, which python -O leaves out"
        raise UsageError(msg, hint="Run it without -O and without PYTHONOPTIMIZE.")
    session: Session = context.obj
    harness = live_harness(session, connection, owner)
    with session.output.messages.status("trying the rules") as shown:
        outcomes = list(try_rules(harness, shown.update))
    rows = [asdict(one) for one in outcomes]
    session.output.rows("RuleList", rows, _RULE_COLUMNS)
    count = Counter(one.verdict for one in outcomes)
    session.output.say(", ".join(f"{number} {verdict}" for verdict, number in count.items()))
    if count[Verdict.BROKEN]:
        return EXIT_FINDINGS
    return DriverError.exit_code if count[Verdict.NOT_TRIED] else 0


def _has_estate(session: Session) -> bool:
    return all(path == "-" or Path(path).exists() for path in session.estate_paths)


def _row(plugin: Plugin) -> dict[str, Any]:
    state = "blocked" if plugin.is_blocked else ("failed" if plugin.error else "loaded")
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "state": state,
        "drivers": list(plugin.drivers),
        "problem": plugin.error.message if plugin.error else "",
    }


def _abilities(session: Session) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for connection in session.estate.connections.values():
        about = {"connection": connection.name, "driver": connection.spec.driver}
        try:
            answers = _answers(session.driver(connection.name))
        except SafepointError as error:
            rows.append({**about, "ability": "", "level": "unknown", "reason": error.message})
            continue
        rows += [{**about, **answer} for answer in answers]
    return rows


def _answers(driver: Driver) -> list[dict[str, str]]:
    support = driver.support()
    return [
        {"ability": a.value, "level": support[a].level.value, "reason": support[a].reason}
        for a in Ability
        if a in support
    ]
