"""Queries over a provider: data queries, association queries, plain enumeration."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from safepoint_lab.wsman import names
from safepoint_lab.wsman.arguments import read_reference
from safepoint_lab.wsman.cimfault import (
    cannot_process_filter,
    invalid_class,
    invalid_query,
    not_found,
)
from safepoint_lab.wsman.provider import CimProvider
from safepoint_lab.wsman.schema import ClassDef, Schema
from safepoint_lab.wsman.values import CimInstance, CimReference
from safepoint_lab.wsman.wql import AssociationQuery, Select
from safepoint_lab.wsman.wql_match import compile_where, prefix_hints

__all__ = [
    "Selection",
    "read_association_filter",
    "run_association",
    "run_enumeration",
    "run_select",
    "source_of",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a query found: instances, and the projected columns (empty for whole instances)."""

    instances: list[CimInstance]
    columns: tuple[str, ...] = ()


def run_select(query: Select, provider: CimProvider, schema: Schema) -> Selection:
    """Run a data query; instances of derived classes are included.

    Raises:
        CimFault: Unknown class, or names and literals that do not fit it.
    """
    class_name = schema.resolve(query.class_name)
    if class_name is None:
        raise invalid_class()
    hints = prefix_hints(query.where)
    found: list[CimInstance] = []
    columns: tuple[str, ...] = ()
    for class_def in schema.descendants(class_name):
        if not class_def.properties:
            continue  # an ancestor that is only a name has no instances of its own
        matches = compile_where(query.where, class_def)
        columns = _columns(query.columns, class_def)
        instances = provider.instances(schema.namespace, class_def.name, hints)
        found.extend(instance for instance in instances if matches(instance))
    return Selection(found, columns)


def run_enumeration(class_name: str, provider: CimProvider, schema: Schema) -> Selection:
    """List a class given by its exact name, with derived classes.

    Raises:
        CimFault: No such class; a name in the wrong case counts as none ([I] for URIs).
    """
    if schema.resolve(class_name) != class_name:
        raise invalid_class()
    return run_select(Select(class_name), provider, schema)


def run_association(
    query: AssociationQuery, source: CimReference, provider: CimProvider, schema: Schema
) -> Selection:
    """Run ASSOCIATORS OF or REFERENCES OF for an object that exists.

    Raises:
        CimFault: The object does not exist, or a class in the query does not.
    """
    for name in (query.association_class, query.result_class):
        if name and schema.resolve(name) is None:
            raise invalid_query()
    if provider.get(source) is None:
        raise not_found(operation="ExecQuery")
    if query.associators:
        return Selection(list(_associators(query, source, provider, schema)))
    return Selection(list(_references(query.result_class, query.role, source, provider, schema)))


def read_association_filter(
    content: ET.Element, schema: Schema
) -> tuple[AssociationQuery, CimReference]:
    """Read the DMTF association filter; its children may stand in any order ([I]).

    Raises:
        CimFault: It is neither AssociatedInstances nor AssociationInstances, or lacks Object.
    """
    binding = f"{{{names.CIM_BINDING}}}"
    kind = content.tag.removeprefix(binding)
    source = content.find(f"{binding}Object")
    if kind not in {"AssociatedInstances", "AssociationInstances"} or source is None:
        raise cannot_process_filter(why="The association filter is malformed.")

    def text(name: str) -> str:
        return (content.findtext(f"{binding}{name}") or "").strip()

    query = AssociationQuery(
        path="",
        associators=kind == "AssociatedInstances",
        association_class=text("AssociationClassName"),
        result_class=text("ResultClassName"),
        role=text("Role"),
        result_role=text("ResultRole"),
    )
    return query, read_reference(source, schema)


def source_of(query: AssociationQuery, schema: Schema) -> CimReference:
    """Read the object path of an association query, in the schema's spelling.

    Raises:
        CimFault: It is no object path, or names an unknown class.
    """
    reference = CimReference.from_path(query.path, schema.namespace)
    if reference is None:
        raise invalid_query()
    class_name = schema.resolve(reference.class_name)
    if class_name is None:
        raise invalid_class()
    return CimReference(schema.namespace, class_name, reference.keys)


def _columns(wanted: tuple[str, ...], class_def: ClassDef) -> tuple[str, ...]:
    found = [class_def.property_named(name) for name in wanted]
    if None in found:
        raise invalid_query()
    return tuple(prop.name for prop in found if prop is not None)


def _references(
    class_name: str, role: str, source: CimReference, provider: CimProvider, schema: Schema
) -> Iterator[CimInstance]:
    for association in schema.associations():
        if class_name and not schema.derives(association.name, class_name):
            continue
        for row in provider.references(association.name, source):
            if not role or any(p.lower() == role.lower() for p in _roles(row, source)):
                yield row


def _associators(
    query: AssociationQuery, source: CimReference, provider: CimProvider, schema: Schema
) -> Iterator[CimInstance]:
    seen: set[CimReference] = set()
    rows = _references(query.association_class, query.role, source, provider, schema)
    for row in rows:
        own = _roles(row, source)
        for name, value in row.properties.items():
            if not isinstance(value, CimReference) or name in own or value in seen:
                continue
            if query.result_role and name.lower() != query.result_role.lower():
                continue
            if query.result_class and not schema.derives(value.class_name, query.result_class):
                continue
            seen.add(value)
            found = provider.get(value)
            if found is not None:
                yield found


def _roles(row: CimInstance, source: CimReference) -> list[str]:
    """Return the properties of an association row that point to the source."""
    wanted = {(name.lower(), value.lower()) for name, value in source.keys}
    return [
        name
        for name, value in row.properties.items()
        if isinstance(value, CimReference)
        and value.class_name == source.class_name
        and wanted <= {(key.lower(), text.lower()) for key, text in value.keys}
    ]
