"""From a product to documents whose plan is empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from safepoint.errors import PlanNotConvergedError
from safepoint.estate import Estate, LoadedDocument
from safepoint.estate.documents import AnyDocument
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Loss
from safepoint.models.plans import Action, NeutralDocument, Plan
from safepoint.models.replica_documents import Replica

__all__ = [
    "Imported",
    "as_text",
    "check_empty",
    "differences",
    "observed_only",
    "plain_form",
    "with_documents",
]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a product has, in neutral words."""

    connection: str
    documents: tuple[NeutralDocument, ...]
    losses: tuple[Loss, ...]

    @property
    def text(self) -> str:
        """The documents as YAML."""
        return as_text(self.connection, self.documents)


def as_text(connection: str, documents: Iterable[NeutralDocument]) -> str:
    """Return documents as YAML that the estate reader accepts."""
    plain = [plain_form(document) for document in documents]
    body = yaml.safe_dump_all(plain, sort_keys=False, allow_unicode=True, width=99)
    return f"# Imported from connection {connection} by `safepoint import`.\n{body}"


def plain_form(document: AnyDocument) -> dict[str, Any]:
    """Return a document as plain data, without what is left at its default."""
    content = document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    head = {"apiVersion": document.api_version, "kind": document.kind}
    return head | {"metadata": content["metadata"], "spec": content["spec"]}


def observed_only(documents: Sequence[NeutralDocument]) -> tuple[NeutralDocument, ...]:
    """Return the documents with every job and replica marked `manage: false`."""
    return tuple(
        one.model_copy(update={"spec": one.spec.model_copy(update={"manage": False})})
        if isinstance(one, ProtectionJob | Replica)
        else one
        for one in documents
    )


def with_documents(
    estate: Estate, documents: Iterable[AnyDocument], *, of_connection: str = ""
) -> Estate:
    """Return an estate in which the documents stand in place of those of the same kind and name.

    Args:
        estate: What there is.
        documents: What is added.
        of_connection: They are all that this connection carries: its other jobs and replicas are
            left out.
    """
    added = [
        LoadedDocument(
            document=one, file="<import>", line=1, base_dir=Path(), content=plain_form(one)
        )
        for one in documents
    ]
    keys = {(one.document.kind, one.document.name) for one in added}
    kept = [
        estate.source(one)
        for one in estate.documents
        if (one.kind, one.name) not in keys and not _is_carried_by(one, of_connection)
    ]
    return Estate([*kept, *added])


def _is_carried_by(document: AnyDocument, connection: str) -> bool:
    return isinstance(document, ProtectionJob | Replica) and document.spec.connection == connection


def differences(plan: Plan) -> tuple[str, ...]:
    """Return a line for every field that a plan would still change."""
    lines: list[str] = []
    for change in plan.writes:
        where = f"{change.connection}: {change.address}"
        if change.action in {Action.CREATE, Action.DELETE} or not change.fields:
            lines.append(f"{where}: {change.action}")
            continue
        lines += [f"{where}: {f.field}: {f.before!r} → {f.after!r}" for f in change.fields]
    return tuple(lines)


def check_empty(plan: Plan, deed: str, driver: str) -> None:
    """Hold a driver to its normal form.

    Raises:
        PlanNotConvergedError: something would still change.
    """
    left = differences(plan)
    if left:
        msg = f"after {deed} the driver {driver!r} still shows {len(left)} differences: {left[0]}"
        hint = "This is a defect of the plugin; please report it there with these fields."
        raise PlanNotConvergedError(msg, differences=left, hint=hint)
