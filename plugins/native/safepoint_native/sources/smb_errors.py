"""What an SMB server or the way to it answers, told in safepoint's own kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from smbprotocol.exceptions import (
    SMBAuthenticationError,
    SMBException,
    SMBResponseException,
    SMBUnsupportedFeature,
)

from safepoint.errors import (
    AuthenticationError,
    BusyError,
    ConflictError,
    DriverError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    StorageFullError,
    UnreachableError,
    VendorFaultError,
)

__all__ = ["smb_errors"]


class _Meaning(NamedTuple):
    kind: type[DriverError]
    name: str
    hint: str


_ACCOUNT = "Check the account and password of the connection; too many tries lock it."
_RIGHTS = "Give the account rights on the share and on the files behind it."
_PATH = "Check the path; the VM may have been moved to other storage."
_SHARE = "Check the name of the share and that the server publishes it."
_USED = "Another program holds the file open without sharing it; try again later."
_ROOM = "Free space on the share or raise the quota."
_TAKEN = "Something of that name is there already."
_LINE = "Check the network, the server and its SMB port, then run it again."
_ODD = "Look into the server's log; report it if the server is healthy."

#: NTSTATUS numbers of [MS-ERREF] 2.3.1.
_MEANINGS: dict[int, _Meaning] = {
    0xC000006D: _Meaning(AuthenticationError, "logon failure", _ACCOUNT),
    0xC000006A: _Meaning(AuthenticationError, "wrong password", _ACCOUNT),
    0xC000006E: _Meaning(AuthenticationError, "account restriction", _ACCOUNT),
    0xC0000071: _Meaning(AuthenticationError, "password expired", _ACCOUNT),
    0xC0000072: _Meaning(AuthenticationError, "account disabled", _ACCOUNT),
    0xC0000234: _Meaning(AuthenticationError, "account locked out", _ACCOUNT),
    0xC000015B: _Meaning(AuthenticationError, "logon type not granted", _ACCOUNT),
    0xC0000022: _Meaning(PermissionDeniedError, "access denied", _RIGHTS),
    0xC0000061: _Meaning(PermissionDeniedError, "privilege not held", _RIGHTS),
    0xC000000F: _Meaning(NotFoundError, "no such file", _PATH),
    0xC0000034: _Meaning(NotFoundError, "no such name", _PATH),
    0xC000003A: _Meaning(NotFoundError, "no such path", _PATH),
    0xC0000033: _Meaning(NotFoundError, "name is invalid", _PATH),
    0xC0000103: _Meaning(NotFoundError, "not a folder", _PATH),
    0xC00000CC: _Meaning(NotFoundError, "no such share", _SHARE),
    0xC0000043: _Meaning(BusyError, "sharing violation", _USED),
    0xC0000054: _Meaning(BusyError, "range is locked", _USED),
    0xC0000056: _Meaning(BusyError, "deletion is pending", _USED),
    0xC0000205: _Meaning(BusyError, "server is short of resources", _USED),
    0xC0000035: _Meaning(ConflictError, "name is taken", _TAKEN),
    0xC0000101: _Meaning(ConflictError, "folder is not empty", "Empty it first."),
    0xC00000BA: _Meaning(ConflictError, "it is a folder", _PATH),
    0xC000007F: _Meaning(StorageFullError, "disk full", _ROOM),
    0xC0000044: _Meaning(StorageFullError, "quota exceeded", _ROOM),
    0xC00000C9: _Meaning(UnreachableError, "the share went away", _LINE),
    0xC0000203: _Meaning(UnreachableError, "session was deleted", _LINE),
    0xC000035C: _Meaning(UnreachableError, "session expired", _LINE),
    0xC0000128: _Meaning(UnreachableError, "file handle was closed", _LINE),
    0xC00000B5: _Meaning(UnreachableError, "timed out", _LINE),
    0xC000020C: _Meaning(UnreachableError, "connection was closed", _LINE),
    0xC00000BF: _Meaning(UnreachableError, "network is busy", _LINE),
}


def _translated(error: Exception, operation: str, path: object) -> DriverError:
    if isinstance(error, SMBResponseException):
        kind, name, hint = _MEANINGS.get(
            error.status, _Meaning(VendorFaultError, "unexpected status", _ODD)
        )
        code = f"0x{error.status:08X}"
        text = f"{name} ({code})"
    elif isinstance(error, SMBAuthenticationError):
        kind, text, hint, code = AuthenticationError, str(error), _ACCOUNT, ""
    elif isinstance(error, SMBUnsupportedFeature) or "encryption" in str(error):
        kind, text, hint, code = ProtocolError, str(error), "The server has to allow it.", ""
    else:
        # smbprotocol raises plain exceptions for everything about the connection itself.
        kind, text, hint, code = UnreachableError, str(error) or type(error).__name__, _LINE, ""
    message = f"cannot {operation} {path}: {text}"
    return kind(message, hint=hint, operation=operation, native_code=code, native_message=text)


@contextmanager
def smb_errors(operation: str, path: object) -> Iterator[None]:
    """Translate everything that smbprotocol raises, naming the operation and the path."""
    try:
        yield
    except (SMBException, OSError, ValueError) as error:  # ValueError: could not connect
        raise _translated(error, operation, path) from error
