"""Opening the database so that a committed row survives a power cut."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from safepoint.errors import StoreError
from safepoint.store import schema

__all__ = ["Database"]

_WAIT_SECONDS: Final = 30.0
"""How long one waits for others who open or write the same file."""


class Database:
    """A SQLite file in WAL mode with full synchronisation.

    Args:
        path: The file; its folder is created with access for the owner only.

    Raises:
        StoreError: it cannot be opened, is not a database, or was written by a newer safepoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = f"cannot create the folder of the journal {path}: {error.strerror}"
            raise StoreError(msg, hint="Point SAFEPOINT_HOME at a writable folder.") from error
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),  # a path may hold `?`, `#` and `%`
            connect_args={"timeout": _WAIT_SECONDS},
            pool_size=16,
            max_overflow=48,
        )
        self._turn = threading.Lock()
        sa.event.listen(self._engine, "connect", _on_connect)
        sa.event.listen(self._engine, "begin", _on_begin)
        self._open()

    def _open(self) -> None:
        # SQLite waits for nobody while it turns a fresh file into one with a write-ahead log: two
        # who open it in the same moment would see one fail with "database is locked".
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=_WAIT_SECONDS):
                self._write_ahead()
                self._prepare()
        except (OSError, Timeout) as error:
            msg = f"cannot take the lock file beside the journal {self.path}: {error}"
            raise StoreError(msg, hint="Check free space and permissions.") from error

    def _write_ahead(self) -> None:
        """Set the mode of the file, which the file itself remembers."""
        with self._told(), closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode=WAL").close()

    def _prepare(self) -> None:
        with self.transaction() as tx:
            version = self._version(tx)
            if version is not None and version > schema.SCHEMA_VERSION:
                msg = (
                    f"the journal {self.path} has schema {version}; "
                    f"this safepoint knows up to {schema.SCHEMA_VERSION}"
                )
                raise StoreError(msg, hint="Use the newer safepoint that wrote it.")
            for statement in _tables():
                tx.exec_driver_sql(statement)
            if version is None:
                tx.execute(sa.insert(schema.schema_version).values(version=schema.SCHEMA_VERSION))

    @staticmethod
    def _version(tx: sa.Connection) -> int | None:
        """Return the version of the file as found, before anything in it is touched."""
        if not sa.inspect(tx).has_table(schema.schema_version.name):
            return None
        return tx.execute(sa.select(schema.schema_version.c.version)).scalar()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a write transaction; it is durable once the block has ended without an error."""
        # One transaction at a time in this process: threads are woken in turn, while SQLite,
        # which waits for other processes too, sleeps ever longer between looks.
        with self._told(), self._turn, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite refuses into a StoreError that names the file."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            msg = f"the journal {self.path} cannot be used: {cause}"
            hint = "Check free space and permissions; nothing further was changed."
            raise StoreError(msg, hint=hint) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@cache
def _tables() -> tuple[str, ...]:
    """Return what makes every table and index that is not there yet, as SQLite's own text.

    Compiled once in a process: SQLAlchemy would take longer for that than SQLite for the work.
    """
    dialect = sqlite.dialect()
    made: list[ExecutableDDLElement] = []
    for table in schema.metadata.sorted_tables:
        made.append(CreateTable(table, if_not_exists=True))
        made += [CreateIndex(index, if_not_exists=True) for index in table.indexes]
    return tuple(str(one.compile(dialect=dialect)) for one in made)


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves, see _on_begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    # A deferred transaction that reads first and writes later can fail half-way when another
    # process writes in between; taking the write lock at once waits instead.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
