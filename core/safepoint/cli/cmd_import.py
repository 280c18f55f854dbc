"""`safepoint import`: what a product has, as documents whose plan is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from safepoint.cli.benches import Owner, workbench
from safepoint.cli.session import Session
from safepoint.errors import UsageError
from safepoint.models.losses import Fidelity
from safepoint.models.resources import DEFAULT_OWNER
from safepoint.planning.importing import plain_form

__all__ = ["add"]


def add(app: typer.Typer) -> None:
    """Register the command."""
    app.command("import")(import_)


def import_(
    context: typer.Context,
    connection: Annotated[str, typer.Argument(help="A Connection of the estate.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write CONNECTION.yaml into this folder instead of to stdout."),
    ] = None,
    owner: Owner = DEFAULT_OWNER,
    *,
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Only compare these jobs from now on; never write them."),
    ] = False,
) -> int:
    """Turn what a product has into policies and jobs. Nothing is changed there.

    The documents are planned before they are written: that plan has to be empty.
    """
    session: Session = context.obj
    session.sees_replicas = len(session.estate.clusters) > 1
    imported = workbench(session).import_from(connection, owner=owner, observe_only=observe)
    lost = [one for one in imported.losses if one.fidelity is not Fidelity.EXACT]
    for one in lost:
        session.output.warn(f"{one.document}: {one.field}: {one.fidelity}: {one.reason}")
    names = [f"{document.kind}/{document.name}" for document in imported.documents]
    if not names:
        session.output.say(f"{connection} has no job or policy that a document could stand for")
        return 0
    if out is not None:
        target = _save(out, connection, imported.text)
        lines = [f"{target}: {len(names)} documents; planning them says: no changes"]
        facts = {"file": str(target), "documents": names}
        losses = [one.model_dump(mode="json") for one in imported.losses]
        session.output.facts("Import", {**facts, "losses": losses}, lines)
    elif session.output.is_document:
        content = [plain_form(document) for document in imported.documents]
        losses = [one.model_dump(mode="json") for one in imported.losses]
        session.output.facts("Import", {"documents": content, "losses": losses})
    else:
        session.output.text(imported.text)
    return 0


def _save(folder: Path, connection: str, text: str) -> Path:
    target = folder / f"{connection}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        msg = f"{target} exists already and is not overwritten"
        raise UsageError(msg, hint="Take another folder, or remove the file first.") from error
    except OSError as error:
        msg = f"cannot write {target}: {error.strerror}"
        raise UsageError(msg) from error
    return target
