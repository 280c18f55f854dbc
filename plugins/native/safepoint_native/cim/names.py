"""Names on the wire: XML namespaces, actions and resource URIs of WS-Management.

Nothing here is looked up at run time; the evidence for every name is the open specification
[MS-WSMV] and the DMTF documents it cites.
"""

from __future__ import annotations

from typing import Final

from safepoint.errors import InvalidRequestError

__all__ = [
    "ADDRESSING",
    "ANONYMOUS",
    "CIM_COMMON",
    "ENUMERATION",
    "IDENTITY",
    "MICROSOFT_WSMAN",
    "SOAP",
    "TRANSFER",
    "WMI_PREFIX",
    "WQL_DIALECT",
    "WSMAN",
    "WSMAN_FAULT",
    "XSI",
    "class_uri",
    "split_class_uri",
]

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
ANONYMOUS: Final = f"{ADDRESSING}/role/anonymous"
WSMAN: Final = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
MICROSOFT_WSMAN: Final = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
ENUMERATION: Final = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER: Final = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
CIM_COMMON: Final = "http://schemas.dmtf.org/wbem/wscim/1/common"
WSMAN_FAULT: Final = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
IDENTITY: Final = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

#: What a resource URI of WMI starts with; the namespace with slashes and the class follow.
WMI_PREFIX: Final = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"
#: Windows accepts this dialect only on the class part ``*`` [recorded on a real host].
WQL_DIALECT: Final = "http://schemas.microsoft.com/wbem/wsman/1/WQL"


def class_uri(namespace: str, class_name: str) -> str:
    r"""Return the resource URI of a class, such as ``…/wmi/root/cimv2/Win32_OperatingSystem``.

    Args:
        namespace: With slashes or backslashes, without a leading one.
        class_name: A class, or ``*`` for queries.
    """
    path = namespace.replace("\\", "/").strip("/")
    if not path or not class_name:
        msg = f"no resource URI can be made of namespace {namespace!r} and class {class_name!r}"
        raise InvalidRequestError(msg)
    return f"{WMI_PREFIX}{path}/{class_name}"


def split_class_uri(uri: str) -> tuple[str, str]:
    """Return (namespace, class) of a resource URI; the namespace is empty for a foreign URI.

    The prefix is compared without case, as the specification asks of resource URIs.
    """
    if not uri.lower().startswith(WMI_PREFIX.lower()):
        return "", uri.rpartition("/")[2]
    namespace, _, class_name = uri[len(WMI_PREFIX) :].rpartition("/")
    return namespace, class_name
