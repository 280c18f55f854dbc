"""Attributes of vendor objects in normal form: flat, frozen, comparable field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override

__all__ = ["Attributes", "Scalar", "Value", "same_value", "value_text"]

Scalar: TypeAlias = bool | int | float | str | None
#: What an attribute may hold: one plain value, or a list of them.
Value: TypeAlias = Scalar | tuple[Scalar, ...]


def same_value(one: Value, other: Value) -> bool:
    """Tell whether two values are the same; `True` is not 1, and an absent value is None."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same_value(a, b) for a, b in pairs)
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def value_text(value: Value) -> str:
    """Return a value as a person reads it in a plan."""
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "[" + ", ".join(value_text(one) for one in value) + "]"
    return str(value) if value != "" else "(empty)"


class Attributes(Mapping[str, Value]):
    """Field name to value, sorted by name; immutable and hashable.

    Nested data is flattened: mappings with dots, lists of mappings by position
    (``include.0.name``). A field that is None is the same as one that is not there. In JSON it is
    one flat object.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        flat = dict(_flatten("", fields or {}))
        self._fields: dict[str, Value] = {name: flat[name] for name in sorted(flat)}

    @override
    def __getitem__(self, name: str) -> Value:
        return self._fields[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    @override
    def __len__(self) -> int:
        return len(self._fields)

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attributes):
            return NotImplemented
        return self._fields.keys() == other._fields.keys() and all(
            same_value(value, other._fields[name]) for name, value in self._fields.items()
        )

    @override
    def __hash__(self) -> int:
        return hash(tuple(self._fields.items()))

    @override
    def __repr__(self) -> str:
        return f"Attributes({self._fields!r})"

    def nested(self) -> dict[str, Any]:
        """Return mappings and lists again, as they were before they were flattened."""
        root: dict[str, Any] = {}
        for name, value in self._fields.items():
            *path, last = name.split(".")
            place = root
            for part in path:
                place = place.setdefault(part, {})
            place[last] = list(value) if isinstance(value, tuple) else value
        return {name: _with_lists(value) for name, value in root.items()}

    def plain(self) -> dict[str, Any]:
        """Return the JSON form: flat, lists for tuples."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self._fields.items()
        }

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(cls.plain),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        return {"type": "object"}

    @classmethod
    def _validate(cls, value: Any) -> Attributes:
        if isinstance(value, Attributes):
            return value
        if not isinstance(value, Mapping):
            msg = "attributes are a mapping of field names to plain values"
            raise ValueError(msg)  # noqa: TRY004 - pydantic turns only ValueError into a finding
        return cls(value)


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(f"{prefix}.{name}" if prefix else str(name), inner)
    elif isinstance(value, list | tuple):
        if any(isinstance(one, Mapping) for one in value):
            for position, inner in enumerate(value):
                yield from _flatten(f"{prefix}.{position}", inner)
        elif value:
            yield prefix, tuple(_scalar(prefix, one) for one in value)
    elif value is not None:
        yield prefix, _scalar(prefix, value)


def _scalar(name: str, value: Any) -> Scalar:
    if value is None or isinstance(value, bool | int | float | str):
        # A subclass such as StrEnum would print differently after a round trip through JSON.
        return str(value) if isinstance(value, str) else value
    msg = f"attribute {name!r} holds a {type(value).__name__}; only plain values are allowed"
    raise ValueError(msg)


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(one) for name, one in value.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
