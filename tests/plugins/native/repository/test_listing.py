"""Listing names every point; damaged ones are told, lost indexes come back from the packs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository import Repository
from safepoint_native.repository.index import PackEntry, PointHead, PointIndex
from safepoint_native.repository.tables import RecordTable


def _one(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def test_points_come_oldest_first(repository: Repository, kit: Any) -> None:
    for day, point in ((3, "c"), (1, "z"), (2, "a")):
        writer = repository.begin(
            point, vm=kit.vm, tag="t", created_at=datetime(2026, 1, day, tzinfo=UTC)
        )
        writer.seal()
    assert [point.point_id for point in repository.points()] == ["z", "a", "c"]
    assert [point.point_id for point in repository.points(kit.vm)] == ["z", "a", "c"]
    assert not list(repository.points("unknown"))


@pytest.mark.parametrize("victim", ["index", "json"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_damaged_point_is_listed_with_its_problem(
    repository: Repository, kit: Any, victim: Any, how: Any
) -> None:
    kit.write_point(repository, "p1", tag="t", seed=10)
    path = _one(repository.path, f"points/*/p1.{victim}")
    path.unlink() if how == "missing" else path.write_bytes(path.read_bytes()[:-3])
    (point,) = repository.points()
    assert point.point_id == "p1"
    assert f"p1.{victim}" in point.problem
    assert not repository.verify("p1").is_good
    rebuilt = repository.rebuild_index("p1", vm=kit.vm)
    assert not rebuilt.problem
    assert repository.verify("p1").is_good
    assert kit.check_consistent(repository.path) == ["p1"]


def test_index_and_manifest_lost_together_come_back(repository: Repository, kit: Any) -> None:
    kit.write_point(repository, "p1", tag="t", seed=10)
    before = repository.point("p1")
    for suffix in ("index", "json"):
        _one(repository.path, f"points/*/p1.{suffix}").unlink()
    after = repository.rebuild_index("p1", vm=kit.vm)
    assert (after.disks, after.files, after.metadata) == (
        before.disks,
        before.files,
        before.metadata,
    )
    assert kit.check_consistent(repository.path) == ["p1"]


def test_an_index_without_any_copy_cannot_be_rebuilt(repository: Repository, kit: Any) -> None:
    kit.write_point(repository, "p1", tag="t", seed=10)
    _one(repository.path, "points/*/p1.index").unlink()
    for path in repository.path.glob("packs/*/*.pack"):
        if b'"spare_index":true' in path.read_bytes():
            path.unlink()
    with pytest.raises(NotFoundError, match="spare index"):
        repository.rebuild_index("p1", vm=kit.vm)
    with pytest.raises(DamagedDataError, match=r"p1\.index: missing"):
        repository.reader("p1")


def test_discarding_the_rebuilders_leftovers_keeps_the_point(
    repository: Repository, kit: Any
) -> None:
    kit.write_point(repository, "p1", tag="t", seed=10)
    index = _one(repository.path, "points/*/p1.index")
    index.with_name("p1.rebuilt.rebuild.partial").write_bytes(index.read_bytes())
    repository.discard("rebuild")
    assert kit.check_consistent(repository.path) == ["p1"]
    assert not list(repository.path.rglob("*.partial"))


def test_an_unsealed_twin_of_a_sealed_point_takes_nothing_with_it(
    repository: Repository, kit: Any
) -> None:
    kit.write_point(repository, "p1", tag="t", seed=10)
    index = _one(repository.path, "points/*/p1.index")
    index.with_name("p1.index.twin.partial").write_bytes(index.read_bytes())
    repository.discard("twin")
    assert kit.check_consistent(repository.path) == ["p1"]


def test_old_leftovers_of_anybody_can_be_removed(repository: Repository, kit: Any) -> None:
    for tag in ("old", "young"):
        writer = repository.begin(tag, vm=kit.vm, tag=tag)
        writer.disk("d", kit.cell).put(0, kit.noise(1))
        writer.finish()
    past = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for path in repository.path.rglob("*.old.partial"):
        os.utime(path, (past, past))
    removed = repository.remove_partials(older_than=timedelta(days=1))
    assert removed
    assert all(".old." in name for name in removed)
    repository.seal("young", tag="young")
    assert repository.verify("young").is_good


def test_texts_that_were_damaged_are_healed_by_the_next_run(
    repository: Repository, kit: Any
) -> None:
    kit.write_point(repository, "p1", tag="t", seed=10)
    (repository.path / "restore.py").write_text("oops")
    assert [one.file for one in repository.verify("p1").findings] == ["restore.py"]
    kit.write_point(repository, "p2", tag="t", seed=20)
    assert repository.verify("p1").is_good


def test_an_index_of_a_newer_format_is_not_guessed_at(repository: Repository, kit: Any) -> None:
    from safepoint_native.repository import index as index_module

    kit.write_point(repository, "p1", tag="t", seed=10)
    path = _one(repository.path, "points/*/p1.index")
    index = index_module.PointIndex.decode(path.read_bytes(), "index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "FORMAT_VERSION", 2)
        path.write_bytes(index.encode())
    with pytest.raises(DamagedDataError, match="format 2") as raised:
        repository.reader("p1")
    assert "newer" in raised.value.hint


def test_the_head_of_a_long_index_is_read_without_its_columns(kit: Any) -> None:
    packs = [PackEntry(f"{number:032x}", 1 << 30, number % 2 == 0) for number in range(5000)]
    made = PointIndex("p", "v", "2026-01-01T00:00:00+00:00", "spare", {}, packs, RecordTable(), [])
    data = made.encode()
    head = PointHead.decode_head(data, "index")
    assert head.packs == packs
    assert head.all_packs[-1] == head.own_packs[-1] == "spare"
    assert len(head.own_packs) == 2501
    with pytest.raises(DamagedDataError):
        PointHead.decode_head(data[:-1], "index")
