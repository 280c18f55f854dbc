"""Every record of the server; an id that nobody has is answered as the product does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from safepoint_lab.products.shelf import Record
from safepoint_lab.products.shelf import Shelf as _Shelf
from safepoint_lab.veeam import records
from safepoint_lab.veeam.problems import not_found

__all__ = ["Record", "Shelf"]

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


class Shelf(_Shelf):
    """The records of one server."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _KINDS)

    def get(self, kind: type[R], ident: str) -> R:
        """Return a record; `ApiError` 404 when there is none."""
        found = self.find(kind, ident)
        if found is None:
            raise not_found(_TITLES.get(kind.__name__, kind.__name__), ident)
        return found
