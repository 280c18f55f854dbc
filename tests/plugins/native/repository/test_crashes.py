"""A crash between any two file operations leaves no restore point that does not verify."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import SafepointError
from safepoint_native.repository import Repository


def _copy(repository: Repository, kit: Any) -> None:
    kit.write_point(repository, "p2", tag="second", seed=20)


def _delete_and_collect(repository: Repository, kit: Any) -> None:
    repository.delete("p1", vm=kit.vm)
    repository.collect()


def _discard_finished(repository: Repository, kit: Any) -> None:
    repository.discard("left")


def _rebuild(repository: Repository, kit: Any) -> None:
    repository.rebuild_index("p1", vm=kit.vm)


def _prepare(folder: Path, kit: Any, what: str) -> None:
    repository = Repository.create(folder)
    kit.write_point(repository, "p0", tag="zero", seed=0)
    kit.write_point(repository, "p1", tag="first", seed=10)
    if what == "discard":
        writer = repository.begin("p3", vm=kit.vm, tag="left")
        writer.disk("disk0", kit.cell).put(0, kit.noise(5))
        writer.finish()
        # Half sealed: the pack has its final name, the index has not.
        pack = next(p for p in folder.glob("packs/*/*.left.partial") if p.stat().st_size > 2000)
        pack.rename(pack.with_name(pack.name.removesuffix(".left.partial")))
    if what == "rebuild":
        next(folder.glob("points/*/p1.index")).unlink()


SCENARIOS: dict[str, Callable[..., None]] = {
    "copy": _copy,
    "delete": _delete_and_collect,
    "discard": _discard_finished,
    "rebuild": _rebuild,
}


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
@pytest.mark.parametrize("what", SCENARIOS)
def test_a_crash_anywhere_leaves_only_good_points(
    tmp_path: Path, kit: Any, what: str, power: Any
) -> None:
    template = tmp_path / "template"
    _prepare(template, kit, what)
    stop_at, went_through = 0, False
    while not went_through:
        folder = tmp_path / str(stop_at)
        shutil.copytree(template, folder)
        files = kit.fragile(stop_at=stop_at)
        try:
            SCENARIOS[what](Repository.open(folder, files=files), kit)
            went_through = True
        except kit.crashed:
            pass
        if power:
            files.lose_power()
        if went_through:
            assert set(kit.check_consistent(folder)) == _expected(what)
        if what != "rebuild" or went_through:
            points = kit.check_consistent(folder)
            assert "p0" in points
        after = Repository.open(folder)
        for tag in ("second", "left", "rebuild"):
            after.discard(tag)
        assert not list(folder.rglob("*.second.partial"))
        assert not list(folder.rglob("*.left.partial"))
        SCENARIOS[what](after, kit) if _may_repeat(what, folder) else None
        assert set(kit.check_consistent(folder)) == _expected(what)
        after.collect()
        kit.check_consistent(folder)
        assert not _orphans(folder), files.steps
        shutil.rmtree(folder)
        stop_at += 1
    assert stop_at > 5


def _may_repeat(what: str, folder: Path) -> bool:
    """A finished copy cannot be begun again, a finished deletion not deleted again."""
    if what == "copy":
        return not list(folder.glob("points/*/p2.index"))
    if what == "delete":
        return bool(list(folder.glob("points/*/p1.*")))
    return True


def _expected(what: str) -> set[str]:
    return {"copy": {"p0", "p1", "p2"}, "delete": {"p0"}}.get(what, {"p0", "p1"})


def _orphans(folder: Path) -> set[str]:
    """Packs on disk that no index of the repository names."""
    from safepoint_native.repository.index import PointIndex

    named = set()
    for path in folder.glob("points/*/*.index"):
        index = PointIndex.decode(path.read_bytes(), path.name)
        named |= {entry.pack_id for entry in index.packs} | {index.spare_pack_id}
    return {path.stem for path in folder.glob("packs/*/*.pack")} - named


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power lost"])
def test_an_interrupted_creation_is_taken_up(tmp_path: Path, kit: Any, power: bool) -> None:
    stop_at, went_through = 0, False
    while not went_through:
        folder = tmp_path / str(stop_at)
        files = kit.fragile(stop_at=stop_at)
        try:
            Repository.create(folder, files=files)
            went_through = True
        except kit.crashed:
            pass
        if power:
            files.lose_power()
        assert not went_through or Repository.open(folder)
        repository = Repository.open_or_create(folder)
        kit.write_point(repository, "p1", tag="t", seed=10)
        assert kit.check_consistent(folder) == ["p1"]
        repository.remove_partials()
        assert not list(folder.rglob("*.partial"))
        stop_at += 1
    assert stop_at > 5


def test_what_was_finished_can_be_sealed_after_a_power_loss(tmp_path: Path, kit: Any) -> None:
    """Finished is a promise: the checkpoint may be released once this returned."""
    folder = tmp_path / "r"
    Repository.create(folder)
    files = kit.fragile()
    writer = Repository.open(folder, files=files).begin("p1", vm=kit.vm, tag="t")
    writer.disk("disk0", kit.cell).put(0, kit.noise(1))
    writer.finish()
    files.lose_power()
    after = Repository.open(folder)
    assert after.verify("p1", tag="t").is_good
    after.seal("p1", tag="t")
    assert after.verify("p1").is_good


def test_a_full_disk_fails_cleanly_wherever_it_strikes(tmp_path: Path, kit: Any) -> None:
    template = tmp_path / "template"
    _prepare(template, kit, "copy")
    total = kit.fragile()
    shutil.copytree(template, tmp_path / "count")
    _copy(Repository.open(tmp_path / "count", files=total), kit)
    for full_at in range(len(total.steps)):
        folder = tmp_path / str(full_at)
        shutil.copytree(template, folder)
        files = kit.fragile(full_at=full_at)
        repository = Repository.open(folder, files=files)
        failure = None
        try:
            _copy(repository, kit)
        except SafepointError as error:
            failure = error
        assert (failure is not None) is files.was_refused
        assert failure is None or failure.code == "storage-full"
        assert failure is None or "No space left" in failure.message
        kit.check_consistent(folder)
        repository.discard("second")
        assert not list(folder.rglob("*.partial"))
        kit.check_consistent(folder)
        shutil.rmtree(folder)
