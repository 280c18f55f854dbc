"""Which error an answer of the CommServe means: nine shapes, one extractor, one table.

HTTP 200 may carry a failure, also of a login [S]. Shapes and where they come from are in the fact
sheet's words: [S] the vendor's Python SDK, [O] its OpenAPI document, [D] its documentation.
Codes are documented for very few cases; the rows that go by words are inference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from safepoint.drivers.answers import Fault
from safepoint.errors import (
    AuthenticationError,
    BusyError,
    ConflictError,
    DriverError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ThrottledError,
    VendorFaultError,
)
from safepoint_commvault.wire.base import as_list

__all__ = ["Complaint", "complaint_of", "error_of", "fault_of"]

#: "The plan was created, with a warning" [S].
_ONLY_A_WARNING: Final = frozenset({"587207454"})


@dataclass(frozen=True)
class Complaint:
    """What an answer complains of: the product's code and words."""

    code: str
    text: str


_LOGIN = Fault(AuthenticationError, "Check user and password; a locked account needs its time.")
_ROLE = Fault(PermissionDeniedError, "Give the account's role the missing permission.")
_GONE = Fault(NotFoundError)
_REQUEST = Fault(InvalidRequestError)
_CONFLICT = Fault(ConflictError)
_PATH = Fault(ProtocolError, "This release of the web service does not know the operation.")
_WAIT = Fault(ThrottledError, "The web service asks for patience; try again later.")
_INSIDE = Fault(VendorFaultError, "Look at the job, or at the logs of the CommServe.")
_GATEWAY = Fault(VendorFaultError, "Something between here and the CommServe failed.")
_DISABLED = Fault(ConflictError, "Backup or restore is switched off there (activity control).")

_STATUSES: Final[Mapping[int, Fault]] = {
    400: _REQUEST,
    401: _LOGIN,
    403: _ROLE,
    404: _GONE,
    405: _PATH,
    408: _WAIT,
    409: _CONFLICT,
    415: _REQUEST,
    422: _REQUEST,
    429: _WAIT,
    500: _INSIDE,
    501: _PATH,
    502: _GATEWAY,
    503: _WAIT,
    504: _GATEWAY,
}
_CLASSES: Final = {4: _REQUEST, 5: _INSIDE}
#: Codes that mean one thing wherever they were seen.
_CODES: Final[Mapping[str, Fault]] = {"1116": _LOGIN}
#: Words; in this order.
_WORDS: Final = (
    (re.compile(r"already exists", re.IGNORECASE), _CONFLICT),
    (
        re.compile(r"already running|backup is running|in use by job", re.IGNORECASE),
        Fault(BusyError),
    ),
    (re.compile(r"activity .*disabled|disabled .*activity", re.IGNORECASE), _DISABLED),
    (re.compile(r"access denied|permission|not authori[sz]ed", re.IGNORECASE), _ROLE),
    (re.compile(r"not found|does not exist|no such", re.IGNORECASE), _GONE),
)


def complaint_of(body: object) -> Complaint | None:
    """Return the first failure that an answer reports, None when it reports none.

    A code of zero is success wherever it stands; warnings are no failure.
    """
    if not isinstance(body, Mapping):
        return None
    for place in _places(body):
        code = _code(place)
        if code != "0" and code not in _ONLY_A_WARNING:
            return Complaint(code, _text(place))
    return None


def _places(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every object of an answer in which a failure may be told, outermost first."""
    yield body
    yield from _maps(body.get("response"))
    for error in _maps(body.get("error")):
        yield error
        yield from _maps(error.get("errList"))
    for error in _maps(body.get("errors")):
        yield error
        yield from _maps(error.get("errList"))
        yield from _maps(error.get("status"))
    yield from _maps(body.get("errList"))
    for answer in _maps(body.get("browseResponses")):
        if "browseResult" not in answer:
            yield from _maps(answer.get("messages"))


def _maps(value: object) -> Iterator[Mapping[str, Any]]:
    return (one for one in as_list(value) if isinstance(one, Mapping))


def _code(place: Mapping[str, Any]) -> str:
    code = place.get("errorCode")
    if code in {None, ""}:
        # Renewal and browse tell a failure in words alone.
        return "unknown" if _words_alone(place) else "0"
    return str(code).strip()


def _words_alone(place: Mapping[str, Any]) -> bool:
    return bool(place.get("errLogMessage") or place.get("errorMessage"))


def _text(place: Mapping[str, Any]) -> str:
    for name in ("errorMessage", "errLogMessage", "errorString"):
        if place.get(name):
            return re.sub(r"\s+", " ", str(place[name])).strip()
    return ""


def fault_of(status: int, complaint: Complaint | None) -> Fault:
    """Return what an unwelcome answer means; every one has a row."""
    if complaint is not None:
        if complaint.code in _CODES:
            return _CODES[complaint.code]
        for words, fault in _WORDS:
            if words.search(complaint.text):
                return fault
    return _STATUSES.get(status) or _CLASSES.get(status // 100, _INSIDE)


def error_of(
    status: int,
    complaint: Complaint | None,
    headers: Mapping[str, str],
    *,
    operation: str,
    system: str,
    writes: bool,
) -> DriverError:
    """Return the error of an unwelcome answer, ready to be raised."""
    code = complaint.code if complaint is not None else str(status)
    words = complaint.text if complaint is not None else ""
    said = ": ".join(part for part in (code if complaint else "", words) if part)
    how = "refused" if status < 300 else f"answered with {status}"
    text = f"{system}: {operation} was {how}" + (f" ({said})" if said else "")
    return fault_of(status, complaint).error(
        text,
        status,
        headers,
        writes=writes,
        operation=operation,
        system=system,
        native_code=code,
        native_message=words,
    )
