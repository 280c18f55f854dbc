"""How jobs of Hyper-V Replica fail: codes of Windows, wording of our own ([I] which code when)."""

from __future__ import annotations

from enum import StrEnum

from safepoint_lab.world.jobs import JobFailedError

__all__ = ["HResult", "ReplicationFailedError", "failed"]


class HResult(StrEnum):
    """Codes that clients find in the text of a failed job."""

    ACCESS_DENIED = "0x80070005"
    FILE_NOT_FOUND = "0x80070002"
    FILE_EXISTS = "0x80070050"
    INVALID = "0x80070057"
    DISK_FULL = "0x80070070"
    NOT_FOUND = "0x80070490"
    INVALID_STATE = "0x8007139F"
    NO_KEY = "0x8009000B"
    UNSUPPORTED_AUTHENTICATION = "0x80090302"
    CERTIFICATE_EXPIRED = "0x80090328"
    NAME_NOT_RESOLVED = "0x00002EE7"
    CANNOT_CONNECT = "0x00002EFD"


def failed(code: HResult, why: str) -> ReplicationFailedError:
    """Return the failure of a job; `code` stands in its text, as on a host."""
    text = "The replication operation failed."
    return ReplicationFailedError(code, f"{why[:1].upper()}{why[1:]}. ({code})", text)


class ReplicationFailedError(JobFailedError):
    """The failure of a job of replication, with its code as a value."""

    def __init__(self, hresult: HResult, why: str, text: str) -> None:
        super().__init__(text, details=f"{text} {why}")
        self.hresult = hresult
        self.why = why
