"""The journal of deeds on replicas: what was begun, and each step before it is asked for.

::

    deed   open ─► done | failed | abandoned
    step   intent ─► sent ─► done | failed        sent: the operation is known
             └─► unknown ─► done | intent         no answer; looked, and asked again
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from safepoint.errors import IllegalTransitionError
from safepoint.models.refs import Ref
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.leases import Lease, Leases
from safepoint.store.times import Clock, from_text, to_text

__all__ = ["DeedRow", "DeedState", "ReplicaDeeds", "StepRow", "StepState"]


class DeedState(StrEnum):
    """How far a deed is."""

    OPEN = "open"
    """Begun and not ended: somebody works on it, or a process died."""
    DONE = "done"
    """It ended with the state it claims, which was seen."""
    FAILED = "failed"
    """A step was refused or failed; the steps before it stay done."""
    ABANDONED = "abandoned"
    """Left half-done on purpose, because it was taken back."""


class StepState(StrEnum):
    """How far a step is."""

    INTENT = "intent"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"


_S = StepState
_NEXT: Final[Mapping[StepState, frozenset[StepState]]] = {
    _S.INTENT: frozenset({_S.INTENT, _S.SENT, _S.UNKNOWN, _S.DONE, _S.FAILED}),
    _S.SENT: frozenset({_S.DONE, _S.FAILED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.INTENT, _S.DONE, _S.FAILED}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset(),
}


@dataclass(frozen=True)
class StepRow:
    """One step as the journal has it."""

    key: str
    number: int
    step: str
    side: str
    state: StepState
    operation: Ref | None
    intended_at: datetime
    ended_at: datetime | None
    note: str


@dataclass(frozen=True)
class DeedRow:
    """One deed as the journal has it."""

    id: str
    deed: str
    connection: str
    pair: str
    vm: str
    order: Mapping[str, Any]
    """What was asked for, JSON-ready, so that another process can go on with it."""
    state: DeedState
    executor: str
    begun_at: datetime
    ended_at: datetime | None
    note: str


class ReplicaDeeds:
    """Writing and reading the journal of deeds. Every write checks the lease first."""

    def __init__(self, database: Database, leases: Leases, clock: Clock) -> None:
        self._database = database
        self._leases = leases
        self._clock = clock

    def begin(self, lease: Lease, row: Mapping[str, Any]) -> None:
        """Journal that a deed begins.

        Args:
            lease: Held on the VM.
            row: `id`, `deed`, `connection`, `pair`, `vm` and `order`.
        """
        more = {"state": DeedState.OPEN, "executor": lease.holder, "note": ""}
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            now = to_text(self._clock())
            tx.execute(sa.insert(_D).values(**row, **more, begun_at=now))

    def end(self, lease: Lease, deed: str, state: DeedState, *, note: str = "") -> None:
        """Journal how a deed ended."""
        values = {"state": state, "ended_at": to_text(self._clock()), "note": note}
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            found = tx.execute(
                sa.update(_D).where(_D.c.id == deed, _D.c.state == DeedState.OPEN).values(**values)
            )
            if not found.rowcount:
                msg = f"the deed {deed} is not open and cannot become {state}"
                raise IllegalTransitionError(msg)

    def intend(self, lease: Lease, deed: str, number: int, step: str, side: Ref, key: str) -> None:
        """Journal that a step is about to be asked for; again with the same key after a look."""
        row = {"key": key, "deed": deed, "number": number, "step": step, "side": str(side)}
        more = {"state": _S.INTENT, "operation": None, "ended_at": None, "note": ""}
        more["intended_at"] = to_text(self._clock())
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            known = tx.execute(sa.select(_T.c.state).where(_T.c.key == key)).scalar()
            if known is None:
                tx.execute(sa.insert(_T).values(**row, **more))
            else:
                self._check(key, StepState(known), _S.INTENT)
                tx.execute(sa.update(_T).where(_T.c.key == key).values(**more))

    def step(
        self,
        lease: Lease,
        key: str,
        state: StepState,
        *,
        operation: Ref | None = None,
        note: str = "",
    ) -> None:
        """Journal what became of a step.

        Raises:
            IllegalTransitionError: that cannot follow on what is known.
        """
        values: dict[str, Any] = {"state": state, "note": note}
        if operation is not None:
            values["operation"] = str(operation)
        if state in {_S.DONE, _S.FAILED}:
            values["ended_at"] = to_text(self._clock())
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            known = tx.execute(sa.select(_T.c.state).where(_T.c.key == key)).scalar_one()
            self._check(key, StepState(known), state)
            tx.execute(sa.update(_T).where(_T.c.key == key).values(**values))

    def open(self, connection: str | None = None, pair: str | None = None) -> tuple[DeedRow, ...]:
        """Return the deeds that have not ended, oldest first."""
        where = [_D.c.state == DeedState.OPEN]
        where += [_D.c.connection == connection] if connection is not None else []
        where += [_D.c.pair == pair] if pair is not None else []
        return self._rows(*where)

    def of_pair(self, connection: str, pair: str) -> tuple[DeedRow, ...]:
        """Return every deed on a relationship, oldest first."""
        return self._rows(_D.c.connection == connection, _D.c.pair == pair)

    def steps(self, deed: str) -> tuple[StepRow, ...]:
        """Return the steps of a deed, in their order."""
        query = sa.select(_T).where(_T.c.deed == deed).order_by(_T.c.number, _T.c.intended_at)
        with self._database.transaction() as tx:
            rows = tx.execute(query).all()
        return tuple(_step_row(row) for row in rows)

    @staticmethod
    def _check(key: str, before: StepState, after: StepState) -> None:
        if after not in _NEXT[before]:
            allowed = ", ".join(sorted(_NEXT[before])) or "nothing"
            msg = f"step {key} cannot become {after}: it is {before}"
            raise IllegalTransitionError(msg, hint=f"From here: {allowed}.")

    def _rows(self, *where: sa.ColumnElement[bool]) -> tuple[DeedRow, ...]:
        query = sa.select(_D).where(*where).order_by(_D.c.begun_at, sa.text("rowid"))
        with self._database.transaction() as tx:
            rows = tx.execute(query).all()
        return tuple(_deed_row(row) for row in rows)


_D: Final = schema.replica_deed
_T: Final = schema.replica_step


def _deed_row(row: Any) -> DeedRow:
    return DeedRow(
        id=row.id,
        deed=row.deed,
        connection=row.connection,
        pair=row.pair,
        vm=row.vm,
        order=row.order,
        state=DeedState(row.state),
        executor=row.executor,
        begun_at=from_text(row.begun_at),
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        note=row.note,
    )


def _step_row(row: Any) -> StepRow:
    return StepRow(
        key=row.key,
        number=row.number,
        step=row.step,
        side=row.side,
        state=StepState(row.state),
        operation=Ref.parse(row.operation) if row.operation else None,
        intended_at=from_text(row.intended_at),
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        note=row.note,
    )
