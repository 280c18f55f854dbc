"""The audit log's words: what was asked of which system, by whom, and how it came out."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from safepoint.models.base import Model, UtcTime

__all__ = ["AuditBreak", "AuditEntry", "AuditHead", "AuditOutcome", "Deed"]


class AuditOutcome(StrEnum):
    """What an entry says."""

    ASKED = "asked"
    """About to be asked. One that no other entry answers was cut off: its process died."""
    DONE = "done"
    """Accepted by the system."""
    FAILED = "failed"
    """Refused, or failed; the error is in the detail."""
    UNKNOWN = "unknown"
    """Sent, and no answer came."""
    NOTED = "noted"
    """A step or decision of safepoint that asks nothing of a system."""


class Deed(Model):
    """One write to one system, before it is asked for. Holds no secret."""

    system: str
    """The connection."""
    deed: str
    """The call of the boundary, such as `delete-checkpoint`, or the name of a step."""
    target: str = ""
    """What it is about: a reference, an address, a job."""
    key: str = ""
    """The operation key that goes with the request."""
    before: dict[str, Any] | None = None
    """What was there, as far as this process had seen it; None when that is not known."""
    after: dict[str, Any] | None = None
    """What is asked for; None for a deletion."""


class AuditEntry(Deed):
    """One line of the audit log."""

    sequence: int
    """Counts up from 1 without a gap."""
    at: UtcTime
    actor: str
    """Who ran safepoint: account and machine."""
    process: int
    """Process id."""
    outcome: AuditOutcome
    answers: int | None = None
    """The sequence of the entry whose outcome this one tells."""
    detail: str = ""
    previous: str
    """The digest of the line before; empty for the first."""
    digest: str
    """SHA-256 over everything else in this line."""


class AuditHead(Model):
    """The last line at some moment. Kept elsewhere, it proves later that none was cut off."""

    sequence: int
    digest: str

    @property
    def text(self) -> str:
        """The form to write down: `SEQUENCE:DIGEST`."""
        return f"{self.sequence}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> AuditHead:
        """Read back what `text` wrote; raises ValueError on anything else."""
        number, _, digest = text.strip().partition(":")
        is_hex = len(digest) == 64 and all(c in "0123456789abcdef" for c in digest)
        if not number.isdecimal() or not is_hex:
            msg = f"not a head of an audit log: {text!r}"
            raise ValueError(msg)
        return cls(sequence=int(number), digest=digest)


class AuditBreak(Model):
    """One place where the log is not what was written."""

    sequence: int
    """The line at which it shows."""
    problem: str
