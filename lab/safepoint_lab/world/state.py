"""What the lab remembers on disk: one SQLite file, one row an object, each write atomic.

Objects are dataclasses of `safepoint_lab.world.model` as JSON. A change is durable against the
death of the process when `commit` (the end of a `transaction`) has returned.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

__all__ = ["StateFile"]

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""


class StateFile:
    """The state of one lab. Thread-safe; one process at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._adapters: dict[str, TypeAdapter[Any]] = {}
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes inside happen together; nests."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def put(self, key: str, value: object) -> None:
        """Write an object under its class and key."""
        kind = type(value)
        body = self._adapter(kind).dump_json(value).decode()
        with self._lock:
            self._db.execute(
                "INSERT INTO object VALUES (?, ?, ?) "
                "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (kind.__name__, key, body),
            )

    def delete(self, kind: type[Any], key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        with self._lock:
            self._db.execute("DELETE FROM object WHERE kind = ? AND key = ?", (kind.__name__, key))

    def get(self, kind: type[T], key: str) -> T | None:
        """Return one object, None when there is none."""
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM object WHERE kind = ? AND key = ?", (kind.__name__, key)
            ).fetchone()
        return None if row is None else self._adapter(kind).validate_json(row[0])

    def load(self, kind: type[T]) -> dict[str, T]:
        """Return every object of a class by key."""
        with self._lock:
            rows = self._db.execute(
                "SELECT key, body FROM object WHERE kind = ? ORDER BY key", (kind.__name__,)
            ).fetchall()
        return {key: self._adapter(kind).validate_json(body) for key, body in rows}

    def _adapter(self, kind: type[Any]) -> TypeAdapter[Any]:
        if kind.__name__ not in self._adapters:
            self._adapters[kind.__name__] = TypeAdapter(kind)
        return self._adapters[kind.__name__]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
