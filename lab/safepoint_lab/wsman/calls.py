"""The log of calls a server answered, for assertions and request counts."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime

from safepoint_lab.wsman.faults import Exchange

__all__ = [
    "CallLog",
    "CallRecord",
]

_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One answered (or deliberately unanswered) request.

    `status` is the HTTP status sent, 0 when the wire was cut or stalled; `fault_code` the code of
    a SOAP fault in it, `wire_fault` the kind of an ordered fault, `user` who was logged in.
    """

    at: datetime
    exchange: Exchange
    status: int
    fault_code: int | None = None
    wire_fault: str = ""
    user: str = ""


class CallLog:
    """A bounded, thread-safe log of calls with counters that never forget.

    One log may be shared by the servers of all nodes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[CallRecord] = deque(maxlen=_KEPT)
        self._requests: Counter[str] = Counter()

    def add(self, record: CallRecord) -> None:
        """Append one record and count it."""
        with self._lock:
            self._records.append(record)
            self._requests[record.exchange.node] += 1

    def records(
        self,
        *,
        node: str | None = None,
        action: str | None = None,
        class_name: str | None = None,
        method: str | None = None,
        subject: str | None = None,
    ) -> list[CallRecord]:
        """Return the kept records that match every given field, oldest first."""
        wanted = {
            "node": node,
            "action": action,
            "class_name": class_name,
            "method": method,
            "subject": subject,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        with self._lock:
            kept = list(self._records)
        return [
            record
            for record in kept
            if all(getattr(record.exchange, name) == value for name, value in given.items())
        ]

    @property
    def request_count(self) -> int:
        """All logged requests, of all nodes, since the last `clear`."""
        with self._lock:
            return self._requests.total()

    def requests_of(self, node: str) -> int:
        """Logged requests of one node since the last `clear`."""
        with self._lock:
            return self._requests[node]

    def clear(self) -> None:
        """Forget records and counts."""
        with self._lock:
            self._records.clear()
            self._requests.clear()
