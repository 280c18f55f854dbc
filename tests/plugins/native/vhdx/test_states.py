"""Every state of a block, alone and on top of a parent."""

from __future__ import annotations

import pytest

from safepoint.errors import DamagedDataError
from safepoint_native.vhdx import (
    Extent,
    FileSource,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
    create_fixed,
)
from safepoint_native.vhdx.bat import BlockState

MIB = 1 << 20
SIZE = 4 * MIB
HIDING = [BlockState.UNDEFINED, BlockState.ZERO, BlockState.UNMAPPED]


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.vhdx"
    create_dynamic(path, SIZE, block_bytes=MIB)
    with WritableVhdx.open(path) as disk:
        disk.write(0, b"P" * SIZE)
    return path


@pytest.fixture
def child(tmp_path, base):
    """A child with block 0 its own, block 1 partly its own, blocks 2 and 3 the parent's."""
    path = tmp_path / "child.avhdx"
    create_differencing(path, base, block_bytes=MIB)
    with (
        VhdxImage.open(FileSource(base)) as parent,
        WritableVhdx.open(path, parent=parent) as disk,
    ):
        disk.write(0, b"C" * MIB)
        disk.write(MIB + 512, b"c" * 1024)
    return path


@pytest.mark.parametrize("state", [BlockState.NOT_PRESENT, *HIDING])
def test_block_of_a_base_that_is_not_stored_reads_as_zeros(base, content, set_entry, state):
    set_entry(base, 1, state)
    assert content(base) == b"P" * MIB + bytes(MIB) + b"P" * 2 * MIB


@pytest.mark.parametrize("state", HIDING)
@pytest.mark.parametrize("block", [0, 1, 2])
def test_block_of_a_child_that_is_zeros_hides_the_parent(
    base, child, content, set_entry, state, block
):
    set_entry(child, block, state)
    there = slice(block * MIB, (block + 1) * MIB)
    assert content(child, base)[there] == bytes(MIB)


def test_block_of_a_child_that_is_not_present_shows_the_parent(base, child, content, set_entry):
    set_entry(child, 0, BlockState.NOT_PRESENT)
    assert content(child, base)[:MIB] == b"P" * MIB


def test_partly_present_block_takes_each_sector_from_where_it_is(base, child, content):
    block = content(child, base)[MIB : 2 * MIB]
    assert block == b"P" * 512 + b"c" * 1024 + b"P" * (MIB - 1536)


def test_wholly_present_block_needs_no_bitmap(base, child, content, set_entry):
    set_entry(child, 1, BlockState.FULLY_PRESENT)
    block = content(child, base)[MIB : 2 * MIB]
    assert block == bytes(512) + b"c" * 1024 + bytes(MIB - 1536)


def test_extents_of_a_child_list_what_it_decides_and_nothing_else(child, set_entry):
    set_entry(child, 3, BlockState.ZERO)
    with VhdxImage.open(FileSource(child)) as image:
        own = image.table.payload(0)[1]
        partly = image.table.payload(1)[1]
        assert list(image.extents()) == [
            Extent(0, MIB, own),
            Extent(MIB + 512, 1024, partly + 512),
            Extent(3 * MIB, MIB, None),
        ]


def test_extents_that_touch_are_one(tmp_path):
    path = tmp_path / "fixed.vhdx"
    create_fixed(path, 64 * MIB + 512)
    with VhdxImage.open(FileSource(path)) as image:
        (extent,) = image.extents()
    assert (extent.offset, extent.length) == (0, 64 * MIB + 512)


def test_extents_of_a_range_are_cut_to_it(child):
    with VhdxImage.open(FileSource(child)) as image:
        found = list(image.extents(MIB - 100, MIB + 600))
    assert [(extent.offset, extent.length) for extent in found] == [
        (MIB - 100, 100),
        (MIB + 512, 88),
    ]


@pytest.mark.parametrize("state", [4, 5])
def test_unknown_state_is_damage(base, content, set_entry, state):
    set_entry(base, 0, state)
    with pytest.raises(DamagedDataError, match=f"block 0 has impossible state {state}"):
        content(base)


def test_partly_present_block_in_a_base_is_damage(base, content, set_entry):
    set_entry(base, 0, BlockState.PARTIALLY_PRESENT)
    with pytest.raises(DamagedDataError, match="impossible state 7"):
        content(base)


def test_partly_present_block_without_bitmap_is_damage(base, tmp_path, content, set_entry):
    path = tmp_path / "other.avhdx"
    create_differencing(path, base, block_bytes=MIB)
    with WritableVhdx.open(path) as disk:
        disk.write(0, b"C" * MIB)
    set_entry(path, 0, BlockState.PARTIALLY_PRESENT)
    with pytest.raises(DamagedDataError, match="block 0 has no sector bitmap"):
        content(path, base)


@pytest.mark.parametrize(
    ("place", "why"), [(0, "outside"), (1 << 40, "outside"), (3 * MIB, "share")]
)
def test_block_that_lies_where_it_cannot_is_damage(base, content, set_entry, place, why):
    set_entry(base, 1, BlockState.FULLY_PRESENT, place)
    with pytest.raises(DamagedDataError, match=why):
        content(base)


def test_two_blocks_in_one_place_are_damage(base, content, set_entry):
    with VhdxImage.open(FileSource(base)) as image:
        place = image.table.payload(3)[1]
    set_entry(base, 1, BlockState.FULLY_PRESENT, place)
    with pytest.raises(DamagedDataError, match="share the bytes"):
        content(base)
