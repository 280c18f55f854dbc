"""Sessions and task sessions: opening, progress, logs, ends, and waiting for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from safepoint_lab.products.work import Crew
from safepoint_lab.veeam.records import LogLine, Session, Task, new_id
from safepoint_lab.veeam.shelf import Shelf
from safepoint_lab.veeam.wording import CANCELLED
from safepoint_lab.world.faults import FaultBook

__all__ = ["SessionDesk", "StopRequests"]

_FIRST_USN = 331_000
_POLL_SECONDS = 0.02


class StopRequests:
    """Which sessions were told to stop, and whether gracefully."""

    def __init__(self) -> None:
        self._asked: dict[str, bool] = {}

    def ask(self, session: str, *, graceful: bool) -> None:
        """Remember a request; an immediate one wins over a graceful one."""
        self._asked[session] = self._asked.get(session, True) and graceful

    def any(self, session: str) -> bool:
        """Tell whether the session shall stop at all."""
        return session in self._asked

    def at_once(self, session: str) -> bool:
        """Tell whether it shall stop without finishing what is under way."""
        return self._asked.get(session) is False


class SessionDesk:
    """Opens, changes and closes sessions; every change is kept at once."""

    def __init__(
        self, shelf: Shelf, crew: Crew, faults: FaultBook, now: Callable[[], datetime]
    ) -> None:
        self._shelf = shelf
        self._crew = crew
        self._faults = faults
        self._now = now
        self.stops = StopRequests()
        usns = [item.usn for item in self._everything()]
        self._usn = max(usns, default=_FIRST_USN)

    def open(
        self,
        kind: str,
        name: str,
        user: str,
        *,
        job_id: str = "",
        hyperv: bool = False,
        related: str = "",
    ) -> Session:
        """Open a session in state Starting; sessions without a job are their own job [S]."""
        ident = new_id()
        session = Session(
            id=ident,
            name=name,
            type=kind,
            job_id=job_id or ident,
            created_at=self._now(),
            usn=self._next_usn(),
            initiated_by=user,
            hyperv=hyperv,
            related=related,
        )
        self._shelf.save(session)
        return session

    def open_task(self, session: Session, kind: str, name: str, vm: str) -> Task:
        """Open the task session of one VM."""
        task = Task(
            id=new_id(),
            kind=kind,
            session_id=session.id,
            session_type=session.type,
            created_at=self._now(),
            usn=self._next_usn(),
            name=name,
            vm=vm,
        )
        self._shelf.save(task)
        return task

    def work(self, session: Session, percent: int | None = None) -> None:
        """Set a session working, and how far it is."""
        if session.state == "Starting":
            session.state = self._held(session) or "Working"
        if percent is not None:
            session.percent = percent
        self._shelf.save(session)

    def log(
        self,
        of: Session | Task,
        title: str,
        *,
        status: str = "Succeeded",
        description: str = "",
        since: datetime | None = None,
    ) -> None:
        """Add a record to a log; titles are simulated wording [X]."""
        now = self._now()
        of.log.append(LogLine(status, since or now, now, title, description))
        self._shelf.save(of)

    def close(
        self, of: Session | Task, result: str, message: str = "", *, cancelled: bool = False
    ) -> None:
        """End a session or task. One that a fault holds stays until it is let go."""
        if isinstance(of, Session):
            if self._was_stopped_while_held(of) and not cancelled:
                result, message, cancelled = "Failed", CANCELLED, True
            strange = self._faults.take("veeam-unknown-result", operation=of.type)
            result = strange["word"] if strange is not None else result
            of.percent = 100
        of.result = result
        of.message = message or result
        of.cancelled = cancelled
        of.ended_at = self._now()
        of.state = "Stopped"
        of.usn = self._next_usn()
        self._shelf.save(of)

    def tasks(self, session: str) -> list[Task]:
        """Return the task sessions of a session, oldest first."""
        return self._shelf.where(Task, lambda task: task.session_id == session)

    def end_interrupted(self) -> None:
        """End what a stop of the server cut off; nothing else is cleaned up [F]."""
        message = "The backup server was restarted (simulated text)"
        for item in self._everything():
            if item.state != "Stopped":
                self.close(item, "Failed", message)

    def wait(self, session: str, timeout_seconds: float = 30.0) -> Session:
        """Wait until a session has stopped; TimeoutError when time is up."""
        with self._shelf.changed:
            done = self._shelf.changed.wait_for(
                lambda: self._shelf.get(Session, session).state == "Stopped", timeout_seconds
            )
        found = self._shelf.get(Session, session)
        if not done:
            message = f"session {session} is still {found.state}"
            raise TimeoutError(message)
        return found

    def _was_stopped_while_held(self, session: Session) -> bool:
        """Stay as long as a fault holds the session; tell whether a stop ended that."""
        while self._held(session) is not None:
            if self.stops.any(session.id):
                return True
            self._crew.pause(_POLL_SECONDS)
        return False

    def _held(self, session: Session) -> str | None:
        """Return the word that a fault gives to the state, empty for its own; None: go on."""
        if self._faults.take("veeam-session-hangs", operation=session.type) is not None:
            return ""
        strange = self._faults.take("veeam-unknown-state", operation=session.type)
        return strange["word"] if strange is not None else None

    def _everything(self) -> list[Session | Task]:
        return [*self._shelf.all(Session), *self._shelf.all(Task)]

    def _next_usn(self) -> int:
        with self._shelf.lock:
            self._usn += 1
            return self._usn
