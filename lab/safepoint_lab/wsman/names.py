"""The names of WS-Management on the wire: namespaces, actions, dialects and resource URIs."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

__all__ = [
    "ACTION_ADDRESSING_FAULT",
    "ACTION_CREATE",
    "ACTION_DELETE",
    "ACTION_ENUMERATE",
    "ACTION_ENUMERATION_FAULT",
    "ACTION_GET",
    "ACTION_PULL",
    "ACTION_PUT",
    "ACTION_RELEASE",
    "ACTION_WSMAN_FAULT",
    "ADDRESSING",
    "ALL_CLASSES",
    "ANONYMOUS",
    "CIM_BINDING",
    "CIM_COMMON",
    "DIALECT_ASSOCIATION",
    "DIALECT_WQL",
    "ENUMERATION",
    "FAULT_DETAIL",
    "IDENTITY",
    "MS_FAULT",
    "MS_WSMAN",
    "SOAP",
    "TRANSFER",
    "WMI_URI",
    "WSMAN",
    "XML_LANG",
    "XSI",
    "ResourceUri",
    "class_uri",
]

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
MS_WSMAN = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
CIM_BINDING = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
CIM_COMMON = "http://schemas.dmtf.org/wbem/wscim/1/common"
MS_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

ANONYMOUS = f"{ADDRESSING}/role/anonymous"

ACTION_GET = f"{TRANSFER}/Get"
ACTION_PUT = f"{TRANSFER}/Put"
ACTION_CREATE = f"{TRANSFER}/Create"
ACTION_DELETE = f"{TRANSFER}/Delete"
ACTION_ENUMERATE = f"{ENUMERATION}/Enumerate"
ACTION_PULL = f"{ENUMERATION}/Pull"
ACTION_RELEASE = f"{ENUMERATION}/Release"

ACTION_WSMAN_FAULT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
ACTION_ADDRESSING_FAULT = f"{ADDRESSING}/fault"
ACTION_ENUMERATION_FAULT = f"{ENUMERATION}/fault"
FAULT_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail"

DIALECT_WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
DIALECT_ASSOCIATION = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"

WMI_URI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"
ALL_CLASSES = "*"


@dataclass(frozen=True, slots=True)
class ResourceUri:
    """A WMI resource URI taken apart: `root/virtualization/v2` and a class name or `*`."""

    namespace: str
    class_name: str

    @classmethod
    def parse(cls, text: str) -> ResourceUri | None:
        """Return the parts of a WMI resource URI, or None when it is none (or has no class)."""
        if not text.startswith(WMI_URI):
            return None
        namespace, _, class_name = text.removeprefix(WMI_URI).rpartition("/")
        if not namespace or not class_name:
            return None
        return cls(namespace, class_name)

    @property
    def is_query(self) -> bool:
        """Whether the class part is the wildcard that queries need."""
        return self.class_name == ALL_CLASSES

    @override
    def __str__(self) -> str:
        return f"{WMI_URI}{self.namespace}/{self.class_name}"


def class_uri(namespace: str, class_name: str) -> str:
    """Return the resource URI of a class, which is also the XML namespace of its instances."""
    return f"{WMI_URI}{namespace}/{class_name}"
