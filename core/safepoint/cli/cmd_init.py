"""`safepoint init`: a first estate file to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from safepoint.cli.session import Session
from safepoint.errors import UsageError

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("init")(init)


def init(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("estate.yaml"),
    driver: Annotated[str, typer.Option(help="The driver of its first connection.")] = "native",
) -> None:
    """Write a commented first estate file; never overwrites one."""
    from safepoint.estate.init import starter_estate  # noqa: PLC0415 - only for this command

    session: Session = context.obj
    spec = session.host.driver(driver)
    text = starter_estate(driver=spec.name, settings=spec.settings, file=path.name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        msg = f"{path} exists already and is left as it is"
        raise UsageError(msg, hint="Name another file.") from None
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror}"
        raise UsageError(msg) from error
    session.output.say(f"wrote {path}; edit it, then: safepoint validate {path}")
