"""The repository of a connection: opened when it is needed, made when there never was one."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from safepoint.errors import (
    ConflictError,
    NotFoundError,
    SafepointError,
    StoreError,
    UnreachableError,
)
from safepoint_native.repository import Repository
from safepoint_native.repository.layout import Layout

__all__ = ["Shelf"]

_MEMORY = "repository.json"


class Shelf:
    """Opens the repository, and knows whether there has been one.

    A repository that was there and is not any more is away: its disk is not mounted. Made anew, it
    would take restore points to the wrong disk with nobody noticing; only `make` does that.

    Args:
        connection: Its name, for errors.
        path: The folder; None when the connection has no repository.
        memory: The driver's own folder, where it is written down which repository was seen.
    """

    def __init__(self, connection: str, path: Path | None, memory: Path) -> None:
        self._connection = connection
        self._path = path
        self._memory = memory / _MEMORY
        self._lock = threading.Lock()
        self._opened: Repository | None = None

    @property
    def path(self) -> Path:
        """The folder.

        Raises:
            ConflictError: the connection has no repository.
        """
        if self._path is None:
            msg = f"connection {self._connection!r} has no repository"
            raise ConflictError(msg, hint="Set `repository` in its settings.")
        return self._path

    def open(self) -> Repository:
        """Return the repository; the first time that it is needed, it is made.

        Raises:
            ConflictError: the connection has none, or the folder holds something else.
            UnreachableError: there was one, and it is away.
        """
        return self._taken(may_make=not self._is_known())

    def make(self) -> Repository:
        """Return the repository, making one also where an earlier one is gone."""
        return self._taken(may_make=True)

    def existing(self) -> Repository | None:
        """Return the repository, to read it; None when there never was one.

        Raises:
            UnreachableError: there was one, and it is away.
        """
        if self._path is None or not (self._is_there() or self._is_known()):
            return None
        return self._taken(may_make=False)

    def reading(self) -> Repository:
        """Return the repository, to read a restore point from it.

        Raises:
            NotFoundError: there never was one.
            UnreachableError: there was one, and it is away.
        """
        repository = self.existing()
        if repository is None:
            msg = f"connection {self._connection!r} has no restore points yet"
            hint = "`safepoint points list` shows what there is."
            raise NotFoundError(msg, hint=hint, operation="read", system=self._connection)
        return repository

    def problem(self) -> str:
        """Return what keeps it from being used, for people; empty when nothing does."""
        try:
            if self._path is not None and self.existing() is None:
                Repository.check_free(self._path)
        except SafepointError as error:
            return error.message
        return ""

    def _taken(self, *, may_make: bool) -> Repository:
        with self._lock:
            if not self._is_there():
                if not may_make:
                    raise self._away()
                self._opened = None
            if self._opened is None:
                self._opened = Repository.open_or_create(self.path)
                self._remember(self._opened)
            return self._opened

    def _is_there(self) -> bool:
        return Layout(self.path).marker.exists()

    def _is_known(self) -> bool:
        try:
            known = json.loads(self._memory.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        return isinstance(known, dict) and known.get("path") == str(self.path)

    def _remember(self, repository: Repository) -> None:
        facts = {"path": str(self.path), "id": repository.repository_id}
        content = json.dumps(facts).encode()
        try:
            if self._memory.exists() and self._memory.read_bytes() == content:
                return
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            part = self._memory.with_suffix(".part")
            part.write_bytes(content)
            part.replace(self._memory)
        except OSError as error:
            msg = f"cannot write {self._memory}: {error.strerror}"
            raise StoreError(msg) from error

    def _away(self) -> UnreachableError:
        msg = f"the repository of connection {self._connection!r} is not in {self.path} any more"
        hint = (
            "Check that its disk is mounted. Nothing is written to the empty folder; to begin a new "
            "repository there: `safepoint apply`."
        )
        return UnreachableError(msg, hint=hint, operation="repository", system=self._connection)
