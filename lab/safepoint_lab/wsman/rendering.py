"""Instances, references and method outputs as XML, the way recordings of real hosts look.

Properties in alphabetical order, NULL scalar as `xsi:nil`, NULL array absent, arrays by
repetition, times as `cim:Datetime` or `cim:Interval` children, references as the children of an
endpoint reference without a wrapper (fact sheet §1.6, §1.10, §1.11).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from safepoint_lab.wsman import names
from safepoint_lab.wsman.datetimes import iso_datetime, iso_duration
from safepoint_lab.wsman.names import ResourceUri
from safepoint_lab.wsman.schema import ClassDef, Schema, TypedName
from safepoint_lab.wsman.values import CimInstance, CimReference, CimValue

__all__ = [
    "attribute",
    "endpoint_xml",
    "escape",
    "fragment_xml",
    "instance_xml",
    "output_xml",
    "reference_children",
]

_INSTANCE_NAMESPACES = f'xmlns:xsi="{names.XSI}"'


def escape(text: str) -> str:
    """Escape text for an element."""
    return html.escape(text, quote=False)


def attribute(text: str) -> str:
    """Escape text for an attribute in double quotes."""
    return html.escape(text, quote=True)


def instance_xml(instance: CimInstance, schema: Schema) -> str:
    """Render an instance with every property of its class."""
    class_def = schema.get(instance.class_name)
    if class_def is None:
        msg = f"the provider made an instance of {instance.class_name}, which no schema describes"
        raise LookupError(msg)
    name = instance.class_name
    members = _members_xml(class_def.properties, instance.properties, schema, absent_nil=True)
    return (
        f"<p:{name} {_namespaces(instance.namespace, name)}"
        f' xsi:type="p:{name}_Type">{members}</p:{name}>'
    )


def fragment_xml(instance: CimInstance, class_def: ClassDef, wanted: Iterable[str]) -> str:
    """Render the projection of an instance: a fragment without namespaces ([P])."""
    parts = []
    for name in sorted(wanted):
        prop = class_def.properties[name]
        value = instance.properties.get(name)
        if value is None:
            parts.append("" if prop.is_array else f'<{name} xsi:nil="true"/>')
            continue
        each = value if isinstance(value, list) else [value]
        parts.extend(f"<{name}>{_scalar_xml(v)}</{name}>" for v in each)
    return f'<w:XmlFragment xmlns:xsi="{names.XSI}">{"".join(parts)}</w:XmlFragment>'


def output_xml(
    resource: ResourceUri,
    method: str,
    outputs: Mapping[str, TypedName],
    values: Mapping[str, CimValue],
    schema: Schema,
) -> str:
    """Render a `<Method>_OUTPUT` element; outputs without a value are left out."""
    members = _members_xml(outputs, values, schema, absent_nil=False)
    namespaces = _namespaces(resource.namespace, resource.class_name)
    return f"<p:{method}_OUTPUT {namespaces}>{members}</p:{method}_OUTPUT>"


def reference_children(reference: CimReference) -> str:
    """Render what stands inside an element of reference type: no EndpointReference wrapper."""
    selectors = "".join(
        f'<w:Selector Name="{attribute(name)}">{escape(value)}</w:Selector>'
        for name, value in reference.keys
    )
    uri = names.class_uri(reference.namespace, reference.class_name)
    return (
        f"<a:Address>{names.ANONYMOUS}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{uri}</w:ResourceURI>"
        f"<w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
    )


def endpoint_xml(reference: CimReference) -> str:
    """Render a stand-alone endpoint reference, as the EPR enumeration modes use it."""
    return f"<a:EndpointReference>{reference_children(reference)}</a:EndpointReference>"


def _namespaces(namespace: str, class_name: str) -> str:
    uri = names.class_uri(namespace, class_name)
    return f'{_INSTANCE_NAMESPACES} xmlns:p="{uri}" xmlns:cim="{names.CIM_COMMON}"'


def _members_xml(
    members: Mapping[str, TypedName],
    values: Mapping[str, CimValue],
    schema: Schema,
    *,
    absent_nil: bool,
) -> str:
    parts: list[str] = []
    for name, member in members.items():
        value = values.get(name)
        if value is None:
            if absent_nil and not member.is_array:
                parts.append(f'<p:{name} xsi:nil="true"/>')
        elif isinstance(value, list):
            parts.extend(_member_xml(name, each, schema) for each in value)
        else:
            parts.append(_member_xml(name, value, schema))
    return "".join(parts)


def _member_xml(name: str, value: object, schema: Schema) -> str:
    if isinstance(value, CimInstance):
        return _object_xml(name, value, schema)
    return f"<p:{name}>{_scalar_xml(value)}</p:{name}>"


def _object_xml(name: str, value: CimInstance, schema: Schema) -> str:
    """Render a typed output as a nested element ([I]: no recording shows this form)."""
    class_def = schema.get(value.class_name)
    if class_def is None:
        msg = f"the provider made an instance of {value.class_name}, which no schema describes"
        raise LookupError(msg)
    members = _members_xml(class_def.properties, value.properties, schema, absent_nil=True)
    uri = names.class_uri(value.namespace, value.class_name)
    inner = members.replace("<p:", "<e:").replace("</p:", "</e:")
    return f'<p:{name} xmlns:e="{uri}" xsi:type="e:{value.class_name}_Type">{inner}</p:{name}>'


def _scalar_xml(value: object) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"<cim:Datetime>{iso_datetime(value)}</cim:Datetime>"
    if isinstance(value, timedelta):
        return f"<cim:Interval>{iso_duration(value)}</cim:Interval>"
    if isinstance(value, CimReference):
        return reference_children(value)
    return str(value)
