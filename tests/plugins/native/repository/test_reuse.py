"""Content is stored once, and deleting one point never harms another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository import Repository
from safepoint_native.repository.digests import DigestTable


def _put(repository: Repository, kit: Any, point: str, seeds: list[int], **options: Any) -> int:
    writer = repository.begin(point, vm=kit.vm, tag=point, **options)
    disk = writer.disk("d", 16 * kit.cell)
    for cell, seed in enumerate(seeds):
        disk.put(cell * kit.cell, kit.noise(seed))
    return writer.seal().stored_bytes


def _read(repository: Repository, kit: Any, point: str, cells: int) -> bytes:
    with repository.reader(point) as reader:
        return reader.disk("d").read_at(0, cells * kit.cell)


def test_equal_cells_are_stored_once_within_a_run(repository: Repository, kit: Any) -> None:
    stored = _put(repository, kit, "p1", [1, 1, 1, 2])
    assert 2 * kit.cell < stored < 2.2 * kit.cell
    assert _read(repository, kit, "p1", 4) == b"".join(map(kit.noise, [1, 1, 1, 2]))


def test_what_the_newest_point_has_is_not_stored_again(repository: Repository, kit: Any) -> None:
    _put(repository, kit, "p1", [1, 2, 3])
    assert _put(repository, kit, "p2", [3, 2, 1, 1]) == 0
    assert kit.cell < _put(repository, kit, "p3", [3, 9]) < 1.1 * kit.cell
    assert _put(repository, kit, "p4", [1, 2], reuse=False) > 2 * kit.cell
    for point, seeds in {"p1": [1, 2, 3], "p2": [3, 2, 1, 1], "p3": [3, 9]}.items():
        assert _read(repository, kit, point, len(seeds)) == b"".join(map(kit.noise, seeds))
        assert repository.verify(point).is_good


def test_another_vm_shares_nothing(repository: Repository, kit: Any) -> None:
    _put(repository, kit, "p1", [1, 2])
    writer = repository.begin("other", vm="other", tag="t")
    assert writer.disk("d", kit.cell).put(0, kit.noise(1)) > kit.cell


def test_any_point_can_be_deleted_alone(repository: Repository, kit: Any) -> None:
    _put(repository, kit, "p1", [1, 2, 3])
    _put(repository, kit, "p2", [1, 2, 4])
    _put(repository, kit, "p3", [1, 5, 4])
    repository.delete("p2")
    assert {point.point_id for point in repository.points()} == {"p1", "p3"}
    repository.collect()
    repository.delete("p1")
    repository.collect()
    assert repository.verify("p3").is_good
    assert _read(repository, kit, "p3", 3) == b"".join(map(kit.noise, [1, 5, 4]))
    with pytest.raises(NotFoundError):
        repository.delete("p1")
    repository.delete("p3")
    repository.collect()
    assert not list(repository.path.glob("packs/*/*"))
    assert not list(repository.points())


def test_a_base_deleted_while_a_copy_leans_on_it_stays_readable(
    repository: Repository, kit: Any
) -> None:
    _put(repository, kit, "p1", [1, 2, 3])
    writer = repository.begin("p2", vm=kit.vm, tag="t")
    disk = writer.disk("d", 16 * kit.cell)
    assert disk.put(0, kit.noise(1)) == 0
    repository.delete("p1")
    assert not [
        name for name in repository.collect() if name.endswith(".pack") and "index" in name
    ]
    assert disk.put(kit.cell, kit.noise(2)) == 0
    writer.finish()
    repository.collect()
    writer.seal()
    repository.collect()
    assert repository.verify("p2").is_good
    assert _read(repository, kit, "p2", 2) == kit.noise(1) + kit.noise(2)
    assert not list(repository.path.rglob("*.partial"))


def test_collect_keeps_its_hands_off_a_finished_unsealed_copy(
    repository: Repository, kit: Any
) -> None:
    writer = repository.begin("p1", vm=kit.vm, tag="t")
    writer.disk("d", kit.cell).put(0, kit.noise(1))
    writer.finish()
    for path in list(repository.path.glob("packs/*/*.partial")):  # died in the middle of sealing
        path.rename(path.with_name(path.name.partition(".pack")[0] + ".pack"))
    assert not repository.collect()
    repository.seal("p1", tag="t")
    assert repository.verify("p1").is_good


def test_collect_refuses_when_it_cannot_know(repository: Repository, kit: Any) -> None:
    _put(repository, kit, "p1", [1])
    _put(repository, kit, "p2", [2])
    repository.delete("p2")
    index: Path = next(repository.path.glob("points/*/p1.index"))
    good = index.read_bytes()
    index.write_bytes(good[:-1])
    before = sorted(repository.path.rglob("*.pack"))
    with pytest.raises(DamagedDataError, match=r"p1\.index"):
        repository.collect()
    assert sorted(repository.path.rglob("*.pack")) == before
    index.write_bytes(good)
    assert repository.collect()


def test_a_damaged_newest_point_is_not_leaned_on(repository: Repository, kit: Any) -> None:
    _put(repository, kit, "p1", [1])
    index: Path = next(repository.path.glob("points/*/p1.index"))
    index.write_bytes(index.read_bytes()[:-1] + b"?")
    assert _put(repository, kit, "p2", [1]) > kit.cell
    assert repository.verify("p2").is_good


def test_damage_that_was_seen_is_not_inherited(repository: Repository, kit: Any) -> None:
    """A copy after a failed verification stores the content anew and is good."""
    _put(repository, kit, "p1", [1, 2])
    for path in repository.path.glob("packs/*/*.pack"):
        path.write_bytes(path.read_bytes().replace(kit.noise(1)[40:60], bytes(20)))
    writer = repository.begin("p2", vm=kit.vm, tag="second")
    writer.disk("d", kit.cell).put(0, kit.noise(1))
    writer.finish()
    assert not repository.verify("p2", tag="second").is_good
    repository.discard("second")
    assert kit.cell < _put(repository, kit, "p3", [1])
    assert repository.verify("p3").is_good
    assert not repository.verify("p1").is_good
    repository.delete("p1")
    repository.collect()
    assert not list(repository.path.rglob("*.suspect"))


def test_a_missing_pack_is_not_leaned_on(repository: Repository, kit: Any) -> None:
    _put(repository, kit, "p1", [1, 2])
    for path in repository.path.glob("packs/*/*.pack"):
        if kit.noise(1)[:99] in path.read_bytes():
            path.unlink()
    assert _put(repository, kit, "p2", [1]) > kit.cell
    assert repository.verify("p2").is_good


def test_table_finds_digests_across_growth(kit: Any) -> None:
    table = DigestTable()
    digests = [kit.noise(number, 32) for number in range(5000)]
    for number, digest in enumerate(digests):
        assert table.find(digest) is None
        assert table.add(digest) == number
    assert [table.find(digest) for digest in digests] == list(range(5000))
    copy = DigestTable(bytearray(table.digests))
    assert copy.find(digests[4321]) == 4321
    assert copy.find(kit.noise(9999, 32)) is None


def test_digests_that_begin_alike_are_told_apart() -> None:
    table = DigestTable()
    first, second = b"A" * 32, b"A" * 31 + b"B"
    assert (table.add(first), table.add(second)) == (0, 1)
    assert (table.find(first), table.find(second)) == (0, 1)
    assert table.find(b"A" * 30 + b"CC") is None
