"""What one simulated host answers, without sockets: requests in, answers and faults out."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from safepoint_lab.wsman import answers
from safepoint_lab.wsman.accounts import AccountBook
from safepoint_lab.wsman.calls import CallLog, CallRecord
from safepoint_lab.wsman.cimfault import WMI_FAILED, CimFault, internal_error
from safepoint_lab.wsman.dispatch import Answer, Dispatcher
from safepoint_lab.wsman.enumeration import ContextStore
from safepoint_lab.wsman.exchange import describe
from safepoint_lab.wsman.faults import Exchange, Moment, WireFault, WireFaultKind
from safepoint_lab.wsman.login import ConnectionLogin
from safepoint_lab.wsman.provider import CimProvider
from safepoint_lab.wsman.requests import (
    MAX_TIMEOUT_SECONDS,
    Envelope,
    open_envelope,
    timeout_of,
)
from safepoint_lab.wsman.settings import WsmanSettings

__all__ = [
    "Opened",
    "WsmanService",
]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that was read: what it is about and the fault ordered for it.

    `envelope` is None when the text is no SOAP; `rejection` then says so.
    """

    exchange: Exchange
    envelope: Envelope | None = None
    rejection: CimFault | None = None
    fault: WireFault | None = None

    @property
    def timeout_seconds(self) -> float:
        """How long the caller lets the operation take."""
        return MAX_TIMEOUT_SECONDS if self.envelope is None else timeout_of(self.envelope)


class WsmanService:
    """Requests to answers for one host. Thread-safe as far as its provider is.

    `stopping` is set when the server stops, so that delays and stalls end at once.
    """

    def __init__(
        self, provider: CimProvider, accounts: AccountBook, settings: WsmanSettings, calls: CallLog
    ) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self._accounts = accounts
        self._calls = calls
        contexts = ContextStore(settings.clock, settings.enumeration_timeout_seconds)
        limit = settings.max_envelope_bytes
        self._dispatcher = Dispatcher(provider, settings.machine, contexts, limit)

    def accepts_connection(self) -> bool:
        """Whether the wire lets a new connection live."""
        fault = self._order(Exchange(self.settings.node, "Connect"), Moment.CONNECT)
        return fault is None or fault.kind is not WireFaultKind.RESET

    def new_login(self) -> ConnectionLogin:
        """Return the login state of a new connection."""
        return ConnectionLogin(self._accounts, self.settings.offers_basic, self._accepts_login)

    def open(self, text: str) -> Opened:
        """Read a request and ask the fault hook about it."""
        node = self.settings.node
        try:
            envelope = open_envelope(text)
        except CimFault as error:
            return Opened(Exchange(node, "Malformed"), rejection=error)
        dispatcher = self._dispatcher
        exchange = describe(node, envelope, text, dispatcher.provider, dispatcher.contexts)
        return Opened(exchange, envelope, fault=self._order(exchange, Moment.REQUEST))

    def answer(self, opened: Opened, *, logged_in: bool = True) -> Answer:
        """Carry the request out and return its answer.

        A defect of the provider is logged with its trace and answered as InternalError.
        """
        dispatcher = self._dispatcher_for(opened.fault)
        if opened.envelope is None:
            assert opened.rejection is not None
            return dispatcher.fault(opened.rejection)
        if opened.envelope.is_identify:
            version = self.settings.product_version
            return Answer(200, answers.identify(dispatcher.stamp, version, logged_in=logged_in))
        try:
            return dispatcher.answer(opened.envelope)
        except Exception:
            _logger.exception("the lab's provider failed on %s", opened.exchange.operation)
            return self.fault_answer(opened, internal_error(WMI_FAILED))

    def fault_answer(self, opened: Opened, fault: CimFault) -> Answer:
        """Answer a request with a given fault instead of carrying it out."""
        message_id = opened.envelope.message_id if opened.envelope else ""
        dispatcher = self._dispatcher_for(opened.fault)
        return dispatcher.fault(fault, message_id, opened.exchange.namespace)

    def record(self, opened: Opened, status: int, fault_code: int | None, user: str) -> None:
        """Write one request to the call log."""
        kind = opened.fault.kind.value if opened.fault else ""
        at = self.settings.now()
        self._calls.add(CallRecord(at, opened.exchange, status, fault_code, kind, user))

    def _accepts_login(self) -> bool:
        fault = self._order(Exchange(self.settings.node, "Login"), Moment.LOGIN)
        return fault is None or fault.kind is not WireFaultKind.UNAUTHORIZED

    def _order(self, exchange: Exchange, moment: Moment) -> WireFault | None:
        return self.settings.faults(exchange, moment)

    def _dispatcher_for(self, fault: WireFault | None) -> Dispatcher:
        if fault is None:
            return self._dispatcher
        match fault.kind:
            case WireFaultKind.EMPTY_PAGE:
                return replace(self._dispatcher, empty_page=True)
            case WireFaultKind.RESTRICTED:
                return self._dispatcher.view(restricted=True)
            case WireFaultKind.LOCALISED:
                return self._dispatcher.view(locale=fault.locale)
            case _:
                return self._dispatcher
