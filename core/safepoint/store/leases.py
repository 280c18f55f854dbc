"""Leases: at most one live process works on a key, and whoever lost it can tell.

Taking a lease raises its epoch. Every journal write and every release of a checkpoint first
checks that the epoch is still ours, so a process that was believed dead and wakes up again
touches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from safepoint.errors import FencedError, LeaseHeldError
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.executors import Executors
from safepoint.store.times import Clock, to_text

__all__ = ["Lease", "Leases"]


@dataclass(frozen=True)
class Lease:
    """Proof of holding `key` at `epoch`."""

    key: str
    epoch: int
    holder: str


@dataclass(frozen=True)
class _Current:
    epoch: int
    holder: str | None
    purpose: str


class Leases:
    """Taking, checking and giving back."""

    def __init__(self, database: Database, executors: Executors, clock: Clock) -> None:
        self._database = database
        self._executors = executors
        self._clock = clock

    def take(self, key: str, holder: str, *, purpose: str) -> Lease:
        """Take a free lease, or one whose holder is dead.

        Raises:
            LeaseHeldError: a live process holds it, this one included.
        """
        current = self._free(key)
        seen_epoch = current.epoch if current else 0
        values = {
            "epoch": seen_epoch + 1,
            "holder": holder,
            "purpose": purpose,
            "taken_at": to_text(self._clock()),
        }
        with self._database.transaction() as tx:
            if current is None:
                row = tx.execute(
                    sa.select(schema.lease.c.epoch).where(schema.lease.c.key == key)
                ).first()
                if row is None:
                    tx.execute(sa.insert(schema.lease).values(key=key, **values))
                    return Lease(key, seen_epoch + 1, holder)
                taken = 0
            else:
                taken = tx.execute(
                    sa.update(schema.lease)
                    .where(schema.lease.c.key == key, schema.lease.c.epoch == seen_epoch)
                    .where(schema.lease.c.holder == current.holder)
                    .values(**values)
                ).rowcount
        if not taken:
            msg = f"{key} was taken by another process at this very moment"
            raise LeaseHeldError(msg, hint="Try again.")
        return Lease(key, seen_epoch + 1, holder)

    def require_free(self, key: str) -> None:
        """Raise LeaseHeldError when `take` would; takes nothing."""
        self._free(key)

    def check(self, lease: Lease) -> None:
        """Raise FencedError unless the lease is still ours."""
        with self._database.transaction() as tx:
            self.check_in(tx, lease)

    def check_in(self, tx: sa.Connection, lease: Lease) -> None:
        """Do as `check`, inside a transaction that then writes."""
        row = tx.execute(
            sa.select(schema.lease.c.epoch, schema.lease.c.holder).where(
                schema.lease.c.key == lease.key
            )
        ).first()
        if row is None or row.epoch != lease.epoch or row.holder != lease.holder:
            msg = f"the lease on {lease.key} was taken over; this process must not touch it"
            raise FencedError(msg)

    def give_back(self, lease: Lease) -> None:
        """Free the lease; a no-op when it is not ours any more."""
        with self._database.transaction() as tx:
            tx.execute(
                sa.update(schema.lease)
                .where(
                    schema.lease.c.key == lease.key,
                    schema.lease.c.epoch == lease.epoch,
                    schema.lease.c.holder == lease.holder,
                )
                .values(holder=None, purpose="")
            )

    def held(self) -> dict[str, str]:
        """Return key → holder of every lease that somebody holds, dead holders included."""
        with self._database.transaction() as tx:
            rows = tx.execute(
                sa.select(schema.lease.c.key, schema.lease.c.holder).where(
                    schema.lease.c.holder.is_not(None)
                )
            )
            return {row.key: row.holder for row in rows}

    def free_dead(self) -> tuple[str, ...]:
        """Free every lease whose holder is dead and return the keys.

        Safe because a lease alone protects nothing after its holder died: what may be left
        behind is in the checkpoint journal, which the next holder settles first.
        """
        freed = []
        for key, holder in self.held().items():
            if self._executors.is_alive(holder):
                continue
            with self._database.transaction() as tx:
                tx.execute(
                    sa.update(schema.lease)
                    .where(schema.lease.c.key == key, schema.lease.c.holder == holder)
                    .values(holder=None, purpose="")
                )
            freed.append(key)
        return tuple(freed)

    def _free(self, key: str) -> _Current | None:
        """Return who had the lease last, unless a live process holds it."""
        current = self._current(key)
        if current and current.holder and self._executors.is_alive(current.holder):
            msg = f"{key} is being worked on by process {current.holder} ({current.purpose})"
            hint = "Wait until it has ended; `safepoint runs list` shows it."
            raise LeaseHeldError(msg, hint=hint)
        return current

    def _current(self, key: str) -> _Current | None:
        with self._database.transaction() as tx:
            row = tx.execute(
                sa.select(
                    schema.lease.c.epoch, schema.lease.c.holder, schema.lease.c.purpose
                ).where(schema.lease.c.key == key)
            ).first()
        return _Current(row.epoch, row.holder, row.purpose) if row else None
