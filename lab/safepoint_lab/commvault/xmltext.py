"""XML beside JSON: scalars are attributes, objects and lists are elements [D for logins]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["XmlError", "read_xml", "write_xml"]


class XmlError(ValueError):
    """The body is no XML that is accepted."""


def read_xml(body: bytes) -> dict[str, Any]:
    """Return an XML body as its JSON twin: the root by name, attributes as text.

    Raises:
        XmlError: Malformed, or with a document type (nothing here needs entities).
    """
    if b"<!DOCTYPE" in body.upper():
        message = "a document type is not accepted"
        raise XmlError(message)
    try:
        root = ET.fromstring(body)  # noqa: S314 - loopback, and no document type
    except ET.ParseError as error:
        raise XmlError(str(error)) from error
    content = _element(root)
    return content if isinstance(content, dict) else {root.tag: content}


def write_xml(root: str, body: Mapping[str, Any]) -> str:
    """Return a JSON body as XML under this root."""
    element = ET.Element(root)
    _fill(element, body)
    return ET.tostring(element, encoding="unicode", xml_declaration=False)


def _element(element: ET.Element) -> Any:
    found: dict[str, Any] = dict(element.attrib)
    for child in element:
        value = _element(child)
        if child.tag in found:
            known = found[child.tag]
            found[child.tag] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            found[child.tag] = value
    return found or (element.text or "").strip()


def _fill(element: ET.Element, body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                _fill(ET.SubElement(element, name), item)
            elif isinstance(value, list):
                ET.SubElement(element, name, {"val": _word(item)})
            elif item is not None:
                element.set(name, _word(item))


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
