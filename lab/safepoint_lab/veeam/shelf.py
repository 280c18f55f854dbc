"""Every record of the server; an id that nobody has is answered as the product does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safepoint_lab.products.shelf import Shelf as _Shelf
from safepoint_lab.veeam import records
from safepoint_lab.veeam.problems import not_found

__all__ = ["Shelf"]

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
        super().__init__(path, _KINDS, _TITLES, not_found)
