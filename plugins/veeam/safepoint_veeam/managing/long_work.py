"""Infrastructure sessions: what registration and deployment run as, begun here, followed by the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from safepoint.errors import NotFoundError, VendorFaultError
from safepoint.models.checkpoints import OperationState, OperationStatus
from safepoint.models.refs import Ref
from safepoint_veeam.client import VeeamClient
from safepoint_veeam.wire.objects import Session

__all__ = ["LongWork"]

_TYPES: Final = ("Infrastructure", "InfrastructureItemDeletion", "HostComponentsUpdate")
_NEWEST: Final = 50
#: Ours; its failure is the failure of the change.
_OWN: Final = "change"
#: Somebody's, maybe ours of before a lost answer: it is only waited for.
_OTHER: Final = "change-before"


class LongWork:
    """Sessions of the kinds that a change of servers runs as.

    Veeam takes no key, and such a session does not say what it works on [S]. So before one is
    begun, whatever is still under way is waited for: after a lost answer that is our own.
    """

    def __init__(self, client: VeeamClient, connection: str) -> None:
        self._client = client
        self._connection = connection

    def begun(self, session: Session) -> Ref:
        """Return the handle of a session that was just started."""
        return Ref(kind=_OWN, system=self._connection, id=session.id)

    def begin(self, start: Callable[[], Session]) -> Ref:
        """Start a session, unless one is under way: then that one is to be waited for."""
        return self.under_way() or self.begun(start())

    def under_way(self) -> Ref | None:
        """Return a session that has not ended, whoever began it."""
        newest = self._client.sessions.newest(_NEWEST, {"typeFilter": list(_TYPES)})
        running = next((one for one in newest if not one.is_finished), None)
        return Ref(kind=_OTHER, system=self._connection, id=running.id) if running else None

    def status(self, change: Ref) -> OperationStatus:
        """Look once."""
        try:
            session = self._client.sessions.get(change.id)
        except NotFoundError:
            return OperationStatus(ref=change, state=OperationState.UNKNOWN)
        if not session.is_finished:
            percent = min(99, session.progress_percent or 0)
            return OperationStatus(ref=change, state=OperationState.RUNNING, percent=percent)
        word = session.result.result if session.result else "None"
        if change.kind == _OTHER or word.casefold() == "success":
            return OperationStatus(ref=change, state=OperationState.SUCCEEDED, percent=100)
        return self._failed(change, session, word)

    def _failed(self, change: Ref, session: Session, word: str) -> OperationStatus:
        """A warning counts as a failure: a host was left without a component."""
        message = (session.result.message if session.result else "") or ""
        if not message or message.casefold() == word.casefold():
            bad = [line for line in self._client.sessions.log(session.id) if _is_bad(line.status)]
            message = bad[-1].title if bad else "the session ended without saying why"
        return OperationStatus(
            ref=change,
            state=OperationState.FAILED,
            percent=100,
            code=VendorFaultError.code,
            message=message,
            hint=f"Session {session.id} in Veeam has the log. Apply again after the cause is gone.",
            native_code=word,
            native_message=message,
        )


def _is_bad(status: str) -> bool:
    return status.casefold() in {"failed", "warning"}
