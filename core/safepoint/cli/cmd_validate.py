"""`safepoint validate` and `safepoint schema`: is the estate right, and what may be in it."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import BaseModel

from safepoint.cli.output import Column
from safepoint.cli.session import Session
from safepoint.errors import ConfigError
from safepoint.estate import check_estate

__all__ = ["add"]

_COLUMNS = (
    Column("severity", "SEVERITY"),
    Column("file", "FILE"),
    Column("line", "LINE", right=True),
    Column("field", "FIELD"),
    Column("summary", "PROBLEM"),
    Column("hint", "HINT"),
)


def add(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("validate")(validate)
    app.command("schema")(schema)


def validate(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or - ; default: the estate.")
    ] = None,
) -> int:
    """Check estate files: every error at once, with file, line and suggestion.

    Needs no connection. Exit 0 when there is no error, 2 otherwise.
    """
    session: Session = context.obj
    specs = session.host.drivers
    checked = check_estate(
        tuple(paths) if paths else session.estate_paths,
        settings_model=lambda name: specs[name].settings if name in specs else None,
        driver_names=tuple(specs),
        job_block=lambda name: specs[name].job_block if name in specs else None,
    )
    rows = [finding.model_dump(mode="json") for finding in checked.findings]
    if session.output.is_table:
        for finding in checked.findings:
            session.output.data.print(finding.render(), markup=False)
    else:
        session.output.rows("FindingList", rows, _COLUMNS)
    if checked.errors:
        count = len(checked.errors)
        session.output.say(f"{count} error{'s' if count > 1 else ''}")
        return ConfigError.exit_code
    if session.output.is_table and checked.valid is not None:
        estate = checked.valid
        session.output.say(
            f"valid: {len(estate.connections)} connections, {len(estate.clusters)} clusters, "
            f"{len(estate.policies)} policies, {len(estate.jobs)} jobs"
            + (f", {len(estate.replicas)} replicas" if estate.replicas else "")
        )
    return 0


def schema(context: typer.Context) -> None:
    """Print the JSON Schema of an estate document, for editors."""
    from safepoint.estate.schema import estate_schema  # noqa: PLC0415 - only for this command

    session: Session = context.obj
    session.output.text(json.dumps(estate_schema(_settings(session)), indent=2))


def _settings(session: Session) -> dict[str, type[BaseModel]]:
    return {name: spec.settings for name, spec in session.host.drivers.items()}
