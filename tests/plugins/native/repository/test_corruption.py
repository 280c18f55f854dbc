"""A changed byte anywhere in a repository is noticed by `verify`, and its file is named."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from typing_extensions import override

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.repository import Repository
from safepoint_native.repository.index import PackEntry, PointIndex
from safepoint_native.repository.records import RecordCodec
from safepoint_native.repository.tables import PieceTable

FLIPS_PER_FILE = 12


@pytest.fixture
def folder(tmp_path: Path, kit: Any) -> Path:
    kit.write_point(Repository.create(tmp_path / "r"), "p1", tag="t", seed=10)
    return tmp_path / "r"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _findings(folder: Path, kit: Any, point: str = "p1") -> list[str]:
    """Files named by verification; a marker that cannot be read is named by `open`."""
    try:
        repository = Repository.open(folder)
    except (DamagedDataError, NotFoundError) as error:
        return [folder.joinpath("safepoint-repository.json").name] if error.message else []
    return [one.file for one in repository.verify(point, vm=kit.vm).findings]


def test_an_untouched_point_has_no_findings(folder: Path, kit: Any) -> None:
    report = Repository.open(folder).verify("p1")
    assert report.is_good
    assert report.checked_bytes > 3 * kit.cell


@pytest.mark.parametrize("kind", ["flip", "cut", "append", "missing", "empty"])
def test_damage_of_any_file_is_found_and_the_file_is_named(
    folder: Path, kit: Any, kind: str
) -> None:
    chosen = random.Random(4711)
    for path in list(_files(folder)):
        good = path.read_bytes()
        for _ in range(FLIPS_PER_FILE if kind == "flip" else 1):
            bad = bytearray(good)
            at = chosen.randrange(len(good))
            if kind == "flip":
                bad[at] ^= 1 << chosen.randrange(8)
            damaged = {"flip": bytes(bad), "cut": good[:at], "append": good + b"\0", "empty": b""}
            if kind == "missing":
                path.unlink()
            else:
                path.write_bytes(damaged[kind])
            name = path.relative_to(folder).as_posix()
            assert name in _findings(folder, kit), (kind, name, at)
            path.write_bytes(good)
    assert not _findings(folder, kit)


def test_every_byte_of_a_pack_counts(folder: Path, kit: Any) -> None:
    """Exhaustive for the smallest data pack: header, record facts and frames."""
    packs = sorted(folder.glob("packs/*/*.pack"), key=lambda path: path.stat().st_size)
    repository = Repository.open(folder)
    for path in packs[:2]:
        good = path.read_bytes()
        for at in range(min(len(good), 700)):
            bad = bytearray(good)
            bad[at] ^= 0x10
            path.write_bytes(bad)
            found = {one.file for one in repository.verify("p1", vm=kit.vm).findings}
            assert path.relative_to(folder).as_posix() in found, at
        path.write_bytes(good)


def test_a_damaged_record_is_named_with_its_place_in_the_disk(folder: Path, kit: Any) -> None:
    needle = kit.noise(11)[100:200]  # what `write_point` puts into the third cell of disk0
    path = next(p for p in folder.glob("packs/*/*.pack") if needle in p.read_bytes())
    data = path.read_bytes()
    path.write_bytes(data.replace(needle, bytes(100)))
    (finding,) = Repository.open(folder).verify("p1").findings
    assert (finding.disk, finding.offset, finding.length) == ("disk0", 2 * kit.cell, kit.cell)
    assert finding.file == path.relative_to(folder).as_posix()
    with Repository.open(folder).reader("p1") as reader:
        assert reader.disk("disk0").read_at(0, kit.cell) == kit.noise(10)
        with pytest.raises(DamagedDataError) as raised:
            reader.disk("disk0").read_at(0, 3 * kit.cell)
    assert path.name in raised.value.message
    assert f"disk0 at byte {2 * kit.cell}" in raised.value.message


def test_a_cell_that_is_used_twice_is_reported_at_both_places(folder: Path, kit: Any) -> None:
    needle = kit.noise(10)[100:200]
    path = next(p for p in folder.glob("packs/*/*.pack") if needle in p.read_bytes())
    path.write_bytes(path.read_bytes().replace(needle, bytes(100)))
    findings = Repository.open(folder).verify("p1").findings
    assert [one.offset for one in findings] == [0, 5 * kit.cell]


def test_a_missing_pack_is_told_once_and_with_everything_it_held(folder: Path, kit: Any) -> None:
    needle = kit.noise(12, 4096)[:64]
    path = next(p for p in folder.glob("packs/*/*.pack") if needle in p.read_bytes())
    path.unlink()
    findings = Repository.open(folder).verify("p1").findings
    assert [(one.disk, one.offset) for one in findings] == [("", 0), ("disk1", kit.cell)]


def test_a_record_put_in_another_ones_place_is_noticed(folder: Path, kit: Any) -> None:
    """Valid in itself, but not what the index expects there."""
    first, second = (
        next(p for p in folder.glob("packs/*/*.pack") if kit.noise(n)[:64] in p.read_bytes())
        for n in (10, 1000)
    )
    assert first != second
    first.write_bytes(second.read_bytes())
    assert not Repository.open(folder).verify("p1").is_good


def test_content_with_valid_checksums_but_another_digest_is_noticed(kit: Any) -> None:
    """As a defect or an attacker could make it: only the digest tells."""
    codec = RecordCodec()
    stored = b"".join(codec.encode(0, 0, memoryview(b"forged"), blake3(b"genuine").digest()))
    with pytest.raises(DamagedDataError, match="digest does not fit"):
        codec.decode(stored, 6, blake3(b"genuine").digest())
    with pytest.raises(DamagedDataError, match="not the one the index expects"):
        codec.decode(stored, 6, blake3(b"forged").digest())


def test_bytes_between_records_that_nobody_owns_are_told(folder: Path, kit: Any) -> None:
    (path,) = folder.glob("points/*/p1.index")
    index = PointIndex.decode(path.read_bytes(), "index")
    pack = index.packs[0]
    file = folder / "packs" / pack.pack_id[:2] / f"{pack.pack_id}.pack"
    file.write_bytes(file.read_bytes() + b"smuggled")
    index.packs[0] = PackEntry(pack.pack_id, pack.size_bytes + 8, pack.is_own)
    path.write_bytes(index.encode())
    found = Repository.open(folder).verify("p1").findings
    assert ("holds bytes that belong to no record", file.name) in [
        (one.problem, Path(one.file).name) for one in found
    ]


def test_an_index_that_contradicts_itself_is_refused(folder: Path, kit: Any) -> None:
    """Valid digests, impossible numbers: what a defect of a writer would leave."""
    (path,) = folder.glob("points/*/p1.index")
    good = path.read_bytes()

    def pieces(index: PointIndex) -> PieceTable:
        return index.streams[0].pieces

    changes: list[Callable[[PointIndex], object]] = [
        lambda index: pieces(index).records.__setitem__(0, 99),
        lambda index: pieces(index).offsets.__setitem__(1, 0),
        lambda index: pieces(index).skips.__setitem__(0, 1),
        lambda index: index.records.packs.__setitem__(0, 99),
        lambda index: setattr(index.streams[0], "size_bytes", 10),
    ]
    for change in changes:
        index = PointIndex.decode(good, "index")
        change(index)
        path.write_bytes(index.encode())
        with pytest.raises(DamagedDataError, match="contradicts itself"):
            Repository.open(folder).reader("p1")


def test_a_piece_may_be_a_part_of_a_record(folder: Path, kit: Any) -> None:
    """As an increment leaves it that replaced the beginning of a cell."""
    (path,) = folder.glob("points/*/p1.index")
    index = PointIndex.decode(path.read_bytes(), "index")
    pieces = index.streams[0].pieces
    pieces.offsets[0], pieces.lengths[0], pieces.skips[0] = 100, kit.cell - 100, 100
    path.write_bytes(index.encode())
    with Repository.open(folder).reader("p1") as reader:
        disk = reader.disk("disk0")
        assert disk.read_at(0, kit.cell) == bytes(100) + kit.noise(10)[100:]
        assert bytes(disk.read_piece(pieces[0])) == kit.noise(10)[100:]


def test_verification_reports_progress_and_can_be_cancelled(folder: Path, kit: Any) -> None:
    from safepoint.errors import RunCancelledError

    seen: list[tuple[int, int]] = []
    Repository.open(folder).verify("p1", on_bytes=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
    with pytest.raises(RunCancelledError):
        Repository.open(folder).verify("p1", should_stop=lambda: True)


def test_an_unreachable_repository_is_not_reported_as_damage(folder: Path, kit: Any) -> None:
    from safepoint.errors import PermissionDeniedError
    from safepoint_native.sources.filesystem import LocalFileSystem, ReadableFile
    from safepoint_native.sources.os_errors import from_os_error

    class Denied(LocalFileSystem):
        @override
        def open(self, path: Path, /) -> ReadableFile:
            if path.suffix == ".pack":
                raise from_os_error(PermissionError(13, "Permission denied"), "open", path)
            return super().open(path)

    with pytest.raises(PermissionDeniedError):
        Repository.open(folder, files=Denied()).verify("p1")
