"""Who is alive: every working process holds a lock file as long as it lives.

The operating system drops the lock at the very moment a process dies, however it dies, so a
takeover needs no time-out and a long pause is never mistaken for death.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from safepoint.errors import StoreError
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.times import Clock, to_text

__all__ = ["Executor", "Executors"]


class Executor:
    """This process as a holder of leases; alive until closed or dead."""

    def __init__(self, ident: str, lock: FileLock) -> None:
        self.id = ident
        self._lock = lock

    def close(self) -> None:
        """Stop being alive. Leases still held can then be taken over."""
        self._lock.release()


class Executors:
    """The register of processes and the test whether one lives."""

    def __init__(self, database: Database, folder: Path, clock: Clock) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._host = socket.gethostname()

    def enter(self) -> Executor:
        """Register this process; the lock is taken before the row is written."""
        ident = f"{os.getpid()}-{secrets.token_hex(4)}"
        lock = FileLock(self._path(ident), thread_local=False)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except (Timeout, OSError) as error:
            msg = f"cannot take the lock file of this process in {self._folder}: {error}"
            raise StoreError(msg, hint="The journal must lie on a local disk.") from error
        with self._database.transaction() as tx:
            tx.execute(
                sa.insert(schema.executor).values(
                    id=ident,
                    host=self._host,
                    pid=os.getpid(),
                    started_at=to_text(self._clock()),
                )
            )
        return Executor(ident, lock)

    def is_alive(self, ident: str) -> bool:
        """Tell whether that process still lives.

        A process of another host cannot be tested and counts as alive: taking over from a live
        one is worse than waiting.
        """
        with self._database.transaction() as tx:
            row = tx.execute(
                sa.select(schema.executor.c.host, schema.executor.c.ended_at).where(
                    schema.executor.c.id == ident
                )
            ).first()
        if row is None or row.ended_at is not None:
            return False
        if row.host != self._host:
            return True
        lock = FileLock(self._path(ident), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        self._path(ident).unlink(missing_ok=True)
        with self._database.transaction() as tx:
            tx.execute(
                sa.update(schema.executor)
                .where(schema.executor.c.id == ident, schema.executor.c.ended_at.is_(None))
                .values(ended_at=to_text(self._clock()))
            )
        return False

    def leave(self, executor: Executor) -> None:
        """Deregister in good order."""
        with self._database.transaction() as tx:
            tx.execute(
                sa.update(schema.executor)
                .where(schema.executor.c.id == executor.id)
                .values(ended_at=to_text(self._clock()))
            )
        executor.close()
        self._path(executor.id).unlink(missing_ok=True)

    def _path(self, ident: str) -> Path:
        return self._folder / f"{ident}.lock"
