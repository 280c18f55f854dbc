"""CIM classes as data: properties, keys, methods and who derives from whom.

A schema file is JSON: `{"namespace": ..., "classes": {name: {"super", "keys", "properties",
"methods": {name: {"in", "out"}}}}}`. Types are `uint16`, `string[]`, `ref Class`, `ref Class[]`,
`instance Class` (an instance written as INSTANCE text inside a string) and `object Class`
(a nested typed element).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

__all__ = [
    "INTEGER_TYPES",
    "ClassDef",
    "MethodDef",
    "Schema",
    "TypedName",
]

INTEGER_TYPES = frozenset(
    {"uint8", "uint16", "uint32", "uint64", "sint8", "sint16", "sint32", "sint64"}
)


@dataclass(frozen=True, slots=True)
class TypedName:
    """A property or parameter: its exact name and type.

    `type` is a CIM type (`string`, `uint16`, `boolean`, `datetime`) or `ref`, `instance`,
    `object`; the last three name a class in `class_name`.
    """

    name: str
    type: str
    is_array: bool = False
    class_name: str = ""

    @classmethod
    def parse(cls, name: str, spelled: str) -> TypedName:
        """Read the short form of the schema file."""
        is_array = spelled.endswith("[]")
        kind, _, class_name = spelled.removesuffix("[]").partition(" ")
        return cls(name, kind, is_array, class_name)


@dataclass(frozen=True, slots=True)
class MethodDef:
    """A method: input and output parameters by exact name."""

    name: str
    inputs: Mapping[str, TypedName]
    outputs: Mapping[str, TypedName]


@dataclass(frozen=True, slots=True)
class ClassDef:
    """A class: all its properties (inherited ones included) in alphabetical order."""

    name: str
    parent: str
    keys: tuple[str, ...]
    properties: Mapping[str, TypedName]
    methods: Mapping[str, MethodDef]

    @property
    def references(self) -> tuple[TypedName, ...]:
        """Its reference properties; two or more make it an association."""
        return tuple(each for each in self.properties.values() if each.type == "ref")

    def property_named(self, name: str) -> TypedName | None:
        """Find a property without regard to case, as WQL and selectors do."""
        found = self.properties.get(name)
        if found is None:
            wanted = name.lower()
            found = next((p for n, p in self.properties.items() if n.lower() == wanted), None)
        return found


class Schema:
    """The classes of one namespace, found by exact or case-blind name.

    Ancestors need not be described: a class may name a parent that only exists as a name, and a
    query on that name still finds its descendants.
    """

    def __init__(self, namespace: str, classes: Mapping[str, ClassDef]) -> None:
        self.namespace = namespace
        self._classes = dict(classes)
        self._by_lower = {name.lower(): name for name in self._classes}
        self._by_lower.update({c.parent.lower(): c.parent for c in classes.values() if c.parent})
        self._by_lower.update({name.lower(): name for name in self._classes})

    @classmethod
    def load(cls, source: Traversable) -> Schema:
        """Read a schema file (a package resource or a `Path`)."""
        return cls.from_dict(json.loads(source.read_text(encoding="utf-8")))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Schema:
        """Build from the JSON form described in the module docstring."""
        classes = {n: _class_def(n, body) for n, body in document["classes"].items()}
        return cls(document["namespace"], classes)

    def get(self, name: str) -> ClassDef | None:
        """Return the class of exactly this name, None when undescribed."""
        return self._classes.get(name)

    def resolve(self, name: str) -> str | None:
        """Return the schema's spelling of a class name given in any case, None when unknown."""
        return self._by_lower.get(name.lower())

    def derives(self, name: str, ancestor: str) -> bool:
        """Whether `name` is `ancestor` or descends from it (compared without case)."""
        wanted = ancestor.lower()
        current: str | None = name
        while current:
            if current.lower() == wanted:
                return True
            known = self._classes.get(current)
            current = known.parent if known else None
        return False

    def descendants(self, ancestor: str) -> Iterator[ClassDef]:
        """Return every described class that is `ancestor` or descends from it."""
        return (each for each in self.classes() if self.derives(each.name, ancestor))

    def classes(self) -> Iterator[ClassDef]:
        """Yield every described class."""
        yield from self._classes.values()

    def associations(self) -> Iterator[ClassDef]:
        """Return the association classes."""
        return (each for each in self.classes() if len(each.references) > 1)


def _class_def(name: str, body: Mapping[str, Any]) -> ClassDef:
    properties = _typed(body.get("properties", {}))
    methods = {
        method: MethodDef(method, _typed(sides.get("in", {})), _typed(sides.get("out", {})))
        for method, sides in body.get("methods", {}).items()
    }
    keys = tuple(body.get("keys", ()))
    return ClassDef(name, body.get("super") or "", keys, properties, methods)


def _typed(spelled: Mapping[str, str]) -> dict[str, TypedName]:
    return {name: TypedName.parse(name, spelled[name]) for name in sorted(spelled)}
