"""SOAP answers: the envelope around a result, and faults in their three shapes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from safepoint_lab.wsman import names
from safepoint_lab.wsman.cimfault import CimFault, FaultShape
from safepoint_lab.wsman.rendering import attribute, escape

__all__ = [
    "Stamp",
    "envelope",
    "fault",
    "identify",
]

_ENVELOPE_NAMESPACES = (
    f'xmlns:s="{names.SOAP}" xmlns:a="{names.ADDRESSING}" '
    f'xmlns:w="{names.WSMAN}" xmlns:n="{names.ENUMERATION}"'
)
_STATUS_NAMESPACE = f"{names.WMI_URI}{{namespace}}/__ExtendedStatus"
_PROVIDER = 'provider="WMI Provider" path="%systemroot%\\system32\\WsmWmiPl.dll"'


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every answer of one host carries: its machine name and locale."""

    machine: str
    locale: str


def envelope(stamp: Stamp, action: str, relates_to: str, body: str) -> bytes:
    """Wrap a body into a complete answer that relates to the request's message id."""
    related = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="{stamp.locale}" {_ENVELOPE_NAMESPACES}><s:Header>'
        f"<a:Action>{escape(action)}</a:Action>"
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{names.ANONYMOUS}</a:To>{related}"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def identify(stamp: Stamp, version: str, *, logged_in: bool) -> bytes:
    """Answer Identify; without a login the version is masked and no profiles are listed."""
    shown = version if logged_in else "OS: 0.0.0 SP: 0.0 Stack: 3.0"
    profiles = (
        "<wsmid:SecurityProfiles><wsmid:SecurityProfileName>"
        "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http/spnego-kerberos"
        "</wsmid:SecurityProfileName></wsmid:SecurityProfiles>"
        if logged_in
        else ""
    )
    return (
        f'<s:Envelope xml:lang="{stamp.locale}" xmlns:s="{names.SOAP}"><s:Header/><s:Body>'
        f'<wsmid:IdentifyResponse xmlns:wsmid="{names.IDENTITY}">'
        f"<wsmid:ProtocolVersion>{names.WSMAN}</wsmid:ProtocolVersion>"
        f"<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
        f"<wsmid:ProductVersion>{escape(shown)}</wsmid:ProductVersion>{profiles}"
        f"</wsmid:IdentifyResponse></s:Body></s:Envelope>"
    ).encode()


def fault(stamp: Stamp, relates_to: str, error: CimFault, namespace: str) -> bytes:
    """Answer with a fault; `namespace` is the WMI namespace the request was about."""
    reason = escape(error.reason)
    party = "s:Receiver" if error.receiver else "s:Sender"
    about = f"<w:FaultDetail>{names.FAULT_DETAIL}/{error.fault_detail}</w:FaultDetail>"
    detail = {
        FaultShape.PLAIN: _plain_detail,
        FaultShape.PROVIDER: _provider_detail,
        FaultShape.ERROR_OBJECT: _object_detail,
    }[error.shape](stamp, error, namespace)
    body = (
        f"<s:Fault><s:Code><s:Value>{party}</s:Value>"
        f"<s:Subcode><s:Value>{error.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="{stamp.locale}">{reason}</s:Text></s:Reason>'
        f"<s:Detail>{about if error.fault_detail else ''}{detail}</s:Detail></s:Fault>"
    )
    return envelope(stamp, error.action, relates_to, body)


def _plain_detail(stamp: Stamp, error: CimFault, _namespace: str) -> str:
    return _fault_element(stamp, error, escape(error.reason))


def _provider_detail(stamp: Stamp, error: CimFault, namespace: str) -> str:
    """Nest the status: the outer message holds the provider's own fault and WMI's error."""
    detail = error.detail
    assert detail is not None
    uri = _STATUS_NAMESPACE.format(namespace=namespace or "root/cimv2")
    status = '<p:StatusCode xsi:nil="true"/>'
    if detail.is_stated:
        status = f"<p:StatusCode>{detail.wmi_status}</p:StatusCode>"
    extended = (
        f'<p:__ExtendedStatus xmlns:p="{uri}" xmlns:xsi="{names.XSI}" '
        f'xmlns:cim="{names.CIM_COMMON}" xsi:type="p:__ExtendedStatus_Type">'
        f"<p:Description>{escape(detail.description)}</p:Description>"
        f"<p:Operation>{escape(detail.operation)}</p:Operation>"
        f'<p:ParameterInfo xsi:nil="true"/><p:ProviderName>WinMgmt</p:ProviderName>'
        f"{status}</p:__ExtendedStatus>"
    )
    inner = _fault_element(stamp, error, escape(error.reason))
    return _fault_element(
        stamp,
        error,
        f"<f:ProviderFault {_PROVIDER}>{inner}"
        f"<f:ExtendedError>{extended}</f:ExtendedError></f:ProviderFault>",
    )


def _object_detail(_stamp: Stamp, error: CimFault, _namespace: str) -> str:
    uri = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
    reason = escape(error.reason)
    return (
        f'<p:MSFT_WmiError b:IsCIM_Error="true" xmlns:b="{names.CIM_BINDING}" xmlns:p="{uri}" '
        f'xmlns:cim="{names.CIM_COMMON}" xmlns:xsi="{names.XSI}" xsi:type="p:MSFT_WmiError_Type">'
        f'<p:CIMStatusCode xsi:type="cim:cimUnsignedInt">27</p:CIMStatusCode>'
        f'<p:Message xsi:type="cim:cimString">{reason}</p:Message>'
        f'<p:MessageID xsi:type="cim:cimString">HRESULT 0x{error.code:08x}</p:MessageID>'
        f'<p:error_Category xsi:type="cim:cimUnsignedInt">30</p:error_Category>'
        f'<p:error_Code xsi:type="cim:cimUnsignedInt">{error.code}</p:error_Code>'
        f'<p:error_Type xsi:type="cim:cimString">HRESULT</p:error_Type>'
        f'<p:error_WindowsErrorMessage xsi:type="cim:cimString">{reason}'
        f"</p:error_WindowsErrorMessage></p:MSFT_WmiError>"
    )


def _fault_element(stamp: Stamp, error: CimFault, message: str) -> str:
    return (
        f'<f:WSManFault xmlns:f="{names.MS_FAULT}" Code="{error.code}" '
        f'Machine="{attribute(stamp.machine)}"><f:Message>{message}</f:Message></f:WSManFault>'
    )
