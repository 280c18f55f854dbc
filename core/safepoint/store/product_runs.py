"""What is journaled of runs that a product carries out: the intent first, then its handle.

The row is written before the product is asked, with what was there before: the job's runs and the
VMs' checkpoints. Whatever process dies, the next one tells from it which run is ours and which
checkpoint is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel
from safepoint.store import schema
from safepoint.store.database import Database

__all__ = ["ProductIntent", "ProductRunRow", "ProductRuns"]


@dataclass(frozen=True)
class ProductIntent:
    """What is about to be asked of a product, and what is there before."""

    run: str
    level: RunLevel = RunLevel.AUTO
    vms: tuple[Ref, ...] = ()
    runs_before: tuple[Ref, ...] = ()
    checkpoints_before: Mapping[Ref, tuple[str, ...]] = field(default_factory=dict)
    is_adopted: bool = False


@dataclass(frozen=True)
class ProductRunRow:
    """A product's run as the journal has it."""

    intent: ProductIntent
    native: Ref | None
    is_settled: bool


class ProductRuns:
    """Recording and reading what belongs to runs of products."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, intent: ProductIntent) -> None:
        """Write what is about to be asked; its run has been created before."""
        before = {str(vm): list(ids) for vm, ids in intent.checkpoints_before.items()}
        row = {
            "run": intent.run,
            "level": intent.level.value,
            "vms": [str(vm) for vm in intent.vms],
            "runs_before": [str(ref) for ref in intent.runs_before],
            "checkpoints_before": before,
            "is_adopted": intent.is_adopted,
            "is_settled": False,
        }
        with self._database.transaction() as tx:
            tx.execute(sa.insert(_T).values(**row))

    def found(self, run: str, native: Ref) -> None:
        """Write the product's handle: its answer came, or the run was found by looking."""
        self._set(run, native=str(native))

    def note(self, run: str, seen: Run) -> None:
        """Write what the product said of it."""
        self._set(run, native_state=seen.native_state, percent=seen.percent, message=seen.message)

    def say(self, run: str, message: str) -> None:
        """Write why nobody follows it any more."""
        self._set(run, message=message)

    def settle(self, run: str) -> None:
        """Write that its end, or that it never began, is in the journal."""
        self._set(run, is_settled=True)

    def get(self, run: str) -> ProductRunRow | None:
        """Return what is kept of a run; None when we carried it out ourselves."""
        rows = self._rows(_T.c.run == run)
        return rows[0] if rows else None

    def unsettled(self, connection: str, job: str | None = None) -> tuple[ProductRunRow, ...]:
        """Return runs of a connection whose end nobody has written down, oldest first."""
        where = [schema.run.c.connection == connection, _T.c.is_settled.is_(False)]
        if job is not None:
            where.append(schema.run.c.job == job)
        return self._rows(*where)

    def natives(self) -> dict[Ref, str]:
        """Return, per handle of a product, the id of our run."""
        with self._database.transaction() as tx:
            rows = tx.execute(sa.select(_T.c.native, _T.c.run).where(_T.c.native.is_not(None)))
            return {Ref.parse(row.native): row.run for row in rows}

    def _set(self, run: str, **values: Any) -> None:
        with self._database.transaction() as tx:
            tx.execute(sa.update(_T).where(_T.c.run == run).values(**values))

    def _rows(self, *where: sa.ColumnElement[bool]) -> tuple[ProductRunRow, ...]:
        query = (
            sa.select(_T)
            .join(schema.run, schema.run.c.id == _T.c.run)
            .where(*where)
            .order_by(schema.run.c.requested_at)
        )
        with self._database.transaction() as tx:
            return tuple(_row(row) for row in tx.execute(query).all())


_T = schema.product_run


def _row(row: sa.Row[Any]) -> ProductRunRow:
    return ProductRunRow(
        intent=ProductIntent(
            run=row.run,
            level=RunLevel(row.level),
            vms=tuple(map(Ref.parse, row.vms)),
            runs_before=tuple(map(Ref.parse, row.runs_before)),
            checkpoints_before={
                Ref.parse(vm): tuple(ids) for vm, ids in row.checkpoints_before.items()
            },
            is_adopted=row.is_adopted,
        ),
        native=Ref.parse(row.native) if row.native else None,
        is_settled=row.is_settled,
    )
