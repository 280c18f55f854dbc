"""The body of an Invoke: `<Method>_INPUT` to Python values, checked against the schema."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta

from safepoint_lab.wsman import instance_text, names
from safepoint_lab.wsman.cimfault import (
    invalid_class,
    invalid_namespace,
    parameter_type,
    schema_violation,
    unknown_parameter,
)
from safepoint_lab.wsman.datetimes import parse_time
from safepoint_lab.wsman.names import ResourceUri
from safepoint_lab.wsman.requests import read_selectors
from safepoint_lab.wsman.schema import INTEGER_TYPES, MethodDef, Schema, TypedName
from safepoint_lab.wsman.values import CimReference, CimValue

__all__ = [
    "read_arguments",
    "read_reference",
]

_NIL = f"{{{names.XSI}}}nil"
_BITS = {kind: int(kind.lstrip("usint")) for kind in INTEGER_TYPES}


def read_arguments(
    content: ET.Element | None, resource: ResourceUri, method: MethodDef, schema: Schema
) -> dict[str, CimValue]:
    """Read the arguments of a call; absent, empty and nil ones are left out.

    Raises:
        CimFault: A wrong element or parameter name (case counts [D]), a wrapped endpoint
            reference, an element tree for an embedded instance [R], a value of another type.
        Refused: An embedded instance that does not fit its class.
    """
    if content is None:
        return {}
    namespace = names.class_uri(resource.namespace, resource.class_name)
    if content.tag != f"{{{namespace}}}{method.name}_INPUT":
        raise schema_violation(why=f"The body is no {method.name}_INPUT of this class.")
    found: dict[str, list[CimValue]] = {}
    for element in content:
        parameter = _parameter(element, namespace, method)
        value = _read(element, parameter, schema)
        if value is not None:
            found.setdefault(parameter.name, []).append(value)
    return {name: _shape(method.inputs[name], values) for name, values in found.items()}


def read_reference(element: ET.Element, schema: Schema) -> CimReference:
    """Read the children of an endpoint reference; a wrapper element is refused [R].

    Raises:
        CimFault: It is no reference, or one to another namespace or an unknown class.
    """
    parameters = element.find(f"{{{names.ADDRESSING}}}ReferenceParameters")
    address = element.find(f"{{{names.ADDRESSING}}}Address")
    if parameters is None or address is None:
        raise schema_violation(why="A reference holds Address and ReferenceParameters directly.")
    uri = ResourceUri.parse((parameters.findtext(f"{{{names.WSMAN}}}ResourceURI") or "").strip())
    if uri is None:
        raise schema_violation(why="The reference has no WMI resource URI.")
    if uri.namespace.lower() != schema.namespace.lower():
        raise invalid_namespace()
    if schema.resolve(uri.class_name) != uri.class_name:
        raise invalid_class()
    keys = read_selectors(parameters.find(f"{{{names.WSMAN}}}SelectorSet"))
    return CimReference(schema.namespace, uri.class_name, keys)


def _parameter(element: ET.Element, namespace: str, method: MethodDef) -> TypedName:
    prefix, _, name = element.tag.rpartition("}")
    if prefix != f"{{{namespace}":
        raise schema_violation(why="A parameter is not in the namespace of its class.")
    parameter = method.inputs.get(name)
    if parameter is None:
        raise unknown_parameter(name)
    return parameter


def _shape(parameter: TypedName, values: list[CimValue]) -> CimValue:
    if parameter.is_array:
        return values
    if len(values) > 1:
        raise schema_violation(why=f"{parameter.name} is no array and was given twice.")
    return values[0]


def _read(element: ET.Element, parameter: TypedName, schema: Schema) -> CimValue:
    if element.get(_NIL, "").lower() in {"true", "1"}:
        return None
    if parameter.type == "ref":
        is_empty = not len(element) and not (element.text or "").strip()
        return None if is_empty else read_reference(element, schema)
    if parameter.type == "datetime":
        return _read_time(element, parameter)
    if len(element):
        raise schema_violation(why=f"{parameter.name} takes text, not elements.")
    text = element.text or ""
    if parameter.type == "instance":
        return instance_text.read(text, schema, parameter.class_name) if text.strip() else None
    if parameter.type == "string":
        return text or None
    return _read_plain(text.strip(), parameter)


def _read_plain(text: str, parameter: TypedName) -> int | bool | None:
    if not text:
        return None
    if parameter.type == "boolean":
        if text.lower() not in {"true", "false", "1", "0"}:
            raise parameter_type(parameter.name)
        return text.lower() in {"true", "1"}
    try:
        number = int(text)
    except ValueError as error:
        raise parameter_type(parameter.name) from error
    if not _fits(number, parameter.type):
        raise parameter_type(parameter.name)
    return number


def _fits(number: int, kind: str) -> bool:
    bits = _BITS[kind]
    if kind.startswith("u"):
        return 0 <= number < 1 << bits
    return -(1 << bits - 1) <= number < 1 << bits - 1


def _read_time(element: ET.Element, parameter: TypedName) -> datetime | timedelta | None:
    """Read a time parameter: a `cim:` child or plain text; which one Windows takes is [I]."""
    child = next(iter(element), None)
    text = (child.text if child is not None else element.text) or ""
    if not text.strip():
        return None
    value = parse_time(text)
    if value is None:
        raise parameter_type(parameter.name)
    return value
