"""How one simulated host's WS-Management service is configured."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from safepoint_lab.wsman.enumeration import ENUMERATION_TIMEOUT_SECONDS
from safepoint_lab.wsman.faults import FaultHook, no_faults

__all__ = [
    "MAX_ENVELOPE_BYTES",
    "WsmanSettings",
]

MAX_ENVELOPE_BYTES = 500 * 1024


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class WsmanSettings:
    """Settings of one server, with the defaults of a Windows host where it has any.

    Attributes:
        node: Name for the call log and the fault hook.
        machine: Host name in answers, such as `hv01.example.test`.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        tls: A context makes the server speak HTTPS.
        basic: Whether Basic logins are offered at all. Over HTTP they also need
            `allow_unencrypted`, as on Windows.
        allow_unencrypted: Whether plain SOAP over HTTP is taken. When False, only sealed
            messages are (and Identify without login).
        max_envelope_bytes: Largest request and answer.
        enumeration_timeout_seconds: How long an idle enumeration context lives.
        product_version: What Identify tells a logged-in caller.
        faults: Asked for faults to order.
        clock: Monotonic seconds, for context expiry.
        now: Wall time, for the call log.
    """

    node: str
    machine: str = "localhost"
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    basic: bool = True
    allow_unencrypted: bool = True
    max_envelope_bytes: int = MAX_ENVELOPE_BYTES
    enumeration_timeout_seconds: float = ENUMERATION_TIMEOUT_SECONDS
    product_version: str = "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
    faults: FaultHook = no_faults
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=_utc_now)

    @property
    def offers_basic(self) -> bool:
        """Whether Basic is offered on this server's wire."""
        return self.basic and (self.tls is not None or self.allow_unencrypted)

    @property
    def wants_sealed(self) -> bool:
        """Whether a message must be sealed."""
        return self.tls is None and not self.allow_unencrypted
