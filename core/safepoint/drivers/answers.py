"""What an unwelcome answer of an HTTPS server becomes, whatever the product.

Each driver knows what the statuses and codes of its product mean; what is the same everywhere is
here: when a write may have had its effect all the same, and how long a server asks to wait.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from safepoint.errors import DriverError, OutcomeUnknownError, ProtocolError, ThrottledError

__all__ = ["Fault", "retry_after_seconds", "unreadable"]

_LOST_BEHIND_A_PROXY: Final = frozenset({502, 504})


@dataclass(frozen=True)
class Fault:
    """What an answer means, and what the reader can do."""

    kind: type[DriverError]
    hint: str = ""

    def error(
        self,
        text: str,
        status: int,
        headers: Mapping[str, str],
        *,
        writes: bool,
        **details: str,
    ) -> DriverError:
        """Return the error of an answer, ready to be raised.

        502 and 504 to a write come from something in between, while the server may have acted: the
        outcome is unknown. `details` are the fields of a `DriverError`.
        """
        if writes and status in _LOST_BEHIND_A_PROXY:
            return OutcomeUnknownError(text, hint=self.hint, **details)
        if issubclass(self.kind, ThrottledError):
            seconds = retry_after_seconds(headers)
            return self.kind(text, hint=self.hint, retry_after_seconds=seconds, **details)
        return self.kind(text, hint=self.hint, **details)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the server's own figure, None when it gives none; a date counts from its clock."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        wanted = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers.get("Date", ""))
        return max((wanted - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def unreadable(
    answer: requests.Response, *, operation: str, system: str, writes: bool, hint: str
) -> DriverError:
    """Return the error of an answer that is no JSON object; it is never taken for a success.

    After a write the outcome is unknown.
    """
    kind = answer.headers.get("Content-Type", "no content type").partition(";")[0]
    msg = f"{system}: the answer to {operation} is no JSON object ({kind})"
    error = OutcomeUnknownError if writes else ProtocolError
    code = str(answer.status_code)
    return error(msg, hint=hint, operation=operation, system=system, native_code=code)
