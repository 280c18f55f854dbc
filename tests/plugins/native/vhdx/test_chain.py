"""Chains: identity, coverage, reading through several images."""

from __future__ import annotations

import pytest

from safepoint.errors import DamagedDataError, UsageError
from safepoint_native.vhdx import (
    ByteSource,
    Chain,
    FileSource,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
)

MIB = 1 << 20
SIZE = 5 * MIB + 1024


@pytest.fixture
def paths(tmp_path):
    """Three images, leaf first: base all B, middle m at 1 MiB, leaf l at 1 MiB + 512."""
    base, middle, leaf = (tmp_path / name for name in ("base", "middle", "leaf"))
    create_dynamic(base, SIZE, block_bytes=MIB)
    with WritableVhdx.open(base) as disk:
        disk.write(0, b"B" * 3 * MIB)
    create_differencing(middle, base, block_bytes=2 * MIB)
    with WritableVhdx.open(middle) as disk:
        disk.write(MIB, b"m" * 4096)
    create_differencing(leaf, middle, block_bytes=MIB)
    with WritableVhdx.open(leaf) as disk:
        disk.write(MIB + 512, b"l" * 512)
    return [leaf, middle, base]


def expected() -> bytes:
    disk = bytearray(SIZE)
    disk[: 3 * MIB] = b"B" * 3 * MIB
    disk[MIB : MIB + 4096] = b"m" * 4096
    disk[MIB + 512 : MIB + 1024] = b"l" * 512
    return bytes(disk)


def test_disk_is_the_leaf_over_its_parents(paths, content):
    assert content(*paths) == expected()


def test_extents_cover_the_disk_in_order_without_gaps(paths):
    with Chain.open_files(paths) as chain:
        at = 0
        for extent in chain.extents():
            assert extent.offset == at
            assert extent.length > 0
            at += extent.length
        assert at == SIZE == chain.size_bytes


def test_extents_are_coalesced_and_name_their_source(paths):
    with Chain.open_files(paths) as chain:
        leaf, middle, base = (image.source for image in chain.images)
        found = [(extent.offset, extent.length, extent.source) for extent in chain.extents()]
    assert found == [
        (0, MIB, base),
        (MIB, 512, middle),
        (MIB + 512, 512, leaf),
        (MIB + 1024, 3072, middle),
        (MIB + 4096, 2 * MIB - 4096, base),
        (3 * MIB, SIZE - 3 * MIB, None),
    ]


def test_bytes_of_extents_are_the_bytes_of_the_disk(paths):
    with Chain.open_files(paths) as chain:
        pieces = [
            extent.source.read_at(extent.file_offset, extent.length)
            if extent.source
            else bytes(extent.length)
            for extent in chain.extents()
        ]
    assert b"".join(pieces) == expected()


def test_any_range_can_be_read(paths):
    whole = expected()
    with Chain.open_files(paths) as chain:
        for offset, length in [(0, 0), (MIB - 1, 2), (MIB + 500, 600), (SIZE - 7, 7), (SIZE, 0)]:
            assert chain.read_at(offset, length) == whole[offset : offset + length]


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (SIZE, 1), (0, SIZE + 1)])
def test_reading_outside_is_the_callers_fault(paths, offset, length):
    with Chain.open_files(paths) as chain, pytest.raises(UsageError, match="outside"):
        chain.read_at(offset, length)


def test_a_parent_that_was_written_to_is_refused(paths):
    with WritableVhdx.open(paths[-1]) as disk:
        disk.write(0, b"!")
    with pytest.raises(DamagedDataError, match="not the parent") as caught:
        Chain.open_files(paths)
    assert "base" in str(caught.value)
    assert "middle" in str(caught.value)


def test_images_in_the_wrong_order_are_refused(paths):
    with pytest.raises(DamagedDataError, match="has no parent"):
        Chain.open_files([paths[2], paths[0]])
    with pytest.raises(DamagedDataError, match="not the parent"):
        Chain.open_files([paths[0], paths[2]])


def test_a_chain_without_its_base_is_refused(paths):
    with pytest.raises(DamagedDataError, match="without its parent"):
        Chain.open_files(paths[:2])


def test_no_images_are_no_chain():
    with pytest.raises(UsageError):
        Chain([])


def test_files_are_closed_when_the_chain_is_refused(paths, monkeypatch):
    closed = []
    monkeypatch.setattr(FileSource, "close", lambda self: closed.append(self.name))
    with pytest.raises(DamagedDataError):
        Chain.open_files(paths[:2])
    assert sorted(closed) == sorted(map(str, paths[:2]))


def test_parent_that_is_smaller_reads_as_zeros_behind_its_end(tmp_path, content, memory, poke):
    small, large = tmp_path / "small", tmp_path / "large"
    create_dynamic(small, MIB)
    with WritableVhdx.open(small) as disk:
        disk.write(0, b"s" * MIB)
    create_differencing(large, small)
    raw = large.read_bytes()
    size_at = raw.index(MIB.to_bytes(8, "little"), 2 * MIB + 65536)
    poke(large, size_at, (3 * MIB).to_bytes(8, "little"))
    assert content(large, small) == b"s" * MIB + bytes(2 * MIB)


def test_an_image_can_be_read_from_memory(paths, memory):
    images = [VhdxImage.open(memory(path.read_bytes())) for path in paths]
    assert all(isinstance(image.source, ByteSource) for image in images)
    with Chain(images) as chain:
        assert chain.read_at(0, SIZE) == expected()
    assert all(image.source.closed for image in images)


def test_reader_keeps_the_table_of_the_moment_it_opened(paths):
    with Chain.open_files(paths[2:]) as before:
        with WritableVhdx.open(paths[2]) as disk:
            disk.write(4 * MIB, b"new")
        assert before.read_at(4 * MIB, 3) == bytes(3)
    with Chain.open_files(paths[2:]) as after:
        assert after.read_at(4 * MIB, 3) == b"new"
