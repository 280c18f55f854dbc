"""Embedded instances: CIM-XML text that travels inside a string argument or property.

Built from typed values only; names are checked, values escaped, and the few characters that a
real host is known to choke on inside values (``&``, ``<``, ``>``) are refused rather than sent
[recorded: escaped ampersands gave error 32768, escaped angle brackets 32773].
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from xml.etree.ElementTree import Element

from safepoint.errors import InvalidRequestError, ProtocolError
from safepoint_native.cim.document import attribute_text, element_text, read_xml
from safepoint_native.cim.values import CimRow, WireItem
from safepoint_native.cim.wql import identifier

__all__ = [
    "CimType",
    "EmbeddedInstance",
    "InstanceProperty",
    "boolean",
    "parse_instance_text",
    "string",
    "string_array",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

#: What a property may hold; booleans are integers to Python, hence told apart by type first.
_Plain = str | int
#: Characters that hosts are known to mishandle inside an embedded value, even when escaped.
_RISKY: Final = re.compile(r"[&<>\x00-\x1f\x7f]")


class CimType(StrEnum):
    """The type names of CIM-XML that safepoint sends."""

    STRING = "string"
    BOOLEAN = "boolean"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    DATETIME = "datetime"


_LIMITS: Final = {
    CimType.UINT8: 2**8,
    CimType.UINT16: 2**16,
    CimType.UINT32: 2**32,
    CimType.UINT64: 2**64,
}


@dataclass(frozen=True)
class InstanceProperty:
    """One property of an embedded instance.

    A list is sent as array even when it holds one value: a single value in its place is ignored
    or fails on a real host [recorded].
    """

    name: str
    cim_type: CimType
    value: _Plain | tuple[_Plain, ...]

    def to_xml(self) -> str:
        """Return the PROPERTY or PROPERTY.ARRAY element.

        Raises:
            InvalidRequestError: the value does not fit the type or cannot be sent safely.
        """
        head = f'NAME="{identifier(self.name)}" TYPE="{self.cim_type}"'
        if isinstance(self.value, tuple):
            values = "".join(self._value(item) for item in self.value)
            return f"<PROPERTY.ARRAY {head}><VALUE.ARRAY>{values}</VALUE.ARRAY></PROPERTY.ARRAY>"
        return f"<PROPERTY {head}>{self._value(self.value)}</PROPERTY>"

    def _value(self, item: _Plain) -> str:
        return f"<VALUE>{element_text(self._lexical(item))}</VALUE>"

    def _lexical(self, item: _Plain) -> str:
        if isinstance(item, bool):
            if self.cim_type is CimType.BOOLEAN:
                return "TRUE" if item else "FALSE"
        elif isinstance(item, int):
            if self.cim_type in _LIMITS and 0 <= item < _LIMITS[self.cim_type]:
                return str(item)
        elif self.cim_type in {CimType.STRING, CimType.DATETIME}:
            if _RISKY.search(item):
                msg = f"{self.name}: the value {item[:60]!r} holds characters Hyper-V mishandles"
                raise InvalidRequestError(msg, hint="Use letters, digits, spaces and -_.() only.")
            return item
        msg = f"{self.name}: {item!r} is not a {self.cim_type}"
        raise InvalidRequestError(msg)


def string(name: str, value: str) -> InstanceProperty:
    """A string property."""
    return InstanceProperty(name, CimType.STRING, value)


def string_array(name: str, values: Sequence[str]) -> InstanceProperty:
    """A string array property."""
    return InstanceProperty(name, CimType.STRING, tuple(values))


def boolean(name: str, value: bool) -> InstanceProperty:  # noqa: FBT001  (named like its siblings: type, name, value)
    """A boolean property."""
    return InstanceProperty(name, CimType.BOOLEAN, value)


def uint8(name: str, value: int) -> InstanceProperty:
    """An 8-bit number."""
    return InstanceProperty(name, CimType.UINT8, value)


def uint16(name: str, value: int) -> InstanceProperty:
    """A 16-bit number."""
    return InstanceProperty(name, CimType.UINT16, value)


def uint32(name: str, value: int) -> InstanceProperty:
    """A 32-bit number."""
    return InstanceProperty(name, CimType.UINT32, value)


def uint64(name: str, value: int) -> InstanceProperty:
    """A 64-bit number."""
    return InstanceProperty(name, CimType.UINT64, value)


@dataclass(frozen=True)
class EmbeddedInstance:
    """An instance to be sent as text. Properties that are left out keep their defaults."""

    class_name: str
    properties: tuple[InstanceProperty, ...]

    def to_text(self) -> str:
        """Return the INSTANCE text; errors as `InstanceProperty.to_xml`."""
        inner = "".join(item.to_xml() for item in self.properties)
        name = attribute_text(identifier(self.class_name))
        return f'<INSTANCE CLASSNAME="{name}">{inner}</INSTANCE>'


def parse_instance_text(text: str, *, what: str = "an embedded instance") -> CimRow:
    """Read INSTANCE text; a property without VALUE is NULL, a NULL array is left out.

    Raises:
        ProtocolError: the text is not one INSTANCE.
    """
    root = read_xml(text, what=what)
    name = root.get("CLASSNAME")
    if root.tag != "INSTANCE" or not name:
        msg = f"{what} is not CIM-XML: the outermost element is {root.tag[:60]!r}"
        raise ProtocolError(msg)
    properties: dict[str, tuple[WireItem, ...]] = {}
    for element in root:
        key = element.get("NAME", "")
        if element.tag == "PROPERTY":
            properties[key] = (_scalar(element, what),)
        elif element.tag == "PROPERTY.ARRAY":
            array = element.find("VALUE.ARRAY")
            if array is not None:
                properties[key] = tuple(item.text or "" for item in array.findall("VALUE"))
        elif element.tag == "PROPERTY.REFERENCE":
            properties[key] = (_scalar(element, what),)
    return CimRow(name, properties)


def _scalar(element: Element, what: str) -> str | None:
    values = [child for child in element if child.tag in {"VALUE", "VALUE.REFERENCE"}]
    if len(values) > 1:
        msg = f"{what}: property {element.get('NAME')} has several values but is no array"
        raise ProtocolError(msg)
    return (values[0].text or "") if values else None
