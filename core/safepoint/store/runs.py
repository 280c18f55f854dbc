"""Runs and their tasks, written through at every phase so that a crash leaves a true picture."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from safepoint.errors import FencedError, UnknownNameError
from safepoint.lifecycle import CheckpointState
from safepoint.lifecycle.table import OPEN_STATES
from safepoint.models.refs import Ref
from safepoint.models.runs import Run, RunLevel, RunState, Task
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.times import Clock, from_text, to_text

__all__ = ["Runs"]

_OPEN_STATES = tuple(s.value for s in RunState if not s.is_final)


class Runs:
    """Recording and reading runs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, run: Run, executor: str) -> None:
        """Write a new run with its tasks."""
        with self._database.transaction() as tx:
            tx.execute(
                sa.insert(schema.run).values(
                    id=run.id,
                    job=run.job,
                    connection=run.connection,
                    state=run.state.value,
                    executor=executor,
                    cancel_requested=False,
                    requested_at=to_text(run.requested_at),
                    started_at=_text(run.started_at),
                    ended_at=_text(run.ended_at),
                )
            )
            for task in run.tasks:
                tx.execute(
                    sa.insert(schema.task).values(
                        id=task.id,
                        run=run.id,
                        state=task.state.value,
                        record=task.model_dump(mode="json"),
                    )
                )

    def save_task(self, task: Task) -> None:
        """Overwrite one task.

        Raises:
            FencedError: its run has ended: somebody who believed us dead settled it.
        """
        with self._database.transaction() as tx:
            changed = tx.execute(
                sa.update(schema.task)
                .where(schema.task.c.id == task.id, schema.task.c.run.in_(_open_runs(task.run)))
                .values(state=task.state.value, record=task.model_dump(mode="json"))
            ).rowcount
        if not changed:
            raise _settled(task.run)

    def put_task(self, task: Task) -> None:
        """Write a task that may be new: a product's run tells its VMs only while it works.

        Raises:
            FencedError: its run has ended.
        """
        with self._database.transaction() as tx:
            if not tx.execute(_open_runs(task.run)).first():
                raise _settled(task.run)
            values = {"state": task.state.value, "record": task.model_dump(mode="json")}
            changed = tx.execute(
                sa.update(schema.task).where(schema.task.c.id == task.id).values(**values)
            ).rowcount
            if not changed:
                tx.execute(sa.insert(schema.task).values(id=task.id, run=task.run, **values))

    def set_state(self, run: str, state: RunState) -> None:
        """Write how an open run stands.

        Raises:
            FencedError: it has ended.
        """
        with self._database.transaction() as tx:
            changed = tx.execute(
                sa.update(schema.run)
                .where(schema.run.c.id.in_(_open_runs(run)))
                .values(state=state.value)
            ).rowcount
        if not changed:
            raise _settled(run)

    def take_over(self, run: str, executor: str) -> None:
        """Let this process go on with a run that nobody follows any more, interrupted or open.

        To be called under the run's lease only.
        """
        with self._database.transaction() as tx:
            tx.execute(
                sa.update(schema.run)
                .where(schema.run.c.id == run)
                .values(
                    state=RunState.RUNNING.value,
                    executor=executor,
                    ended_at=None,
                    cancel_requested=False,
                )
            )

    def finish(self, run: str, state: RunState) -> None:
        """Write how a run ended.

        Raises:
            FencedError: it has ended already.
        """
        with self._database.transaction() as tx:
            if not self._end(tx, run, state):
                raise _settled(run)

    def interrupt(self, run: str) -> bool:
        """End a run whose process died, with all its open tasks; False when it has ended."""
        with self._database.transaction() as tx:
            if not self._end(tx, run, RunState.INTERRUPTED):
                return False
            records = tx.execute(
                sa.select(schema.task.c.record).where(schema.task.c.run == run)
            ).scalars()
            changes = {"state": RunState.INTERRUPTED, "ended_at": self._clock()}
            for task in [Task.model_validate(record) for record in records]:
                if not task.state.is_final:
                    ended = task.model_copy(update=changes)
                    if ended.is_released is False and _is_released(tx, run, task.workload):
                        ended = ended.model_copy(update={"is_released": True})
                    tx.execute(
                        sa.update(schema.task)
                        .where(schema.task.c.id == task.id)
                        .values(state=ended.state.value, record=ended.model_dump(mode="json"))
                    )
        return True

    def note_released(self, run: str, workload: Ref) -> None:
        """Note that the checkpoint of a VM in a run was proved gone after all, by whomever."""
        with self._database.transaction() as tx:
            records = tx.execute(
                sa.select(schema.task.c.record).where(schema.task.c.run == run)
            ).scalars()
            for task in [Task.model_validate(record) for record in records]:
                if task.workload == workload and not task.is_released:
                    proved = task.model_copy(update={"is_released": True})
                    tx.execute(
                        sa.update(schema.task)
                        .where(schema.task.c.id == task.id)
                        .values(record=proved.model_dump(mode="json"))
                    )

    def _end(self, tx: sa.Connection, run: str, state: RunState) -> bool:
        result = tx.execute(
            sa.update(schema.run)
            .where(schema.run.c.id.in_(_open_runs(run)))
            .values(state=state.value, ended_at=to_text(self._clock()))
        )
        return bool(result.rowcount)

    def request_cancel(self, run: str) -> None:
        """Ask whoever works on the run, in whichever process, to stop cleanly."""
        with self._database.transaction() as tx:
            changed = tx.execute(
                sa.update(schema.run).where(schema.run.c.id == run).values(cancel_requested=True)
            ).rowcount
        if not changed:
            raise _unknown(run)

    def is_cancel_requested(self, run: str) -> bool:
        """Tell whether somebody asked to stop."""
        with self._database.transaction() as tx:
            return bool(
                tx.execute(
                    sa.select(schema.run.c.cancel_requested).where(schema.run.c.id == run)
                ).scalar()
            )

    def get(self, run: str) -> Run:
        """Return one run with its tasks, by its id or an unambiguous beginning of it."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                sa.select(schema.run).where(schema.run.c.id.startswith(run, autoescape=True))
            ).all()
            exact = [row for row in rows if row.id == run] or rows
            if len(exact) != 1:
                raise _unknown(run, ambiguous=len(exact) > 1)
            return _run(tx, exact[0])

    def list(self, *, job: str | None = None, limit: int = 50) -> tuple[Run, ...]:
        """Return runs with their tasks, newest first."""
        query = sa.select(schema.run).order_by(schema.run.c.requested_at.desc()).limit(limit)
        if job is not None:
            query = query.where(schema.run.c.job == job)
        with self._database.transaction() as tx:
            return tuple(_run(tx, row) for row in tx.execute(query).all())

    def unfinished(self) -> tuple[tuple[Run, str], ...]:
        """Return runs without an end, each with the process that works or worked on it."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                sa.select(schema.run).where(schema.run.c.state.in_(_OPEN_STATES))
            ).all()
            return tuple((_run(tx, row), row.executor) for row in rows)


def _open_runs(run: str) -> sa.Select[tuple[str]]:
    """Select the run's id, if it has not ended."""
    return sa.select(schema.run.c.id).where(
        schema.run.c.id == run, schema.run.c.state.in_(_OPEN_STATES)
    )


def _is_released(tx: sa.Connection, run: str, workload: Ref) -> bool:
    """Tell whether the journal has the proof that the run's process had no time to report."""
    states = tx.execute(
        sa.select(schema.checkpoint.c.state).where(
            schema.checkpoint.c.run == run, schema.checkpoint.c.workload == str(workload)
        )
    ).scalars()
    return all(CheckpointState(state) not in OPEN_STATES for state in states)


def _settled(run: str) -> FencedError:
    return FencedError(f"run {run} was settled by another process; this one must not go on")


def _text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _unknown(run: str, *, ambiguous: bool = False) -> UnknownNameError:
    what = "more than one run begins" if ambiguous else "no run begins"
    return UnknownNameError(f"{what} with {run!r}", hint="`safepoint runs list` shows them.")


def _run(tx: sa.Connection, row: sa.Row[Any]) -> Run:
    records = tx.execute(
        sa.select(schema.task.c.record)
        .where(schema.task.c.run == row.id)
        .order_by(schema.task.c.id)
    ).scalars()
    product = tx.execute(
        sa.select(schema.product_run).where(schema.product_run.c.run == row.id)
    ).first()
    more: dict[str, Any] = {}
    if product is not None:
        more = {
            "ref": Ref.parse(product.native) if product.native else None,
            "level": RunLevel(product.level),
            "native_state": product.native_state,
            "percent": product.percent,
            "message": product.message,
        }
    return Run(
        **more,
        id=row.id,
        job=row.job,
        connection=row.connection,
        state=RunState(row.state),
        requested_at=from_text(row.requested_at),
        started_at=from_text(row.started_at) if row.started_at else None,
        ended_at=from_text(row.ended_at) if row.ended_at else None,
        tasks=tuple(Task.model_validate(record) for record in records),
    )
