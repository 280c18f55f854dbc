"""Which error an answer of the server means: one table, no exceptions in the code.

Statuses and `errorCode` values are those of VBR REST 1.3-rev0 to rev2 [S]; which status carries
which code is from clients that run against real servers [C] and may differ, so a row without a
code catches every other one of its status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from safepoint.drivers.answers import Fault
from safepoint.errors import (
    AuthenticationError,
    ConflictError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ThrottledError,
    VendorFaultError,
)

__all__ = [
    "ERROR_CODES",
    "FAULTS",
    "awaits_approval",
    "error_of",
    "fault_of",
    "is_unsupported_revision",
]

#: Every value of `errorCode` [S 1.3-rev0 to rev2].
ERROR_CODES: Final = (
    "AccessDenied",
    "ExpiredToken",
    "InvalidToken",
    "InvalidURI",
    "MethodNotAllowed",
    "NotFound",
    "NotImplemented",
    "ServiceUnavailable",
    "UnexpectedContent",
    "UnknownError",
)


_LOGIN = Fault(AuthenticationError, "Check user and password; an MFA account cannot use REST.")
_ROLE = Fault(
    PermissionDeniedError,
    "Give the account a stronger role; with four-eyes authorization a deletion waits for approval.",
)
_GONE = Fault(NotFoundError)
_REQUEST = Fault(InvalidRequestError)
_PATH = Fault(ProtocolError, "This revision of the REST API does not know the operation.")
_WAIT = Fault(ThrottledError, "The backup service asks for patience; try again later.")
_CONFLICT = Fault(ConflictError)
_INSIDE = Fault(VendorFaultError, "Look at the log of the Veeam Backup Service.")
_GATEWAY = Fault(VendorFaultError, "Something between here and the backup server failed.")

#: (status, errorCode or "") → what it means. A missing code falls back to "", then to the class.
FAULTS: Final[Mapping[tuple[int, str], Fault]] = {
    (400, ""): _REQUEST,
    (400, "NotImplemented"): _PATH,
    (400, "InvalidURI"): _PATH,
    (400, "NotFound"): _GONE,
    (400, "AccessDenied"): _LOGIN,
    (401, ""): _LOGIN,
    (403, ""): _ROLE,
    (404, ""): _GONE,
    (404, "InvalidURI"): _PATH,
    (404, "NotImplemented"): _PATH,
    (405, ""): _PATH,
    (408, ""): _WAIT,
    (409, ""): _CONFLICT,
    (415, ""): _REQUEST,
    (422, ""): _REQUEST,
    (423, ""): _CONFLICT,
    (429, ""): _WAIT,
    (500, ""): _INSIDE,
    (500, "NotFound"): _GONE,
    (500, "ServiceUnavailable"): _WAIT,
    (501, ""): _PATH,
    (502, ""): _GATEWAY,
    (503, ""): _WAIT,
    (504, ""): _GATEWAY,
}

_CLASSES: Final = {3: _PATH, 4: _REQUEST, 5: _INSIDE}
_APPROVAL: Final = re.compile(r"four[- ]eyes", re.IGNORECASE)
_REVISION: Final = re.compile(r"unsupported.*version", re.IGNORECASE)


def fault_of(status: int, code: str) -> Fault:
    """Return the row for an answer; every status has one, a code compares without case."""
    for (known_status, known_code), fault in FAULTS.items():
        if known_status == status and known_code and known_code.casefold() == code.casefold():
            return fault
    return FAULTS.get((status, "")) or _CLASSES.get(status // 100, _PATH)


def error_of(
    status: int,
    body: object,
    headers: Mapping[str, str],
    *,
    operation: str,
    system: str,
    writes: bool,
) -> DriverError:
    """Return the error of an unwelcome answer, ready to be raised.

    `body` is the parsed JSON or None.
    """
    fields = body if isinstance(body, dict) else {}
    code, words = str(fields.get("errorCode") or ""), _words(fields)
    text = f"{system}: {operation} was answered with {status}"
    text += f" ({': '.join(part for part in (code, words) if part)})" if code or words else ""
    return fault_of(status, code).error(
        text,
        status,
        headers,
        writes=writes,
        operation=operation,
        system=system,
        native_code=code or str(status),
        native_message=words,
    )


def _words(fields: Mapping[str, Any]) -> str:
    """Return message and `data.invalidParams`, which real 13.x servers add [C], in one line."""
    data = fields.get("data")
    more = data.get("invalidParams") if isinstance(data, dict) else ""
    parts = [str(part) for part in (fields.get("message"), more) if part]
    return re.sub(r"\s+", " ", "; ".join(parts))


def is_unsupported_revision(status: int, body: object) -> bool:
    """Tell whether the server does not speak the `x-api-version` that was sent [C].

    Its list of versions is not parsed: it comes with and without a leading letter.
    """
    if status != 400 or not isinstance(body, dict):
        return False
    code = str(body.get("errorCode") or "").casefold()
    return code == "notimplemented" or bool(_REVISION.search(str(body.get("message") or "")))


def awaits_approval(error: DriverError) -> bool:
    """Tell whether a deletion was not done but waits for a second administrator.

    With four-eyes authorization a deletion by REST is refused [D]; no revision lists what waits
    [S], so the words of the refusal are all there is [X].
    """
    return isinstance(error, PermissionDeniedError) and bool(
        _APPROVAL.search(error.native_message)
    )
