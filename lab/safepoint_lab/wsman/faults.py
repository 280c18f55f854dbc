"""Faults on the wire that a test or `safepoint lab fault` can order.

The server asks an injected hook when a client connects, when it tries to log in and for every
request; the hook answers with a `WireFault` or None. What to order, when and how often is the
caller's business; this module only says what can go wrong on a wire, and the server does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from safepoint_lab.wsman.cimfault import CimFault

__all__ = [
    "Exchange",
    "FaultHook",
    "Moment",
    "WireFault",
    "WireFaultKind",
    "no_faults",
]


class Moment(StrEnum):
    """When the hook is asked."""

    CONNECT = "connect"
    """A client connected. Only RESET is obeyed here: the connection closes at once."""
    LOGIN = "login"
    """A client presented credentials. Only UNAUTHORIZED is obeyed here: they are not accepted."""
    REQUEST = "request"
    """A request is parsed, nothing has happened yet. Every kind is obeyed."""


class WireFaultKind(StrEnum):
    """What can go wrong on the wire."""

    UNAUTHORIZED = "unauthorized"
    """401, and no login is accepted on this connection any more."""
    DROP_LOGIN = "drop-login"
    """401 once: the connection forgets its login, and an encrypted session is lost with it."""
    HTTP_STATUS = "http-status"
    """HTTP `status` with an HTML body (none for 400 and 413)."""
    HTML_200 = "html-200"
    """A proxy's HTML page with status 200."""
    SOAP_FAULT = "soap-fault"
    """The SOAP fault `fault` with HTTP 500."""
    SOAP_FAULT_200 = "soap-fault-200"
    """The SOAP fault `fault` with HTTP 200."""
    MALFORMED_XML = "malformed-xml"
    """The answer's XML breaks off inside an element; the HTTP frame is whole."""
    TRUNCATED = "truncated"
    """Half the body of a larger Content-Length, then the connection closes."""
    RESET = "reset"
    """The connection is reset; after the effect this is the lost answer."""
    STALL = "stall"
    """No byte is sent until the client gives up, `seconds` pass or the server stops."""
    DELAY = "delay"
    """The answer waits `seconds`; longer than OperationTimeout ends in w:TimedOut."""
    EMPTY_PAGE = "empty-page"
    """A Pull answers no items although there are more; other requests are not touched."""
    RESTRICTED = "restricted"
    """The provider shows what an account without product rights sees."""
    LOCALISED = "localised"
    """This answer comes in `locale`."""


@dataclass(frozen=True, slots=True)
class WireFault:
    """One ordered fault: a kind and what that kind needs.

    `after_effect` lets the call take effect first and spoils only its answer.
    """

    kind: WireFaultKind
    after_effect: bool = False
    status: int = 503
    fault: CimFault | None = None
    seconds: float = 0.0
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a fault hook and the call log know about one request.

    `action` is Identify, Get, Enumerate, Pull, Release, Invoke, Put, Create, Delete, or for the
    earlier moments Connect and Login. `identifiers` are the GUIDs in the request, upper case;
    `subject` is the GUID of the VM that the provider says they belong to, empty when none.
    """

    node: str
    action: str
    namespace: str = ""
    class_name: str = ""
    method: str = ""
    identifiers: tuple[str, ...] = ()
    subject: str = ""

    @property
    def operation(self) -> str:
        """`Class.Method` for an invoke, else `Action.Class`, or the action alone."""
        if self.method:
            return f"{self.class_name}.{self.method}"
        return f"{self.action}.{self.class_name}" if self.class_name else self.action


FaultHook = Callable[[Exchange, Moment], WireFault | None]


def no_faults(_exchange: Exchange, _moment: Moment) -> WireFault | None:
    """Order nothing: the hook of a healthy wire."""
    return None
