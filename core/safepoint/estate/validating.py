"""One document against its model, and its driver settings against the driver's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from safepoint.estate.clear_secrets import check_clear_secrets
from safepoint.estate.documents import KINDS, SKELETON, AnyDocument
from safepoint.estate.explaining import explain_validation
from safepoint.estate.fields import secret_places
from safepoint.estate.findings import IN_CLEAR, Findings
from safepoint.estate.nodes import Node, locate
from safepoint.estate.suggestions import did_you_mean
from safepoint.models.estate import API_VERSION
from safepoint.models.secrets import REFERENCE_FORMS, looks_like_reference

__all__ = ["Drivers", "SettingsModel", "parse_strictly", "validate_document"]

ModelT = TypeVar("ModelT", bound=BaseModel)

#: Returns the settings model of a driver, or None when there is no such driver.
SettingsModel: TypeAlias = Callable[[str], type[BaseModel] | None]


@dataclass(frozen=True, slots=True)
class Drivers:
    """What is known about drivers while documents are checked; nothing by default."""

    settings_model: SettingsModel | None = None
    names: tuple[str, ...] = ()
    """For suggestions."""
    job_block: SettingsModel | None = None
    """Returns the model of a driver's block in a job, or None when it is not checked."""

    @classmethod
    def of(
        cls,
        settings_model: SettingsModel | None,
        names: Iterable[str],
        job_block: SettingsModel | None,
    ) -> Drivers:
        """Return what the caller's arguments say."""
        return cls(settings_model, tuple(names), job_block)


def parse_strictly(model: type[ModelT], content: Any, base_dir: Path | None) -> ModelT:
    """Validate plain data: no type is converted, only the names used in documents count.

    Raises pydantic's ValidationError. Relative paths are resolved from `base_dir`.
    """
    # By way of JSON: in this mode "strict" still takes lists for tuples and text for enums.
    context = {"base_dir": base_dir}
    return model.model_validate_json(
        json.dumps(content), strict=True, context=context, by_alias=True, by_name=False
    )


def validate_document(findings: Findings, base_dir: Path, drivers: Drivers) -> AnyDocument | None:
    """Return the document, or None and findings that say why not."""
    if not isinstance(findings.root.value, dict):
        findings.add("not-a-mapping", (), "a document must be a mapping of fields", SKELETON)
        return None
    model = _model_of(findings)
    check_clear_secrets(findings)
    if model is None:
        return None
    document: AnyDocument | None = None
    try:
        document = parse_strictly(model, findings.root.plain(), base_dir)
    except ValidationError as error:
        explain_validation(error, findings, model)
    if drivers.settings_model is not None:
        _check_drivers(findings, base_dir, drivers, drivers.settings_model)
    return document


def _model_of(findings: Findings) -> type[AnyDocument] | None:
    root = findings.root
    version, kind = root.child("apiVersion"), root.text_at("kind")
    if version is None:
        summary = "this field is required"
        findings.add("missing-field", ("apiVersion",), summary, f"write {API_VERSION}")
    elif version.node.value != API_VERSION:
        summary = "not a version of the format that is known here"
        findings.add("api-version", ("apiVersion",), summary, f"write {API_VERSION}")
    if root.child("kind") is None:
        hint = f"one of {', '.join(KINDS)}"
        findings.add("missing-field", ("kind",), "this field is required", hint)
    elif kind is None or kind not in KINDS:
        summary = f"unknown kind {kind}" if kind else "the kind must be a word"
        hint = did_you_mean(kind or "", KINDS)
        known = f"known kinds: {', '.join(KINDS)}"
        hint = hint if hint.startswith("known") else f"{hint} {known}".strip()
        findings.add("unknown-kind", ("kind",), summary, hint)
    else:
        return KINDS[kind]
    return None


def _check_drivers(
    findings: Findings, base_dir: Path, drivers: Drivers, settings_model: SettingsModel
) -> None:
    if findings.root.text_at("kind") == "ProtectionJob":
        _check_blocks(findings, base_dir, drivers, settings_model)
    driver = findings.root.text_at("spec", "driver")
    if findings.root.text_at("kind") != "Connection" or not driver:
        return
    model = settings_model(driver)
    if model is None:
        _unknown_driver(findings, ("spec", "driver"), driver, drivers)
        return
    node = locate(findings.root, ("spec", "settings")).node
    if node is None:
        needed = [
            field.alias or name
            for name, field in model.model_fields.items()
            if field.is_required()
        ]
        if needed:
            summary = f"driver {driver} needs settings: {', '.join(needed)}"
            findings.add("missing-field", ("spec", "settings"), summary)
        return
    if not isinstance(node.value, dict):
        return  # already a finding of the document's own model
    _check_settings_secrets(findings, node, model)
    try:
        parse_strictly(model, node.plain(), base_dir)
    except ValidationError as error:
        explain_validation(error, findings, model, ("spec", "settings"))


def _check_blocks(
    findings: Findings, base_dir: Path, drivers: Drivers, settings_model: SettingsModel
) -> None:
    vendor = locate(findings.root, ("spec", "vendor")).node
    for name in vendor.value if vendor is not None and isinstance(vendor.value, dict) else ():
        path = ("spec", "vendor", name)
        if settings_model(name) is None:
            _unknown_driver(findings, path, name, drivers)
            continue
        model = drivers.job_block(name) if drivers.job_block is not None else None
        block = locate(findings.root, path).node
        if model is not None and block is not None and isinstance(block.value, dict):
            try:
                parse_strictly(model, block.plain(), base_dir)
            except ValidationError as error:
                explain_validation(error, findings, model, path)


def _unknown_driver(
    findings: Findings, path: tuple[str, ...], driver: str, drivers: Drivers
) -> None:
    hint = did_you_mean(driver, drivers.names, what="loaded drivers")
    findings.add("unknown-driver", path, f"no plugin offers a driver called {driver}", hint)


def _check_settings_secrets(findings: Findings, node: Node, model: type[BaseModel]) -> None:
    for path, value in secret_places(model, node.plain()):
        if value is None or (isinstance(value, str) and looks_like_reference(value)):
            continue
        place = ("spec", "settings", *path)
        if not findings.has_error(IN_CLEAR, locate(findings.root, place).field):
            hint = f"write a reference: {REFERENCE_FORMS}"
            findings.add(IN_CLEAR, place, "a secret is written in clear", hint)
