"""The JSON Schema, judged by an independent validator and compared with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from safepoint.estate import check_text, estate_schema
from safepoint.estate.reference import render_reference

ROOT = Path(__file__).parents[3]
VALIDATOR = jsonschema.Draft202012Validator(estate_schema())
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(estate_schema())
    json.dumps(estate_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_fit_the_schema(path: Any) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        VALIDATOR.validate(document)


WRONG = [
    "spec.consistency=maybe",
    "spec.unknown=1",
    "spec.retention.keepFor=14",
    "spec.retention.keepFor=two weeks",
    "spec.retention.keepAtLeast=0",
    "spec.schedule.daily.at=[]",
    "spec.schedule.daily.at=['2:00']",
    "spec.schedule.timezone=",
    "spec.schedule.monthly.day=40",
    "metadata.name=a b",
    "metadata.nmae=x",
    "apiVersion=safepoint/v2",
    "kind=Replica",
]
BASE = """
apiVersion: safepoint/v1
kind: Policy
metadata: {name: p}
spec:
  schedule: {timezone: UTC, daily: {at: ['02:00']}, monthly: {day: last, at: ['03:00']}}
  retention: {keepFor: 14d, keepAtLeast: 3}
"""


@pytest.mark.parametrize("change", WRONG)
def test_what_the_schema_refuses_the_loader_refuses_too(change: str) -> None:
    path, _, value = change.partition("=")
    document = yaml.safe_load(BASE)
    *parents, last = path.split(".")
    target = document
    for part in parents:
        target = target[part]
    target[last] = yaml.safe_load(value)

    assert not VALIDATOR.is_valid(document)
    assert check_text(yaml.safe_dump(document)).errors


def test_the_unchanged_document_fits_both() -> None:
    assert VALIDATOR.is_valid(yaml.safe_load(BASE))
    assert check_text(BASE).findings == ()


@pytest.mark.parametrize("field", ["apiVersion", "kind", "metadata", "spec"])
def test_the_frame_is_required(field: str) -> None:
    document = yaml.safe_load(BASE)
    del document[field]

    assert not VALIDATOR.is_valid(document)


def test_every_field_is_described() -> None:
    for name, definition in estate_schema()["$defs"].items():
        for field, schema in definition.get("properties", {}).items():
            assert schema.get("description"), f"{name}.{field}"


def test_settings_of_known_drivers_are_described_with_references_for_secrets(
    driver_settings: type[Any],
) -> Any:
    schema = estate_schema({"native": driver_settings})
    validator = jsonschema.Draft202012Validator(schema)

    def connection(driver: str, **settings: Any) -> Any:
        spec = {"driver": driver, "settings": settings}
        frame = {"apiVersion": "safepoint/v1", "kind": "Connection", "metadata": {"name": "c"}}
        return {**frame, "spec": spec}

    assert validator.is_valid(connection("native", username="a", password="env:X"))
    assert not validator.is_valid(connection("native", username="a", password="hunter2"))
    assert not validator.is_valid(connection("native", username="a"))
    assert validator.is_valid(connection("another", whatever=1))


def test_the_reference_page_is_what_the_models_say() -> None:
    page = (ROOT / "docs" / "reference" / "estate.md").read_text(encoding="utf-8")

    assert page == render_reference(), (
        "run: python -m safepoint.estate.reference > docs/reference/estate.md"
    )


def test_the_reference_page_names_every_field() -> None:
    page = render_reference()

    for name, definition in estate_schema()["$defs"].items():
        for field in definition.get("properties", {}):
            if field not in {"apiVersion", "kind", "metadata", "spec"}:
                assert f"| `{field}` |" in page, f"{name}.{field}"
