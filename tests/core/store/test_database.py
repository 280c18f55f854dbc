"""Opening the journal: durable, private, never a newer or a broken one."""

from __future__ import annotations

import sqlite3
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from safepoint.errors import StoreError
from safepoint.store import Database, Store
from safepoint.store.schema import SCHEMA_VERSION


def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    """WAL with full synchronisation: a committed row survives a power cut."""
    database = Database(tmp_path / "journal.db")
    with database.transaction() as tx:
        synchronous = tx.execute(sa.text("PRAGMA synchronous")).scalar()
        mode = tx.execute(sa.text("PRAGMA journal_mode")).scalar()
        foreign_keys = tx.execute(sa.text("PRAGMA foreign_keys")).scalar()
    database.close()

    assert (synchronous, mode, foreign_keys) == (2, "wal", 1)


def test_failed_block_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "journal.db")

    def fail_half_way() -> None:
        with database.transaction() as tx:
            tx.execute(sa.text("UPDATE schema_version SET version = 7"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()

    with database.transaction() as tx:
        version = tx.execute(sa.text("SELECT version FROM schema_version")).scalar()
    database.close()

    assert version == SCHEMA_VERSION


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permission bits")
def test_folder_is_for_the_owner_only(tmp_path: Path) -> None:
    Store(tmp_path / "home").close()

    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["we ird", "a?b", "a#b", "100%20", "ünïcode", "semi;colon"])
def test_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    if sys.platform == "win32" and "?" in name:
        pytest.skip("Windows allows no question mark in a name")
    Store(tmp_path / name).close()

    assert (tmp_path / name / "journal.db").is_file()


def test_newer_journal_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE schema_version (version INTEGER)")
        raw.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION + 1,))
    raw.close()

    with pytest.raises(StoreError, match=f"schema {SCHEMA_VERSION + 1}") as caught:
        Database(path)

    assert "newer safepoint" in caught.value.hint
    with sqlite3.connect(path) as raw:
        tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
    raw.close()
    assert tables == {"schema_version"}


def test_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is a letter, not a database. " * 100)

    with pytest.raises(StoreError, match=r"journal\.db cannot be used"):
        Database(path)


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreError, match="cannot create the folder") as caught:
        Store(tmp_path / "file" / "home")

    assert "SAFEPOINT_HOME" in caught.value.hint


def test_journal_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()

    with pytest.raises(StoreError, match=r"journal\.db cannot be used") as caught:
        Store(tmp_path)

    assert "permissions" in caught.value.hint


def test_many_may_open_a_fresh_journal_at_once(tmp_path: Path) -> None:
    problems: list[BaseException] = []
    start = threading.Barrier(8, timeout=30)

    def open_it() -> None:
        try:
            start.wait()
            Database(tmp_path / "journal.db").close()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    with sqlite3.connect(tmp_path / "journal.db") as raw:
        assert raw.execute("SELECT count(*) FROM schema_version").fetchone() == (1,)
    raw.close()


def test_many_threads_write_without_losing_a_row(tmp_path: Path) -> None:
    database = Database(tmp_path / "journal.db")
    with database.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE counter (n INTEGER)"))
        tx.execute(sa.text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(10):
            with database.transaction() as tx:  # reads first and writes later
                n = tx.execute(sa.text("SELECT n FROM counter")).scalar_one()
                tx.execute(sa.text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.transaction() as tx:
        total = tx.execute(sa.text("SELECT n FROM counter")).scalar()
    database.close()
    assert total == 60
