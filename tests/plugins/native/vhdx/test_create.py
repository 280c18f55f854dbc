"""New files: what they say, how small they are, what is refused."""

from __future__ import annotations

from uuid import UUID

import pytest

from safepoint.errors import UsageError
from safepoint_native.vhdx import (
    DiskKind,
    FileSource,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
    create_fixed,
)

MIB = 1 << 20
DISK_ID = UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")


@pytest.mark.parametrize(
    ("create", "kind"), [(create_dynamic, DiskKind.DYNAMIC), (create_fixed, DiskKind.FIXED)]
)
@pytest.mark.parametrize("sector", [512, 4096])
def test_new_disk_says_what_it_is_and_is_all_zeros(tmp_path, create, kind, sector, content):
    path, size = tmp_path / "new.vhdx", 5 * MIB + 3 * sector
    create(path, size, block_bytes=MIB, logical_sector_bytes=sector, disk_id=DISK_ID)
    with VhdxImage.open(FileSource(path)) as image:
        assert image.kind is kind
        assert image.size_bytes == size
        assert image.block_bytes == MIB
        assert (image.logical_sector_bytes, image.physical_sector_bytes) == (sector, 4096)
        assert image.disk_id == DISK_ID
        assert image.parent is None
    assert content(path) == bytes(size)


def test_empty_dynamic_disk_is_a_small_file(tmp_path):
    path = tmp_path / "new.vhdx"
    create_dynamic(path, 64 * MIB)
    assert path.stat().st_size <= 5 * MIB


def test_two_new_disks_have_their_own_identities(tmp_path):
    for name in ("a", "b"):
        create_dynamic(tmp_path / name, MIB)
    with (
        VhdxImage.open(FileSource(tmp_path / "a")) as a,
        VhdxImage.open(FileSource(tmp_path / "b")) as b,
    ):
        assert a.disk_id != b.disk_id
        assert a.data_write_id != b.data_write_id


def test_child_takes_size_sectors_and_identity_from_its_parent(tmp_path):
    base, child = tmp_path / "base.vhdx", tmp_path / "sub" / "child.avhdx"
    child.parent.mkdir()
    create_dynamic(base, 7 * MIB, logical_sector_bytes=4096, disk_id=DISK_ID)
    create_differencing(child, base)
    with VhdxImage.open(FileSource(child)) as image, VhdxImage.open(FileSource(base)) as parent:
        assert image.kind is DiskKind.DIFFERENCING
        assert (image.size_bytes, image.logical_sector_bytes) == (7 * MIB, 4096)
        assert image.disk_id == DISK_ID
        assert image.parent.parent_linkage == parent.data_write_id
        assert image.parent.relative_path == r".\..\base.vhdx"
        assert image.parent.absolute_path == str(base.resolve())


def test_child_names_its_parent_as_it_is_told(tmp_path):
    base, child = tmp_path / "base.vhdx", tmp_path / "child.avhdx"
    create_fixed(base, MIB)
    create_differencing(
        child, base, relative_path=r".\Bäse.vhdx", absolute_path=r"\\fs01\vm\base.vhdx"
    )
    with VhdxImage.open(FileSource(child)) as image:
        assert image.parent.relative_path == r".\Bäse.vhdx"
        assert image.parent.absolute_path == r"\\fs01\vm\base.vhdx"


def test_a_path_that_is_taken_is_left_alone(tmp_path):
    path = tmp_path / "taken.vhdx"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        create_dynamic(path, MIB)
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("size", "settings", "why"),
    [
        (0, {}, "disk size"),
        (MIB + 1, {}, "disk size"),
        (MIB + 512, {"logical_sector_bytes": 4096}, "disk size"),
        (65 << 40, {}, "disk size"),
        (MIB, {"block_bytes": 512 * 1024}, "block size"),
        (MIB, {"block_bytes": 3 * MIB}, "block size"),
        (MIB, {"block_bytes": 512 * MIB}, "block size"),
        (MIB, {"logical_sector_bytes": 1024}, "sector sizes"),
        (MIB, {"physical_sector_bytes": 0}, "sector sizes"),
    ],
)
def test_a_disk_that_cannot_be_is_refused_and_leaves_no_file(tmp_path, size, settings, why):
    path = tmp_path / "no.vhdx"
    with pytest.raises(UsageError, match=why):
        create_dynamic(path, size, **settings)
    assert not path.exists()


def test_a_file_that_cannot_be_finished_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("safepoint_native.vhdx.create.write_file_identifier", lambda file: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        create_dynamic(tmp_path / "no.vhdx", MIB)
    assert list(tmp_path.iterdir()) == []


def test_a_child_of_a_missing_parent_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        create_differencing(tmp_path / "child.avhdx", tmp_path / "missing.vhdx")
    assert list(tmp_path.iterdir()) == []


def test_a_huge_disk_is_made_and_walked_quickly(tmp_path):
    path = tmp_path / "huge.vhdx"
    create_dynamic(path, 64 << 40, block_bytes=256 * MIB)
    with WritableVhdx.open(path) as disk:
        disk.write((64 << 40) - 5, b"close")
    with VhdxImage.open(FileSource(path)) as image:
        (extent,) = image.extents()
        assert extent.offset + extent.length == 64 << 40
        assert image.read_at((64 << 40) - 6, 6) == b"\0close"
