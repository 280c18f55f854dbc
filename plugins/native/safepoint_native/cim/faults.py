"""SOAP faults: how they are read, and which error each code means.

Decisions rest on numbers only; every text of a fault may be localised. The numbers are those of
[MS-WSMV] and of WMI's own status codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element

from safepoint.errors import (
    BusyError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    SafepointError,
    ThrottledError,
    TransientError,
    UnreachableError,
    VendorFaultError,
)
from safepoint_native.cim import names
from safepoint_native.cim.document import local_name

__all__ = [
    "FAULT_RULES",
    "SUBCODE_RULES",
    "WMI_RULES",
    "AnswerTooLargeError",
    "ClassAbsentError",
    "EnumerationLostError",
    "Fault",
    "Rule",
    "fault_error",
    "make_error",
    "read_fault",
]


class ClassAbsentError(NotFoundError):
    """The namespace or class does not exist here: a role or feature is not installed."""


class EnumerationLostError(TransientError):
    """The host forgot a running query; it has to be asked anew."""


class AnswerTooLargeError(InvalidRequestError):
    """The answer would be larger than allowed; ask for less at a time."""


@dataclass(frozen=True)
class Rule:
    """What a number means."""

    error: type[SafepointError]
    meaning: str
    hint: str = ""
    may_have_run: bool = False
    """True when a call that changes something may have taken effect all the same."""


@dataclass(frozen=True)
class Fault:
    """A SOAP fault as it came."""

    code: int | None
    """The outer code: an HRESULT or Win32 number."""
    subcode: str
    """The SOAP subcode without its prefix, such as ``AccessDenied``."""
    reason: str
    """The host's words; possibly localised, for people only."""
    wmi_status: int | None = None
    detail: str = ""
    """The last part of the fault detail URI, such as ``InvalidResourceURI``."""

    @property
    def number(self) -> str:
        """The most telling number as text, such as ``0x80041010``; empty when there is none."""
        found = self.wmi_status if self.wmi_status is not None else self.code
        return "" if found is None else f"0x{found:08X}" if found >= 0x80000000 else str(found)


_RIGHTS: Final = (
    "The account needs Remote Management Users on the host, Execute Methods on the WMI namespace "
    "and Hyper-V Administrators."
)
_OUR_DEFECT: Final = "This is a defect of safepoint or a value the host does not accept."
_PATIENCE: Final = "The host is at its limit: run fewer VMs of this node at once."
_ENVELOPE: Final = (
    "Raise `max_envelope_kib` in the connection's settings, and MaxEnvelopeSizekb on the host "
    "(winrm get winrm/config shows it)."
)
_FEATURE: Final = "The role or feature that provides it is not installed, or still starting."

#: WS-Management codes (decimal as they stand in the fault).
FAULT_RULES: Final[Mapping[int, Rule]] = {
    5: Rule(PermissionDeniedError, "access denied", _RIGHTS),
    2150858752: Rule(NotFoundError, "the object or class is not there"),
    2150858753: Rule(InvalidRequestError, "the action is not known", _OUR_DEFECT),
    2150858754: Rule(InvalidRequestError, "the resource address is malformed", _OUR_DEFECT),
    2150858770: Rule(UnreachableError, "the destination is not reachable"),
    2150858771: Rule(InvalidRequestError, "the action is not supported", _OUR_DEFECT),
    2150858772: Rule(UnreachableError, "the service is not available at the moment"),
    2150858776: Rule(InvalidRequestError, "the host does not filter", _OUR_DEFECT),
    2150858777: Rule(InvalidRequestError, "the host does not know this filter", _OUR_DEFECT),
    2150858778: Rule(InvalidRequestError, "the host cannot process the query", _OUR_DEFECT),
    2150858779: Rule(EnumerationLostError, "the host forgot the running query"),
    2150858780: Rule(EnumerationLostError, "the running query timed out"),
    2150858790: Rule(AnswerTooLargeError, "the message is too large for the host", _ENVELOPE),
    2150858793: Rule(
        ThrottledError, "the host did not finish in time", _PATIENCE, may_have_run=True
    ),
    2150858802: Rule(BusyError, "another request holds the object"),
    2150858805: Rule(AnswerTooLargeError, "the answer exceeds an encoding limit", _ENVELOPE),
    2150858810: Rule(InvalidRequestError, "a parameter is not valid", _OUR_DEFECT),
    2150858813: Rule(InvalidRequestError, "the selectors are not valid", _OUR_DEFECT),
    2150858815: Rule(ThrottledError, "the host's quota is used up", _PATIENCE),
    2150858817: Rule(InvalidRequestError, "the message does not fit the schema", _OUR_DEFECT),
    2150858819: Rule(InvalidRequestError, "the message is not valid XML", _OUR_DEFECT),
    2150858823: Rule(AnswerTooLargeError, "the requested envelope size is not allowed", _ENVELOPE),
    2150858824: Rule(AnswerTooLargeError, "the answer would exceed the envelope size", _ENVELOPE),
    2150858825: Rule(
        AnswerTooLargeError, "the answer would exceed the host's own limit", _ENVELOPE
    ),
    2150858836: Rule(InvalidRequestError, "a parameter has the wrong type", _OUR_DEFECT),
    2150858837: Rule(InvalidRequestError, "a parameter is not known", _OUR_DEFECT),
    2150858842: Rule(InvalidRequestError, "selectors are missing", _OUR_DEFECT),
    2150858843: Rule(InvalidRequestError, "there are unexpected selectors", _OUR_DEFECT),
    2150859010: Rule(
        TransientError,
        "the WMI provider could not complete the call",
        "The management service may be restarting; see the host's Hyper-V-VMMS event log.",
        may_have_run=True,
    ),
    2150859174: Rule(ThrottledError, "too many operations of this account", _PATIENCE),
}

#: WMI status numbers found inside a fault; they tell more than the outer code.
WMI_RULES: Final[Mapping[int, Rule]] = {
    0x80041001: Rule(
        TransientError,
        "WMI reports a general failure",
        FAULT_RULES[2150859010].hint,
        may_have_run=True,
    ),
    0x80041002: Rule(NotFoundError, "the object is not there"),
    0x80041003: Rule(PermissionDeniedError, "access to the WMI namespace denied", _RIGHTS),
    0x80041008: Rule(InvalidRequestError, "a parameter is not valid", _OUR_DEFECT),
    0x8004100E: Rule(ClassAbsentError, "the WMI namespace does not exist", _FEATURE),
    0x80041010: Rule(ClassAbsentError, "the WMI class does not exist", _FEATURE),
    0x80041017: Rule(InvalidRequestError, "the query is not valid", _OUR_DEFECT),
    0x8004102F: Rule(InvalidRequestError, "the method parameters are not valid", _OUR_DEFECT),
    0x8004106C: Rule(ThrottledError, "WMI's quota is used up", _PATIENCE),
}

#: For faults whose number is missing or unknown: the SOAP subcode without prefix.
SUBCODE_RULES: Final[Mapping[str, Rule]] = {
    "AccessDenied": FAULT_RULES[5],
    "ActionNotSupported": FAULT_RULES[2150858771],
    "CannotProcessFilter": FAULT_RULES[2150858778],
    "Concurrency": FAULT_RULES[2150858802],
    "DestinationUnreachable": FAULT_RULES[2150858752],
    "EncodingLimit": FAULT_RULES[2150858824],
    "EndpointUnavailable": FAULT_RULES[2150858772],
    "FilterDialectRequestedUnavailable": FAULT_RULES[2150858777],
    "FilteringNotSupported": FAULT_RULES[2150858776],
    "InternalError": FAULT_RULES[2150859010],
    "InvalidEnumerationContext": FAULT_RULES[2150858779],
    "InvalidParameter": FAULT_RULES[2150858810],
    "InvalidSelectors": FAULT_RULES[2150858813],
    "MessageInformationHeaderRequired": FAULT_RULES[2150858817],
    "QuotaLimit": FAULT_RULES[2150858815],
    "SchemaValidationError": FAULT_RULES[2150858817],
    "TimedOut": FAULT_RULES[2150858793],
    "UnsupportedFeature": FAULT_RULES[2150858810],
}

_UNKNOWN: Final = Rule(
    VendorFaultError, "the host reports a fault safepoint does not know", may_have_run=True
)
_NUMBER: Final = re.compile(r"0[xX][0-9A-Fa-f]{8}|\d{1,10}")


def read_fault(element: Element) -> Fault:
    """Read a SOAP fault in any of the three shapes hosts send."""
    subcode = element.findtext(
        f"{{{names.SOAP}}}Code/{{{names.SOAP}}}Subcode/{{{names.SOAP}}}Value", ""
    )
    reason = element.findtext(f"{{{names.SOAP}}}Reason/{{{names.SOAP}}}Text", "")
    outer = element.find(f".//{{{names.WSMAN_FAULT}}}WSManFault")
    detail = element.findtext(f".//{{{names.WSMAN}}}FaultDetail", "")
    return Fault(
        code=_number(outer.get("Code")) if outer is not None else _first(element, "error_Code"),
        subcode=subcode.strip().rpartition(":")[2],
        reason=" ".join(reason.split())[:400],
        wmi_status=_first(element, "StatusCode"),
        detail=detail.strip().rpartition("/")[2],
    )


def fault_error(fault: Fault, *, operation: str, node: str, changes: bool) -> SafepointError:
    """Return the error a fault means.

    Args:
        fault: What came.
        operation: The call, for the message.
        node: Who was asked.
        changes: True when the call changes something: then a fault after which the effect is
            uncertain becomes `OutcomeUnknownError`.
    """
    rule = _rule_for(fault)
    if changes and rule.may_have_run:
        rule = Rule(
            OutcomeUnknownError,
            f"{rule.meaning}; it may have been carried out",
            "Look for the effect before repeating the call.",
        )
    return make_error(
        rule,
        operation=operation,
        node=node,
        native_code=fault.number or fault.subcode,
        native_message=fault.reason,
    )


def make_error(
    rule: Rule, *, operation: str, node: str, native_code: str, native_message: str = ""
) -> SafepointError:
    """Make the error of a rule with everything a reader needs in one line."""
    code = f" ({native_code})" if native_code else ""
    message = f"{node}: {operation}: {rule.meaning}{code}"
    if not issubclass(rule.error, DriverError):
        return rule.error(message, hint=rule.hint)
    details: dict[str, Any] = {"operation": operation, "system": node}
    details |= {"native_code": native_code, "native_message": native_message}
    return rule.error(message, hint=rule.hint, **details)


def _rule_for(fault: Fault) -> Rule:
    if fault.wmi_status is not None and fault.wmi_status in WMI_RULES:
        return WMI_RULES[fault.wmi_status]
    if fault.code == 2150858752 and fault.detail == "InvalidResourceURI":
        return WMI_RULES[0x80041010]
    by_code = {**WMI_RULES, **FAULT_RULES}
    if fault.code is not None and fault.code in by_code:
        return by_code[fault.code]
    return SUBCODE_RULES.get(fault.subcode, _UNKNOWN)


def _first(element: Element, name: str) -> int | None:
    for found in element.iter():
        if local_name(found) == name and found.text:
            return _number(found.text)
    return None


def _number(text: str | None) -> int | None:
    """Read a decimal, hexadecimal or negative (signed 32-bit) number; None for anything else."""
    bare = (text or "").strip()
    negative = bare.startswith("-")
    if not _NUMBER.fullmatch(bare.removeprefix("-")):
        return None
    value = int(bare.removeprefix("-"), 0) if "x" in bare.lower() else int(bare.removeprefix("-"))
    return (2**32 - value) if negative else value
