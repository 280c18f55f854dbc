"""The journal of checkpoints: every transition is on disk before its effect is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from safepoint.errors import UnknownNameError
from safepoint.lifecycle import CheckpointEvent, CheckpointState, next_state
from safepoint.lifecycle.table import OPEN_STATES
from safepoint.models.checkpoints import CheckpointKind
from safepoint.models.refs import Ref
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.leases import Lease, Leases
from safepoint.store.times import Clock, from_text, to_text

__all__ = ["CheckpointRow", "Checkpoints", "Intent", "Transition"]


@dataclass(frozen=True)
class CheckpointRow:
    """A checkpoint we intended, as the journal has it."""

    tag: str
    connection: str
    workload: Ref
    workload_name: str
    name: str
    kind: CheckpointKind
    state: CheckpointState
    is_ad_hoc: bool
    """Made by `safepoint checkpoint create`: it stays until somebody deletes it."""
    run: str | None
    executor: str
    epoch: int
    native: Ref | None
    operation: Ref | None
    baseline: tuple[str, ...]
    """Ids of the VM's checkpoints before we asked: what is not in here is new."""
    intended_at: datetime
    held_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    note: str


@dataclass(frozen=True)
class Intent:
    """What is about to be asked for. Without a run it is ad hoc and stays once it holds."""

    tag: str
    connection: str
    workload: Ref
    workload_name: str
    name: str
    kind: CheckpointKind
    baseline: tuple[str, ...]
    run: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Transition:
    """One line of a checkpoint's history."""

    tag: str
    at: datetime
    event: CheckpointEvent
    before: CheckpointState
    after: CheckpointState
    note: str


class Checkpoints:
    """Writing and reading the journal. Every write checks the lease it is made under."""

    def __init__(self, database: Database, leases: Leases, clock: Clock) -> None:
        self._database = database
        self._leases = leases
        self._clock = clock

    def intend(self, lease: Lease, intent: Intent) -> CheckpointRow:
        """Write the intent, before anything is asked of the hypervisor."""
        values = {
            "tag": intent.tag,
            "connection": intent.connection,
            "workload": str(intent.workload),
            "workload_name": intent.workload_name,
            "name": intent.name,
            "kind": intent.kind.value,
            "state": CheckpointState.REQUESTED.value,
            "is_ad_hoc": intent.run is None,
            "run": intent.run,
            "executor": lease.holder,
            "epoch": lease.epoch,
            "baseline": list(intent.baseline),
            "intended_at": to_text(self._clock()),
            "expires_at": to_text(intent.expires_at) if intent.expires_at else None,
        }
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            tx.execute(sa.insert(schema.checkpoint).values(**values))
        return self.get(intent.tag)

    def note(
        self,
        lease: Lease,
        row: CheckpointRow,
        event: CheckpointEvent,
        *,
        note: str = "",
        native: Ref | None = None,
        operation: Ref | None = None,
    ) -> CheckpointRow:
        """Journal an event and return the row after it.

        Raises:
            FencedError: the lease is not ours any more.
            IllegalTransitionError: the table does not allow the event in the journal's state.
        """
        now = to_text(self._clock())
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            before = self._state(tx, row.tag)
            after = next_state(before, event)
            values: dict[str, Any] = {"state": after.value, "epoch": lease.epoch}
            values["executor"] = lease.holder
            if note:
                values["note"] = note
            if native is not None:
                values["native"] = str(native)
            if operation is not None:
                values["operation"] = str(operation)
            if after is CheckpointState.HELD:
                values["held_at"] = now
            if after not in OPEN_STATES:
                values["ended_at"] = now
            tx.execute(
                sa.update(schema.checkpoint)
                .where(schema.checkpoint.c.tag == row.tag)
                .values(**values)
            )
            tx.execute(
                sa.insert(schema.checkpoint_event).values(
                    tag=row.tag,
                    at=now,
                    event=event.value,
                    before=before.value,
                    after=after.value,
                    epoch=lease.epoch,
                    note=note,
                )
            )
        return self.get(row.tag)

    def set_operation(self, lease: Lease, row: CheckpointRow, operation: Ref) -> CheckpointRow:
        """Remember which operation of the hypervisor to follow; not a transition."""
        with self._database.transaction() as tx:
            self._leases.check_in(tx, lease)
            tx.execute(
                sa.update(schema.checkpoint)
                .where(schema.checkpoint.c.tag == row.tag)
                .values(operation=str(operation))
            )
        return self.get(row.tag)

    def get(self, tag: str) -> CheckpointRow:
        """Return one row; raises UnknownNameError for a tag that was never journaled."""
        with self._database.transaction() as tx:
            row = tx.execute(
                sa.select(schema.checkpoint).where(schema.checkpoint.c.tag == tag)
            ).first()
        if row is None:
            msg = f"the journal has no checkpoint with tag {tag}"
            raise UnknownNameError(msg)
        return _row(row)

    def open(self, workload: Ref | None = None) -> tuple[CheckpointRow, ...]:
        """Return the rows that may still have a checkpoint behind them, oldest first."""
        query = sa.select(schema.checkpoint).where(
            schema.checkpoint.c.state.in_([s.value for s in OPEN_STATES])
        )
        if workload is not None:
            query = query.where(schema.checkpoint.c.workload == str(workload))
        with self._database.transaction() as tx:
            return tuple(
                _row(r) for r in tx.execute(query.order_by(schema.checkpoint.c.intended_at))
            )

    def of_run(self, run: str) -> tuple[CheckpointRow, ...]:
        """Return every row of a run, oldest first."""
        query = sa.select(schema.checkpoint).where(schema.checkpoint.c.run == run)
        with self._database.transaction() as tx:
            return tuple(
                _row(r) for r in tx.execute(query.order_by(schema.checkpoint.c.intended_at))
            )

    def history(self, tag: str) -> tuple[Transition, ...]:
        """Return every transition of a checkpoint, oldest first."""
        events = schema.checkpoint_event
        with self._database.transaction() as tx:
            rows = tx.execute(sa.select(events).where(events.c.tag == tag).order_by(events.c.id))
            return tuple(
                Transition(
                    tag=r.tag,
                    at=from_text(r.at),
                    event=CheckpointEvent(r.event),
                    before=CheckpointState(r.before),
                    after=CheckpointState(r.after),
                    note=r.note,
                )
                for r in rows
            )

    @staticmethod
    def _state(tx: sa.Connection, tag: str) -> CheckpointState:
        state = tx.execute(
            sa.select(schema.checkpoint.c.state).where(schema.checkpoint.c.tag == tag)
        ).scalar_one()
        return CheckpointState(state)


def _row(row: sa.Row[Any]) -> CheckpointRow:
    return CheckpointRow(
        tag=row.tag,
        connection=row.connection,
        workload=Ref.parse(row.workload),
        workload_name=row.workload_name,
        name=row.name,
        kind=CheckpointKind(row.kind),
        state=CheckpointState(row.state),
        is_ad_hoc=row.is_ad_hoc,
        run=row.run,
        executor=row.executor,
        epoch=row.epoch,
        native=Ref.parse(row.native) if row.native else None,
        operation=Ref.parse(row.operation) if row.operation else None,
        baseline=tuple(row.baseline),
        intended_at=from_text(row.intended_at),
        held_at=from_text(row.held_at) if row.held_at else None,
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        expires_at=from_text(row.expires_at) if row.expires_at else None,
        note=row.note,
    )
