"""What a method's ReturnValue or a job's ErrorCode means.

A refusal by Hyper-V is no fault: the answer is an HTTP 200 with one of these numbers. Methods
inherited from CIM use the small numbers and, on refusal, the large ones too [recorded].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safepoint.errors import (
    BusyError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    SafepointError,
    ThrottledError,
    TransientError,
    UnsupportedError,
    VendorFaultError,
)
from safepoint_native.cim.faults import Rule, make_error

__all__ = ["COMPLETED", "JOB_STARTED", "RETURN_RULES", "return_code_error"]

COMPLETED: Final = 0
JOB_STARTED: Final = 4096

_DEFECT: Final = "This is a defect of safepoint or a value the host does not accept."
_WAIT: Final = "Wait until the other operation has ended, then try again."
_STATE: Final = (
    "Another checkpoint, merge, backup or migration may be under way; look at the VM's status."
)

_NOT_SUPPORTED: Final = Rule(UnsupportedError, "the host does not support this for this VM")
_FAILED: Final = Rule(
    VendorFaultError, "Hyper-V failed", "See the host's Hyper-V-VMMS event log for the cause."
)
_TIMED_OUT: Final = Rule(
    ThrottledError, "Hyper-V did not finish in time", _WAIT, may_have_run=True
)
_BAD_PARAMETER: Final = Rule(InvalidRequestError, "a parameter is not valid", _DEFECT)
_BAD_STATE: Final = Rule(ConflictError, "the VM's state does not allow it now", _STATE)
_BAD_TYPE: Final = Rule(InvalidRequestError, "a parameter has the wrong type", _DEFECT)

#: Every number the methods document, 0 and 4096 apart.
RETURN_RULES: Final[Mapping[int, Rule]] = {
    1: _NOT_SUPPORTED,
    2: _FAILED,
    3: _TIMED_OUT,
    4: _BAD_PARAMETER,
    5: _BAD_STATE,
    6: _BAD_TYPE,
    4097: Rule(ConflictError, "this change of state is not possible now", _STATE),
    4098: Rule(InvalidRequestError, "a time limit is not supported here", _DEFECT),
    4099: Rule(BusyError, "the object is busy", _WAIT),
    4100: Rule(InvalidRequestError, "the method reserves this value", _DEFECT),
    32768: _FAILED,
    32769: Rule(
        PermissionDeniedError,
        "Hyper-V denies access",
        "The account must be in Hyper-V Administrators on the host.",
    ),
    32770: _NOT_SUPPORTED,
    32771: Rule(
        OutcomeUnknownError,
        "Hyper-V does not know how it ended",
        "Look for the effect before repeating the call.",
    ),
    32772: _TIMED_OUT,
    32773: _BAD_PARAMETER,
    32774: Rule(BusyError, "the VM is in use by another operation", _WAIT),
    32775: _BAD_STATE,
    32776: _BAD_TYPE,
    32777: Rule(
        TransientError,
        "the system is not available",
        "The management service may be restarting; try again in a minute.",
    ),
    32778: Rule(TransientError, "the host is out of memory", "Free memory on the host."),
    32779: Rule(NotFoundError, "a file was not found or is in use"),
    32787: Rule(
        ConflictError,
        "the virtual disk does not fit its parent",
        "The chain of differencing disks is broken; do not merge it.",
    ),
    32789: Rule(NotFoundError, "the object was not found"),
}

_UNKNOWN: Final = Rule(
    VendorFaultError, "Hyper-V answered with a number safepoint does not know", may_have_run=True
)


def return_code_error(
    value: int, *, operation: str, node: str, changes: bool = True, native_message: str = ""
) -> SafepointError:
    """Return the error for a number other than 0 and 4096.

    Args:
        value: ReturnValue or ErrorCode.
        operation: The method, for the message.
        node: Who was asked.
        changes: True when the call changes something; an uncertain end is then
            `OutcomeUnknownError`.
        native_message: The host's words, for people only.
    """
    rule = RETURN_RULES.get(value, _UNKNOWN)
    if changes and rule.may_have_run:
        rule = Rule(OutcomeUnknownError, f"{rule.meaning}; it may have been carried out", _STATE)
    return make_error(
        rule,
        operation=operation,
        node=node,
        native_code=str(value),
        native_message=native_message,
    )
