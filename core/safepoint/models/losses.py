"""The honest part of a translation: what a target cannot carry exactly, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Self

from safepoint.models.base import Model
from safepoint.models.estate import Document

__all__ = ["Fidelity", "Loss", "LossLedger", "NeutralField", "document_key", "neutral_fields"]


class Fidelity(StrEnum):
    """How well a target carries a neutral field."""

    EXACT = "exact"
    """It means the same there."""
    APPROXIMATED = "approximated"
    """The nearest the product has; `vendor_value` says what."""
    DROPPED = "dropped"
    """The product has nothing like it; `reason` says why or what happens instead."""


class Loss(Model):
    """What became of one field; also of those that lost nothing."""

    document: str
    """`Kind/name`; in an import the address of the resource."""
    field: str
    """Dotted path as in the document, such as `spec.retention.keepFor`."""
    fidelity: Fidelity
    wanted: str = ""
    """The neutral value as text."""
    vendor_value: str = ""
    """What the product gets instead."""
    reason: str = ""


class NeutralField(Model):
    """A field of a document that says something."""

    path: str
    value: str


def document_key(document: Document) -> str:
    """Return `Kind/name`."""
    return f"{getattr(document, 'kind', 'Document')}/{document.name}"


def neutral_fields(document: Document, *, driver: str = "") -> tuple[NeutralField, ...]:
    """Return every field of `spec` that has a value, defaults included.

    Lists count as one field. Of `spec.vendor` only the block of `driver` counts.
    """
    content = document.model_dump(mode="json", by_alias=True)["spec"]
    vendor = content.pop("vendor", {})
    if driver in vendor:
        content["vendor"] = {driver: vendor[driver]}
    return tuple(NeutralField(path=p, value=v) for p, v in _leaves("spec", content))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner)
    elif isinstance(value, list):
        if value:
            yield path, ", ".join(_item(one) for one in value)
    elif value is not None:
        yield path, _item(value)


def _item(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{k}={_item(v)}" for k, v in value.items() if v is not None)
    return str(value).lower() if isinstance(value, bool) else str(value)


class LossLedger:
    """Collects what became of each field of one document; what is not named is exact.

    ::

        losses = LossLedger(policy, driver="acme")
        losses.approximate("spec.retention.keepFor", "14 points", "Acme counts points, not days")
        losses.drop("spec.rpo", "Acme knows no RPO; safepoint itself reports it")
        losses.entries()
    """

    def __init__(self, document: Document, *, driver: str = "") -> None:
        self._document = document_key(document)
        self._fields = {f.path: f.value for f in neutral_fields(document, driver=driver)}
        self._notes: dict[str, Loss] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields that have a value, in the order of the document."""
        return tuple(self._fields)

    def approximate(self, field: str, vendor_value: str, reason: str) -> Self:
        """Note the nearest that the product has; a field without a value is passed over."""
        return self._note(field, Fidelity.APPROXIMATED, vendor_value, reason)

    def drop(self, field: str, reason: str) -> Self:
        """Note that the product has nothing like it, for this field and all below it."""
        for path in [p for p in self._fields if p == field or p.startswith(f"{field}.")]:
            self._note(path, Fidelity.DROPPED, "", reason)
        return self

    def explain(self, field: str, vendor_value: str, reason: str = "") -> Self:
        """Note how a field is carried exactly under another name or form."""
        return self._note(field, Fidelity.EXACT, vendor_value, reason)

    def entries(self) -> tuple[Loss, ...]:
        """Return one entry for every field that has a value, in the order of the document."""
        return tuple(
            self._notes.get(path)
            or Loss(document=self._document, field=path, fidelity=Fidelity.EXACT, wanted=value)
            for path, value in self._fields.items()
        )

    def _note(self, field: str, fidelity: Fidelity, vendor_value: str, reason: str) -> Self:
        if field in self._fields:
            self._notes[field] = Loss(
                document=self._document,
                field=field,
                fidelity=fidelity,
                wanted=self._fields[field],
                vendor_value=vendor_value,
                reason=reason,
            )
        return self
