"""How the CommServe says no: one problem, written in the shape of the family of the call.

HTTP 200 can mean failure. Codes are those the fact sheet gives; others are inference [?].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "BROWSE",
    "DETAILS",
    "ENTITIES",
    "ENTITY",
    "JOB_ACTION",
    "LOGIN",
    "PLAN",
    "RENEWAL",
    "TASK",
    "V4",
    "Problem",
    "Shape",
    "invalid",
    "missing",
    "not_found",
]

Shape = Callable[["Problem"], tuple[int, dict[str, Any]]]
"""Makes status and body of a problem."""

_INVALID = 587205634
_GENERIC = 2


class Problem(Exception):  # noqa: N818 - the product's own word is "error code"
    """A call that is refused.

    Attributes:
        code: The product's error code, never 0.
        message: Its text.
        status: HTTP status in families that use one.
        extra: Further fields of the body.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = _GENERIC,
        status: int = 500,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra or {}


def invalid(field: str, reason: str) -> Problem:
    """Return the problem of a field that cannot be; code and text are inference [?]."""
    return Problem(f"Invalid input: {field}: {reason} (simulated text)", code=_INVALID, status=400)


def missing(field: str) -> Problem:
    """Return the problem of a required field that is not there [?]."""
    return invalid(field, "it is required")


def not_found(what: str, ident: object) -> Problem:
    """Return the problem of an entity nobody has [?]."""
    return Problem(f"{what} [{ident}] does not exist (simulated text)", code=_GENERIC, status=404)


def LOGIN(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802 - names of shapes
    """``Login``: HTTP 200 without a token [S][3]."""
    error = {"errorCode": problem.code, "errLogMessage": problem.message}
    return 200, {**problem.extra, "errList": [error]}


def RENEWAL(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """``RenewLoginToken`` [S]."""
    return 200, {"error": {"errorCode": problem.code, "errLogMessage": problem.message}}


def ENTITY(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """Create client, instance, subclient: one `response` [S]."""
    return 200, {"response": {"errorCode": problem.code, "errorString": problem.message}}


def ENTITIES(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """Update and delete: a list of `response` [S]."""
    return 200, {"response": [{"errorCode": problem.code, "errorString": problem.message}]}


def TASK(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """``CreateTask``, backup: error fields on top instead of `jobIds` [S]."""
    return 200, {"errorCode": problem.code, "errorMessage": problem.message}


def JOB_ACTION(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """Actions on jobs [S]."""
    error = {"errorCode": problem.code, "errLogMessage": problem.message}
    return 200, {"errors": [{"errList": [error]}]}


def DETAILS(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """``JobDetails`` [S]."""
    error = {"errorCode": problem.code, "errLogMessage": problem.message}
    return 200, {"error": {"errList": [error]}}


def BROWSE(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """``DoBrowse`` [S]."""
    message = {"errorCode": problem.code, "errorMessage": problem.message}
    return 200, {"browseResponses": [{"respType": 1, "messages": [message]}]}


def PLAN(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """``V2/Plan`` [S]."""
    return 200, {"error": {"errorCode": problem.code, "errorMessage": problem.message}}


def V4(problem: Problem) -> tuple[int, dict[str, Any]]:  # noqa: N802
    """The V4 family: `GenericResp` with 400, 404 or 500 [O]."""
    return problem.status, {"errorCode": problem.code, "errorMessage": problem.message}
