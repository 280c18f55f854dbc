"""Every record of the server, in memory and written through to its state file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from safepoint_lab.veeam import records
from safepoint_lab.veeam.problems import not_found
from safepoint_lab.world.state import StateFile

__all__ = ["Record", "Shelf"]


class Record(Protocol):
    """Anything with an id."""

    id: str


R = TypeVar("R", bound=Record)

_KINDS: tuple[type[Any], ...] = (
    records.Credential,
    records.Server,
    records.Repository,
    records.Job,
    records.Session,
    records.Task,
    records.Backup,
    records.BackupObject,
    records.RestorePoint,
    records.Mount,
    records.Exclusion,
    records.PendingDeletion,
)
_TITLES = {
    "Server": "Managed server",
    "BackupObject": "Backup object",
    "RestorePoint": "Restore point",
    "Task": "Task session",
    "Credential": "Credentials record",
}


class Shelf:
    """The records of one server; `lock` guards them, `changed` is told after every change."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._state = StateFile(path)
        self._kinds: dict[type[Any], dict[str, Any]] = {
            kind: dict(self._state.load(kind)) for kind in _KINDS
        }

    def all(self, kind: type[R]) -> list[R]:
        """Return every record of a kind."""
        with self.lock:
            return list(self._kinds[kind].values())

    def where(self, kind: type[R], holds: Callable[[R], bool]) -> list[R]:
        """Return the records of a kind for which something holds."""
        return [item for item in self.all(kind) if holds(item)]

    def find(self, kind: type[R], ident: str) -> R | None:
        """Return a record, None when there is none."""
        with self.lock:
            found: R | None = self._kinds[kind].get(ident.lower())
            return found

    def get(self, kind: type[R], ident: str) -> R:
        """Return a record; `ApiError` 404 when there is none."""
        found = self.find(kind, ident)
        if found is None:
            raise not_found(_TITLES.get(kind.__name__, kind.__name__), ident)
        return found

    def save(self, *items: Record) -> None:
        """Keep records as they are now."""
        with self.changed, self._state.transaction():
            for item in items:
                self._kinds[type(item)][item.id] = item
                self._state.put(item.id, item)
            self.changed.notify_all()

    def remove(self, *items: Record) -> None:
        """Forget records; nothing happens for those that are not there."""
        with self.changed, self._state.transaction():
            for item in items:
                self._kinds[type(item)].pop(item.id, None)
                self._state.delete(type(item), item.id)
            self.changed.notify_all()

    def close(self) -> None:
        """Close the state file."""
        self._state.close()
