"""The journal of writes to products: the intent first, then what became of it.

::

    intent ─► done ─────────► verified
      │  └──► failed
      └─────► unknown ──────► verified      the effect was seen
                  └─────────► absent ─► intent    looked, not there: asked again with the same key
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from safepoint.errors import IllegalTransitionError, UnknownNameError
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.leases import Lease, Leases
from safepoint.store.times import Clock, from_text, to_text

__all__ = ["OperationRow", "OperationState", "Operations", "WriteIntent"]


class OperationState(StrEnum):
    """What is known of a write."""

    INTENT = "intent"
    """Journaled; the request may or may not have been sent."""
    DONE = "done"
    """Answered."""
    FAILED = "failed"
    """Refused, or failed without effect."""
    UNKNOWN = "unknown"
    """No answer came, or the process died while it waited."""
    ABSENT = "absent"
    """Looked for after an unknown outcome, and not there."""
    VERIFIED = "verified"
    """The effect was seen."""


_S = OperationState
_NEXT: Final[Mapping[OperationState, frozenset[OperationState]]] = {
    _S.INTENT: frozenset({_S.DONE, _S.FAILED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.VERIFIED, _S.ABSENT}),
    _S.ABSENT: frozenset({_S.INTENT, _S.VERIFIED}),
    _S.DONE: frozenset({_S.VERIFIED}),
    _S.FAILED: frozenset(),
    _S.VERIFIED: frozenset(),
}
#: Nobody has looked yet what became of these.
_OPEN: Final = (_S.INTENT, _S.UNKNOWN)


@dataclass(frozen=True)
class WriteIntent:
    """What is about to be asked for."""

    plan: str
    connection: str
    address: str
    action: str
    change: str
    """A digest of the whole change: the same change asked again is the same request."""
    after: Mapping[str, Any] | None
    """The attributes that should come out, JSON-ready; None for a deletion."""


@dataclass(frozen=True)
class OperationRow:
    """One write as the journal has it."""

    key: str
    intent: WriteIntent
    state: OperationState
    executor: str
    intended_at: datetime
    ended_at: datetime | None
    error: Mapping[str, Any] | None


class Operations:
    """Writing and reading the journal of writes. Every write checks the lease first."""

    def __init__(self, database: Database, leases: Leases, clock: Clock) -> None:
        self._database = database
        self._leases = leases
        self._clock = clock

    def intend(self, lease: Lease, key: str, intent: WriteIntent) -> None:
        """Journal that the request is about to be sent with this key.

        A key whose effect was looked for and not found may be intended again.
        """
        now = to_text(self._clock())
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            known = tx.execute(sa.select(_T.c.state).where(_T.c.key == key)).scalar()
            if known is None:
                row = {
                    "key": key,
                    "plan": intent.plan,
                    "connection": intent.connection,
                    "address": intent.address,
                    "action": intent.action,
                    "change": intent.change,
                    "state": _S.INTENT,
                    "executor": lease.holder,
                    "intended_at": now,
                    "after": dict(intent.after) if intent.after is not None else None,
                }
                tx.execute(sa.insert(_T).values(**row))
                self._note(tx, key, "", _S.INTENT, intent.plan)
            else:
                self._step(tx, key, _S.INTENT, note=intent.plan, plan=intent.plan)

    def step(
        self,
        lease: Lease,
        key: str,
        state: OperationState,
        *,
        note: str = "",
        error: Mapping[str, Any] | None = None,
    ) -> None:
        """Journal what became of it.

        Raises:
            IllegalTransitionError: that cannot follow on what is known.
        """
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            self._step(tx, key, state, note=note, error=error)

    def open(self, connection: str) -> tuple[OperationRow, ...]:
        """Return the writes of a connection that nobody has looked after yet, oldest first."""
        return self._rows(_T.c.connection == connection, _T.c.state.in_(_OPEN))

    def answered(self, connection: str) -> tuple[OperationRow, ...]:
        """Return the writes that were answered and whose effect was not seen yet."""
        return self._rows(_T.c.connection == connection, _T.c.state == _S.DONE)

    def of_plan(self, plan: str) -> tuple[OperationRow, ...]:
        """Return the writes of a plan, oldest first."""
        return self._rows(_T.c.plan == plan)

    def repeatable(self, intent: WriteIntent) -> str | None:
        """Return the key of the same change if its effect was looked for and not found."""
        same = (
            _T.c.connection == intent.connection,
            _T.c.address == intent.address,
            _T.c.change == intent.change,
            _T.c.state == _S.ABSENT,
        )
        rows = self._rows(*same)
        return rows[-1].key if rows else None

    def last_applied(self, connection: str) -> dict[str, Mapping[str, Any] | None]:
        """Return, per address, the attributes that were written last; None after a deletion."""
        states = (_S.DONE, _S.VERIFIED)
        rows = self._rows(_T.c.connection == connection, _T.c.state.in_(states))
        return {row.intent.address: row.intent.after for row in rows}

    def events(self, key: str) -> tuple[str, ...]:
        """Return the states that a write went through, in order.

        Raises:
            UnknownNameError: there is no such write.
        """
        table = schema.operation_event
        with self._database.transaction() as tx:
            found = tx.execute(
                sa.select(table.c.after).where(table.c.key == key).order_by(table.c.id)
            ).scalars()
            states = tuple(found)
        if not states:
            msg = f"the journal has no write with the key {key!r}"
            raise UnknownNameError(msg)
        return states

    # -- observations ---------------------------------------------------------------------------

    def remember(self, connection: str, addresses: Iterable[str]) -> None:
        """Keep what a connection showed, in place of what it showed before."""
        table = schema.observation
        row = {"observed_at": to_text(self._clock()), "addresses": sorted(addresses)}
        with self._database.transaction() as tx:
            tx.execute(sa.delete(table).where(table.c.connection == connection))
            tx.execute(sa.insert(table).values(connection=connection, **row))

    def remembered(self, connection: str) -> frozenset[str]:
        """Return what a connection showed when it was last found good; empty at first."""
        table = schema.observation
        with self._database.transaction() as tx:
            found = tx.execute(
                sa.select(table.c.addresses).where(table.c.connection == connection)
            ).scalar()
        return frozenset(found or ())

    # -- inside ---------------------------------------------------------------------------------

    def _step(
        self,
        tx: sa.Connection,
        key: str,
        state: OperationState,
        *,
        note: str,
        error: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        now = tx.execute(sa.select(_T.c.state).where(_T.c.key == key)).scalar_one()
        before = OperationState(now)
        if state not in _NEXT[before]:
            allowed = ", ".join(sorted(_NEXT[before])) or "nothing"
            msg = f"write {key} cannot become {state}: it is {before}"
            raise IllegalTransitionError(msg, hint=f"From here: {allowed}.")
        values: dict[str, Any] = {"state": state, "error": dict(error) if error else None, **more}
        values["ended_at"] = None if state in _OPEN else to_text(self._clock())
        tx.execute(sa.update(_T).where(_T.c.key == key).values(**values))
        self._note(tx, key, before, state, note)

    def _note(self, tx: sa.Connection, key: str, before: str, after: str, note: str) -> None:
        row = {
            "key": key,
            "at": to_text(self._clock()),
            "before": str(before),
            "after": str(after),
        }
        tx.execute(sa.insert(schema.operation_event).values(note=note, **row))

    def _rows(self, *where: sa.ColumnElement[bool]) -> tuple[OperationRow, ...]:
        # One microsecond may hold several intents; the order of insertion then decides.
        query = sa.select(_T).where(*where).order_by(_T.c.intended_at, sa.text("rowid"))
        with self._database.transaction() as tx:
            rows = tx.execute(query).all()
        return tuple(_row(row) for row in rows)


_T: Final = schema.operation


def _row(row: Any) -> OperationRow:
    return OperationRow(
        key=row.key,
        intent=WriteIntent(
            plan=row.plan,
            connection=row.connection,
            address=row.address,
            action=row.action,
            change=row.change,
            after=row.after,
        ),
        state=OperationState(row.state),
        executor=row.executor,
        intended_at=from_text(row.intended_at),
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        error=row.error,
    )
