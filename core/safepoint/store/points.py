"""The catalogue of restore points we recorded, to notice one that vanished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from safepoint.models.refs import Ref
from safepoint.models.restore_points import RestorePoint
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.times import Clock, from_text, to_text

__all__ = ["PointRow", "Points"]


@dataclass(frozen=True)
class PointRow:
    """A restore point as it was when recorded."""

    point: RestorePoint
    connection: str
    recorded_at: datetime
    verified_at: datetime | None


class Points:
    """Recording and reading restore points."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(self, connection: str, point: RestorePoint, *, is_verified: bool) -> None:
        """Record a point; doing it again replaces what was recorded."""
        now = to_text(self._clock())
        with self._database.transaction() as tx:
            tx.execute(
                sa.delete(schema.restore_point).where(schema.restore_point.c.ref == str(point.ref))
            )
            tx.execute(
                sa.insert(schema.restore_point).values(
                    ref=str(point.ref),
                    connection=connection,
                    workload=str(point.workload),
                    recorded_at=now,
                    verified_at=now if is_verified else None,
                    record=point.model_dump(mode="json"),
                )
            )

    def mark_verified(self, ref: Ref) -> None:
        """Note that the point was read back and found good just now."""
        self._note(ref, damage="", verified_at=to_text(self._clock()))

    def mark_damaged(self, ref: Ref, damage: str) -> None:
        """Note that the point was read back and is not what was copied."""
        self._note(ref, damage=damage, verified_at=None)

    def _note(self, ref: Ref, *, damage: str, verified_at: str | None) -> None:
        table = schema.restore_point
        with self._database.transaction() as tx:
            record = tx.execute(sa.select(table.c.record).where(table.c.ref == str(ref))).scalar()
            if record is None:
                return  # a point of another journal: its own remembers
            changed = {**record, "is_damaged": bool(damage), "detail": damage}
            tx.execute(
                sa.update(table)
                .where(table.c.ref == str(ref))
                .values(record=changed, verified_at=verified_at)
            )

    def list(self, connection: str) -> tuple[PointRow, ...]:
        """Return what was recorded for a connection, oldest first."""
        table = schema.restore_point
        with self._database.transaction() as tx:
            rows = tx.execute(
                sa.select(table)
                .where(table.c.connection == connection)
                .order_by(table.c.recorded_at)
            )
            return tuple(
                PointRow(
                    point=RestorePoint.model_validate(row.record),
                    connection=row.connection,
                    recorded_at=from_text(row.recorded_at),
                    verified_at=from_text(row.verified_at) if row.verified_at else None,
                )
                for row in rows
            )
