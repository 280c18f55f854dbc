"""How the simulated server says no: status, error code and message in the product's shape."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ApiError",
    "access_denied",
    "conflict",
    "invalid",
    "not_found",
]


class ApiError(Exception):
    """An answer of status 400 and above.

    The `errorCode` values are those of the specification [S]; which status carries which code
    is from clients' tests or plain reading [C].
    """

    def __init__(
        self, status: int, code: str, message: str, *, resource: str = "", invalid: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.resource = resource
        self.invalid = invalid

    def body(self) -> dict[str, Any]:
        """Return the JSON body; validation failures carry what real 13.x adds [C]."""
        body: dict[str, Any] = {"errorCode": self.code, "message": self.message}
        if self.resource:
            body["resourceId"] = self.resource
        if self.invalid:
            body |= {"title": self.message, "status": self.status}
            body["data"] = {"invalidParams": self.invalid}
        return body


def not_found(what: str, ident: str) -> ApiError:
    """Return the answer for an id nobody has."""
    return ApiError(404, "NotFound", f"{what} with ID {ident} was not found", resource=ident)


def invalid(field: str, reason: str, value: object = "") -> ApiError:
    """Return the answer for a field that cannot be."""
    shown = value if isinstance(value, str | int | float | bool) else ""
    detail = f"Name: {field}; Reason: {reason}; Value: {shown}"
    return ApiError(400, "UnexpectedContent", reason, invalid=detail)


def conflict(message: str) -> ApiError:
    """Return the answer for something that cannot be done now; status is inference [X]."""
    return ApiError(400, "UnexpectedContent", message)


def access_denied(message: str) -> ApiError:
    """Return the answer for something this account may not do."""
    return ApiError(403, "AccessDenied", message)
