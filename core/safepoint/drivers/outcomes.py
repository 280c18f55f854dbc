"""Turning the failure that a polled operation reports into the error class that fits."""

from __future__ import annotations

from collections.abc import Iterator

from safepoint.errors import DriverError, VendorFaultError
from safepoint.models.checkpoints import OperationStatus

__all__ = ["error_class", "error_from_status"]


def _kinds(root: type[DriverError]) -> Iterator[type[DriverError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


def error_class(code: str) -> type[DriverError]:
    """Return the class with that `code`; an unknown code means the vendor's own fault."""
    return next((kind for kind in _kinds(DriverError) if kind.code == code), VendorFaultError)


def error_from_status(status: OperationStatus) -> DriverError:
    """Return the error that a failed operation stands for, ready to be raised."""
    return error_class(status.code)(
        status.message or "the operation failed without saying why",
        hint=status.hint,
        operation=status.ref.kind,
        system=status.ref.system,
        native_code=status.native_code,
        native_message=status.native_message,
    )
