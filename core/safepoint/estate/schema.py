"""The JSON Schema of estate documents, for editors and for `safepoint schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from typing_extensions import override

from safepoint.estate.documents import KINDS
from safepoint.models.secrets import SecretRef

__all__ = ["SCHEMA_ID", "estate_schema"]

#: The address that names the schema; nothing needs to answer there.
SCHEMA_ID: Final = "https://safepoint.invalid/schema/estate/v1.json"
_TEMPLATE: Final = "#/$defs/{model}"
_FRAME: Final = ("apiVersion", "kind", "metadata", "spec")


def estate_schema(settings: Mapping[str, type[BaseModel]] | None = None) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one estate document.

    Args:
        settings: The settings model of each driver to describe too; other drivers stay allowed.
    """
    extra = dict(settings or {})
    refs, generated = models_json_schema(
        [(model, "validation") for model in (*KINDS.values(), *extra.values())],
        by_alias=True,
        ref_template=_TEMPLATE,
        schema_generator=_Generator,
    )
    definitions: dict[str, Any] = _describe_secrets(generated["$defs"])
    kinds = [refs[model, "validation"] for model in KINDS.values()]
    for ref in kinds:
        _require_frame(_follow(definitions, ref))
    if extra:
        connection = _follow(definitions, refs[KINDS["Connection"], "validation"])
        _follow(definitions, connection["properties"]["spec"])["allOf"] = [
            _settings_rule(driver, refs[model, "validation"]) for driver, model in extra.items()
        ]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": SCHEMA_ID,
        "title": "safepoint estate document",
        "oneOf": [dict(ref) for ref in kinds],
        "$defs": definitions,
    }


class _Generator(GenerateJsonSchema):
    """Without the titles that pydantic makes up from field names."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    @override
    def model_schema(self, schema: Any) -> dict[str, Any]:
        described = super().model_schema(schema)
        described.pop("title", None)
        return described

    @override
    def enum_schema(self, schema: Any) -> dict[str, Any]:
        described = super().enum_schema(schema)
        described.pop("title", None)
        return described


def _follow(definitions: Mapping[str, Any], ref: Mapping[str, Any]) -> Any:
    return definitions[ref["$ref"].removeprefix(_TEMPLATE.format(model=""))]


def _require_frame(document: dict[str, Any]) -> None:
    """All four fields are required, and come in the order in which people write them."""
    document["required"] = list(_FRAME)
    properties = document["properties"]
    document["properties"] = {name: properties[name] for name in _FRAME}


def _settings_rule(driver: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "if": {"properties": {"driver": {"const": driver}}},
        "then": {"properties": {"settings": dict(schema)}},
    }


def _describe_secrets(schema: Any) -> Any:
    """Describe a secret by the reference that documents hold in its place."""
    if isinstance(schema, list):
        return [_describe_secrets(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "password" and schema.get("writeOnly"):
        kept = {key: schema[key] for key in ("description", "default") if key in schema}
        return {**SecretRef.json_schema(), **kept}
    return {key: _describe_secrets(value) for key, value in schema.items()}
