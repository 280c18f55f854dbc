"""SOAP faults a WS-Management server answers, and refusals that are no faults.

Codes and subcodes are those of the fact sheet (§1.13); a fault says what shape its detail has:
plain, wrapped in a provider fault with the WMI status, or the newer error object.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from safepoint_lab.wsman import names

__all__ = [
    "WMI_ACCESS_DENIED",
    "WMI_FAILED",
    "WMI_INVALID_CLASS",
    "WMI_INVALID_METHOD_PARAMETERS",
    "WMI_INVALID_NAMESPACE",
    "WMI_INVALID_PARAMETER",
    "WMI_INVALID_QUERY",
    "WMI_NOT_FOUND",
    "WMI_QUOTA",
    "CimFault",
    "FaultDetail",
    "FaultShape",
    "Refused",
    "access_denied",
    "action_not_supported",
    "cannot_process_filter",
    "encoding_limit",
    "internal_error",
    "invalid_class",
    "invalid_context",
    "invalid_namespace",
    "invalid_query",
    "invalid_selectors",
    "not_found",
    "parameter_type",
    "quota_error_object",
    "quota_limit",
    "schema_violation",
    "timed_out",
    "unknown_dialect",
    "unknown_parameter",
]

WMI_FAILED = 0x80041001
WMI_NOT_FOUND = 0x80041002
WMI_ACCESS_DENIED = 0x80041003
WMI_INVALID_PARAMETER = 0x80041008
WMI_INVALID_NAMESPACE = 0x8004100E
WMI_INVALID_CLASS = 0x80041010
WMI_INVALID_QUERY = 0x80041017
WMI_INVALID_METHOD_PARAMETERS = 0x8004102F
WMI_QUOTA = 0x8004106C

_WMI_TEXT = {
    WMI_FAILED: "Generic failure",
    WMI_NOT_FOUND: "Not found",
    WMI_ACCESS_DENIED: "Access denied",
    WMI_INVALID_PARAMETER: "Invalid parameter",
    WMI_INVALID_NAMESPACE: "Invalid namespace",
    WMI_INVALID_CLASS: "Invalid class",
    WMI_INVALID_QUERY: "Invalid query",
    WMI_INVALID_METHOD_PARAMETERS: "Invalid method Parameter(s)",
    WMI_QUOTA: "Quota violation",
}
_UNSTATED = frozenset(
    {WMI_FAILED, WMI_NOT_FOUND, WMI_INVALID_CLASS, WMI_INVALID_METHOD_PARAMETERS}
)


class FaultShape(StrEnum):
    """How the detail of a fault is written."""

    PLAIN = "plain"
    PROVIDER = "provider"
    ERROR_OBJECT = "error-object"


@dataclass(frozen=True, slots=True)
class FaultDetail:
    """The WMI side of a fault: status value, the text that goes with it, and the operation."""

    wmi_status: int
    operation: str = "GetObject"

    @property
    def is_stated(self) -> bool:
        """Whether the number is in the answer; recordings show nil for the common ones ([R])."""
        return self.wmi_status not in _UNSTATED

    @property
    def description(self) -> str:
        """The English text of the status; real hosts translate it."""
        return _WMI_TEXT.get(self.wmi_status, "Generic failure")


class CimFault(Exception):  # noqa: N818 - "fault" is the protocol's word
    """A request that ends in a SOAP fault.

    Args:
        code: The decimal code of the WS-Man fault detail.
        subcode: Prefixed subcode such as `w:InvalidSelectors`.
        reason: One sentence; texts are ours, clients decide on codes.
        receiver: Whether the fault is the server's (`s:Receiver`) and not the sender's.
        detail: The WMI status, for faults that come from the WMI provider.
        fault_detail: The last part of a DMTF fault-detail URI, when there is one.
        shape: How the detail is written.
    """

    def __init__(
        self,
        code: int,
        subcode: str,
        reason: str,
        *,
        receiver: bool = False,
        detail: FaultDetail | None = None,
        fault_detail: str = "",
        shape: FaultShape = FaultShape.PLAIN,
    ) -> None:
        super().__init__(f"{subcode} ({code}): {reason}")
        self.code = code
        self.subcode = subcode
        self.reason = reason
        self.receiver = receiver
        self.detail = detail
        self.fault_detail = fault_detail
        self.shape = FaultShape.PROVIDER if detail and shape is FaultShape.PLAIN else shape

    @property
    def action(self) -> str:
        """The addressing action of the answer that carries this fault."""
        prefix = self.subcode.partition(":")[0]
        if prefix == "a" and self.subcode != "a:DestinationUnreachable":
            return names.ACTION_ADDRESSING_FAULT
        if prefix == "n":
            return names.ACTION_ENUMERATION_FAULT
        return names.ACTION_WSMAN_FAULT


class Refused(Exception):  # noqa: N818 - it is an answer (ReturnValue in HTTP 200), not an error
    """A method that says no: the caller gets HTTP 200 with this ReturnValue and no job."""

    def __init__(self, return_value: int) -> None:
        super().__init__(f"ReturnValue {return_value}")
        self.return_value = return_value


def not_found(operation: str = "GetObject") -> CimFault:
    """No such instance."""
    return CimFault(
        2150858752,
        "a:DestinationUnreachable",
        "The request names a resource that was not found.",
        detail=FaultDetail(WMI_NOT_FOUND, operation),
    )


def invalid_class() -> CimFault:
    """No such class in the namespace."""
    return _no_resource(WMI_INVALID_CLASS)


def invalid_namespace() -> CimFault:
    """No such namespace on this host."""
    return _no_resource(WMI_INVALID_NAMESPACE)


def _no_resource(status: int) -> CimFault:
    return CimFault(
        2150858752,
        "a:DestinationUnreachable",
        "The resource URI does not exist on this host.",
        detail=FaultDetail(status),
        fault_detail="InvalidResourceURI",
    )


def access_denied(status: int | None = None) -> CimFault:
    """The account lacks the right; with a WMI status it is the namespace that denies."""
    if status is None:
        return CimFault(5, "w:AccessDenied", "Access is denied.")
    detail = FaultDetail(status, "ConnectServer")
    return CimFault(5, "w:AccessDenied", "Access is denied.", detail=detail)


def internal_error(status: int, operation: str = "ExecMethod") -> CimFault:
    """The WMI provider could not do it; the status says more."""
    reason = "The WMI provider could not complete the operation."
    detail = FaultDetail(status, operation)
    return CimFault(2150859010, "w:InternalError", reason, receiver=True, detail=detail)


def action_not_supported() -> CimFault:
    """The action URI is none this resource has."""
    reason = "The action is not supported by this resource."
    return CimFault(2150858771, "a:ActionNotSupported", reason)


def schema_violation(*, why: str) -> CimFault:
    """The XML does not match the schema of the class or method."""
    return CimFault(2150858817, "w:SchemaValidationError", why)


def invalid_selectors(*, missing: bool) -> CimFault:
    """Too few or unexpected selectors."""
    kind = "InsufficientSelectors" if missing else "UnexpectedSelectors"
    code = 2150858842 if missing else 2150858843
    reason = "The selectors do not identify one resource."
    return CimFault(code, "w:InvalidSelectors", reason, fault_detail=kind)


def unknown_parameter(name: str) -> CimFault:
    """The method has no parameter of that (case-sensitive) name."""
    reason = f"The method has no parameter {name}."
    return CimFault(2150858837, "w:InvalidParameter", reason)


def parameter_type(name: str) -> CimFault:
    """The parameter's text is no value of its type."""
    reason = f"The value of {name} does not have the parameter's type."
    return CimFault(2150858836, "w:InvalidParameter", reason)


def encoding_limit() -> CimFault:
    """The answer would be larger than MaxEnvelopeSize, or that is set too small."""
    reason = "The answer would be larger than MaxEnvelopeSize allows."
    return CimFault(2150858824, "w:EncodingLimit", reason, fault_detail="MaxEnvelopeSize")


def timed_out() -> CimFault:
    """OperationTimeout ran out; the call may still finish on the host."""
    reason = "The operation did not finish within OperationTimeout."
    return CimFault(2150858793, "w:TimedOut", reason, receiver=True)


def quota_limit() -> CimFault:
    """Too many operations of one user at once."""
    reason = "The quota of concurrent operations of this user is used up."
    return CimFault(2150858815, "w:QuotaLimit", reason, receiver=True)


def quota_error_object() -> CimFault:
    """The same quota, reported by the newer path as an error object."""
    return CimFault(
        2150859174,
        "w:InternalError",
        "The service cannot take more operations of this user.",
        receiver=True,
        shape=FaultShape.ERROR_OBJECT,
    )


def invalid_context() -> CimFault:
    """The enumeration context is unknown, used up or expired."""
    reason = "The enumeration context is not valid."
    return CimFault(2150858779, "n:InvalidEnumerationContext", reason)


def cannot_process_filter(*, why: str) -> CimFault:
    """The filter cannot be processed here (WQL on a class URI, malformed filter)."""
    return CimFault(2150858778, "w:CannotProcessFilter", why)


def unknown_dialect() -> CimFault:
    """The filter dialect is none we know."""
    reason = "The filter dialect is not available."
    return CimFault(2150858777, "n:FilterDialectRequestedUnavailable", reason)


def invalid_query() -> CimFault:
    """WQL that does not parse, or names what the class does not have."""
    reason = "The WQL query is not valid."
    detail = FaultDetail(WMI_INVALID_QUERY, "ExecQuery")
    return CimFault(2150858778, "w:CannotProcessFilter", reason, detail=detail)
