"""INSTANCE text: a CIM instance written as XML inside a string.

Reading is strict where a real host is: malformed text and element trees violate the schema;
content that does not fit the class is refused with a ReturnValue, as the product parses it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta

from safepoint_lab.wsman.cimfault import CimFault, Refused, schema_violation
from safepoint_lab.wsman.datetimes import cim_text, parse_cim_text
from safepoint_lab.wsman.rendering import attribute, escape
from safepoint_lab.wsman.requests import parse_xml
from safepoint_lab.wsman.schema import INTEGER_TYPES, ClassDef, Schema, TypedName
from safepoint_lab.wsman.values import CimInstance, CimValue

__all__ = [
    "read",
    "write",
]

_FAILED = 32768
_INVALID_PARAMETER = 32773


def read(text: str, schema: Schema, expected_class: str) -> CimInstance:
    """Read INSTANCE text sent by a client; only the properties it sets are in the result.

    Args:
        text: The character data of the parameter.
        schema: The schema of the namespace that was addressed.
        expected_class: The instance must be of this class or a descendant.

    Raises:
        CimFault: It is no INSTANCE text.
        Refused: It is, but an unknown class or property, or a value of another type or shape
            (an array property must be PROPERTY.ARRAY even for one value [R]).
    """
    _refuse_escapes(text)
    try:
        root = parse_xml(text)
    except CimFault as error:
        raise schema_violation(why="The embedded instance is not well-formed.") from error
    if root.tag != "INSTANCE":
        raise schema_violation(why="The embedded instance is no INSTANCE element.")
    class_def = schema.get(root.get("CLASSNAME", ""))
    if class_def is None or not schema.derives(class_def.name, expected_class):
        raise Refused(_INVALID_PARAMETER)
    instance = CimInstance(schema.namespace, class_def.name)
    for element in root:
        name, value = _read_property(element, class_def)
        instance.properties[name] = value
    return instance


def write(instance: CimInstance, schema: Schema) -> str:
    """Write an instance with all properties of its class; NULL ones carry PROPAGATED [R]."""
    class_def = schema.get(instance.class_name)
    if class_def is None:
        msg = f"the provider made an instance of {instance.class_name}, which no schema describes"
        raise LookupError(msg)
    parts = [
        _write_property(prop, instance.properties.get(prop.name))
        for prop in class_def.properties.values()
    ]
    return f'<INSTANCE CLASSNAME="{class_def.name}">{"".join(parts)}</INSTANCE>'


def _refuse_escapes(text: str) -> None:
    """Refuse escaped `<` and `&` in values: seen for Notes on a real host [R], for all here."""
    if "&lt;" in text:
        raise Refused(_INVALID_PARAMETER)
    if "&amp;" in text:
        raise Refused(_FAILED)


def _read_property(element: ET.Element, class_def: ClassDef) -> tuple[str, CimValue]:
    is_array = element.tag == "PROPERTY.ARRAY"
    if not is_array and element.tag != "PROPERTY":
        raise schema_violation(why=f"An INSTANCE has no {element.tag}.")
    prop = class_def.properties.get(element.get("NAME", ""))
    if prop is None or prop.is_array is not is_array:
        raise Refused(_INVALID_PARAMETER)
    _check_type(element.get("TYPE", "string").lower(), prop)
    texts = [_text(value) for value in element.iter("VALUE")]
    values = [_convert(text, prop) for text in texts]
    if is_array:
        return prop.name, values or None
    return prop.name, values[0] if values else None


def _check_type(spelled: str, prop: TypedName) -> None:
    """Refuse a type of another family; a time given as string fails with 32768 [R]."""
    if prop.type == "datetime" and spelled != "datetime":
        raise Refused(_FAILED)
    if prop.type in INTEGER_TYPES and spelled in INTEGER_TYPES:
        return
    expected = "string" if prop.type in {"instance", "ref", "object"} else prop.type
    if spelled != expected:
        raise Refused(_INVALID_PARAMETER)


def _text(element: ET.Element) -> str:
    if len(element):
        raise schema_violation(why="A VALUE holds elements.")
    return element.text or ""


def _convert(text: str, prop: TypedName) -> str | int | bool | datetime | timedelta:
    if prop.type in INTEGER_TYPES:
        if not text.strip().lstrip("-").isdigit():
            raise Refused(_INVALID_PARAMETER)
        return int(text)
    if prop.type == "boolean":
        if text.strip().lower() not in {"true", "false"}:
            raise Refused(_INVALID_PARAMETER)
        return text.strip().lower() == "true"
    if prop.type == "datetime":
        moment = parse_cim_text(text.strip())
        if moment is None:
            raise Refused(_FAILED)
        return moment
    return text


def _write_property(prop: TypedName, value: CimValue) -> str:
    kind = "string" if prop.type in {"instance", "ref", "object"} else prop.type
    head = f'NAME="{attribute(prop.name)}" TYPE="{kind}"'
    if prop.is_array:
        values = value if isinstance(value, list) else []
        if not values:
            return f'<PROPERTY.ARRAY {head} PROPAGATED="true"></PROPERTY.ARRAY>'
        inner = "".join(f"<VALUE>{_value_text(each)}</VALUE>" for each in values)
        return f"<PROPERTY.ARRAY {head}><VALUE.ARRAY>{inner}</VALUE.ARRAY></PROPERTY.ARRAY>"
    if value is None:
        return f'<PROPERTY {head} PROPAGATED="true"></PROPERTY>'
    return f"<PROPERTY {head}><VALUE>{_value_text(value)}</VALUE></PROPERTY>"


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime | timedelta):
        return cim_text(value)
    return escape(str(value))
