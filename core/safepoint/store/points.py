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
        with self._database.transaction() as tx:
            tx.execute(
                sa.update(schema.restore_point)
                .where(schema.restore_point.c.ref == str(ref))
                .values(verified_at=to_text(self._clock()))
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
