"""Operating-system errors of files and shares, told in safepoint's own kinds."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from safepoint.errors import (
    BusyError,
    ConflictError,
    DriverError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    UnreachableError,
)

__all__ = ["from_os_error", "os_errors"]

_KINDS: dict[int, tuple[type[DriverError], str]] = {
    errno.ENOENT: (NotFoundError, ""),
    errno.ENOTDIR: (NotFoundError, ""),
    errno.EACCES: (PermissionDeniedError, "Give the account that runs safepoint access there."),
    errno.EPERM: (PermissionDeniedError, "Give the account that runs safepoint access there."),
    errno.EROFS: (PermissionDeniedError, "The file system is mounted read only."),
    errno.ENOSPC: (StorageFullError, "Free space there or let retention remove old points."),
    errno.EDQUOT: (StorageFullError, "Raise the quota or let retention remove old points."),
    errno.EFBIG: (StorageFullError, "The file system or a limit does not allow a file this big."),
    errno.EEXIST: (ConflictError, "Something of that name is there already."),
    errno.ENOTEMPTY: (ConflictError, "The folder is not empty."),
    errno.EISDIR: (ConflictError, "A folder lies where a file is expected."),
    errno.EBUSY: (BusyError, "Another program holds it open; try again later."),
    errno.ETXTBSY: (BusyError, "Another program holds it open; try again later."),
}
_UNREACHABLE_HINT = "Check that the share or disk is online, then run it again."
#: Windows: sharing violation and lock violation.
_WINDOWS_BUSY = frozenset({32, 33})


def from_os_error(error: OSError, operation: str, path: object) -> DriverError:
    """Translate an `OSError`; anything unknown is taken for an unreachable medium."""
    code = error.errno or 0
    kind, hint = _KINDS.get(code, (UnreachableError, _UNREACHABLE_HINT))
    if getattr(error, "winerror", None) in _WINDOWS_BUSY:
        kind, hint = _KINDS[errno.EBUSY]
    reason = error.strerror or str(error) or type(error).__name__
    return kind(
        f"cannot {operation} {path}: {reason}",
        hint=hint,
        operation=operation,
        native_code=errno.errorcode.get(code, str(code)),
        native_message=reason,
    )


@contextmanager
def os_errors(operation: str, path: object) -> Iterator[None]:
    """Translate every `OSError` raised in the block, naming the operation and the path."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, operation, path) from error
