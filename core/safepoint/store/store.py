"""The store as one object: a folder with the journal and the lock files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from safepoint.store.audit_log import AuditLog
from safepoint.store.checkpoints import Checkpoints
from safepoint.store.database import Database
from safepoint.store.executors import Executors
from safepoint.store.leases import Leases
from safepoint.store.operations import Operations
from safepoint.store.points import Points
from safepoint.store.product_runs import ProductRuns
from safepoint.store.replica_deeds import ReplicaDeeds
from safepoint.store.runs import Runs
from safepoint.store.times import Clock

__all__ = ["Store"]


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Everything safepoint remembers, in one folder on a local disk.

    Args:
        folder: Holds `journal.db`, `executors/` and the head of the audit log; created when absent.
        clock: Injected for tests.

    Raises:
        StoreError: the journal cannot be opened.
    """

    def __init__(self, folder: Path, *, clock: Clock = _now) -> None:
        self.clock = clock
        self._database = Database(folder / "journal.db")
        self.executors = Executors(self._database, folder / "executors", clock)
        self.leases = Leases(self._database, self.executors, clock)
        self.checkpoints = Checkpoints(self._database, self.leases, clock)
        self.operations = Operations(self._database, self.leases, clock)
        self.runs = Runs(self._database, clock)
        self.product_runs = ProductRuns(self._database)
        self.points = Points(self._database, clock)
        self.replica_deeds = ReplicaDeeds(self._database, self.leases, clock)
        self.audit = AuditLog(self._database, folder, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal."""
        self._database.close()
