"""Merging a child into its parent."""

from __future__ import annotations

import struct

import pytest

from safepoint.errors import DamagedDataError, UnsupportedError, UsageError
from safepoint_native.vhdx import (
    FileSource,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
    create_fixed,
    merge,
    reparent,
)
from safepoint_native.vhdx.bat import BlockState
from safepoint_native.vhdx.file import LocalFile

MIB = 1 << 20
SIZE = 6 * MIB + 4096


def data_write_id(path):
    with VhdxImage.open(FileSource(path)) as image:
        return image.data_write_id


def make(tmp_path, create=create_dynamic):
    base, child = tmp_path / "base", tmp_path / "child"
    create(base, SIZE, block_bytes=2 * MIB)
    with WritableVhdx.open(base) as disk:
        disk.write(0, b"B" * 3 * MIB)
    create_differencing(child, base, block_bytes=MIB)
    with WritableVhdx.open(child) as disk:
        disk.write(MIB, b"c" * MIB)
        disk.write(3 * MIB + 512, b"c" * 512)
        disk.write(SIZE - 512, b"e" * 512)
    return base, child


@pytest.fixture(params=[create_dynamic, create_fixed])
def files(tmp_path, request):
    return make(tmp_path, request.param)


def test_parent_holds_the_disk_afterwards(files, content):
    base, child = files
    whole, child_bytes = content(child, base), child.read_bytes()
    assert merge(child, base) is True
    assert content(base) == whole
    assert child.read_bytes() == child_bytes


def test_parent_has_a_new_identity_afterwards_and_the_child_none_to_stand_on(files, content):
    base, child = files
    before = data_write_id(base)
    merge(child, base)
    assert data_write_id(base) != before
    with pytest.raises(DamagedDataError, match="not the parent"):
        content(child, base)


def test_merge_that_was_complete_may_be_repeated(files, content):
    base, child = files
    merge(child, base)
    after = base.read_bytes()
    assert merge(child, base) is True
    assert base.read_bytes() == after


def test_merge_can_be_interrupted_before_every_piece_and_the_chain_stays_whole(files, content):
    base, child = files
    whole, before, done = content(child, base), data_write_id(base), False
    for patience in range(20):
        left = iter(range(patience))
        done = merge(child, base, should_stop=lambda left=left: next(left, None) is None)
        if done:
            break
        assert data_write_id(base) == before
        assert content(child, base) == whole
    assert done
    assert patience == 3
    assert content(base) == whole


def test_crash_at_every_write_leaves_a_chain_or_a_merged_parent(tmp_path, content, monkeypatch):
    base, child = make(tmp_path)
    whole, write_at, merged = content(child, base), LocalFile.write_at, False
    for survived in range(60):
        left = iter(range(survived))

        def write_or_die(self, offset, data, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            write_at(self, offset, data)

        monkeypatch.setattr(LocalFile, "write_at", write_or_die)
        try:
            merge(child, base)
        except KeyboardInterrupt:
            monkeypatch.setattr(LocalFile, "write_at", write_at)
            linked = VhdxImage.open(FileSource(child)).parent.parent_linkage
            files = (child, base) if linked == data_write_id(base) else (base,)
            assert content(*files) == whole
        else:
            merged = True
            break
    assert merged
    assert content(base) == whole


def test_progress_counts_up_to_all_bytes(files):
    seen = []
    merge(files[1], files[0], progress=lambda done, total: seen.append((done, total)))
    total = MIB + 512 + 512
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_first_pass_copies_without_taking_the_parent_away(files, content):
    base, child = files
    whole, before = content(child, base), data_write_id(base)
    assert merge(child, base, finish=False) is True
    assert data_write_id(base) == before
    with WritableVhdx.open(child) as disk:
        disk.write(512, b"late" * 128)
    assert content(child, base) == whole[:512] + b"late" * 128 + whole[1024:]
    merge(child, base)
    assert content(base) == whole[:512] + b"late" * 128 + whole[1024:]


@pytest.mark.parametrize("state", [BlockState.ZERO, BlockState.UNMAPPED, BlockState.UNDEFINED])
def test_zeros_of_the_child_overwrite_the_parent(files, content, set_entry, state):
    base, child = files
    set_entry(child, 1, state)
    size = base.stat().st_size
    whole = content(child, base)
    assert whole[MIB : 2 * MIB] == bytes(MIB)
    merge(child, base)
    assert content(base) == whole
    assert base.stat().st_size <= size + 2 * 2 * MIB


def test_zeros_over_nothing_store_nothing(tmp_path, content, set_entry):
    base, child = tmp_path / "base", tmp_path / "child"
    create_dynamic(base, SIZE)
    create_differencing(child, base)
    set_entry(child, 0, BlockState.ZERO)
    size = base.stat().st_size
    merge(child, base)
    assert base.stat().st_size == size
    assert content(base) == bytes(SIZE)


def test_middle_of_a_chain_can_be_merged_and_left_out(files, tmp_path, content):
    base, middle = files
    leaf = tmp_path / "leaf"
    create_differencing(leaf, middle)
    with WritableVhdx.open(leaf) as disk:
        disk.write(MIB + 512, b"l" * 512)
    whole = content(leaf, middle, base)
    merge(middle, base)
    reparent(leaf, base, relative_path=r".\base", absolute_path=r"\\fs\share\base")
    assert content(leaf, base) == whole
    with VhdxImage.open(FileSource(leaf)) as image:
        assert image.parent.relative_path == r".\base"
        assert image.parent.absolute_path == r"\\fs\share\base"
    merge(leaf, base)
    assert content(base) == whole


def test_child_into_a_child_keeps_the_base_as_it_is(files, tmp_path, content):
    base, middle = files
    leaf = tmp_path / "leaf"
    create_differencing(leaf, middle)
    with WritableVhdx.open(leaf) as disk:
        disk.write(5 * MIB + 512, b"l" * 512)
    whole, base_bytes = content(leaf, middle, base), base.read_bytes()
    merge(leaf, middle)
    assert content(middle, base) == whole
    assert base.read_bytes() == base_bytes


def test_parent_that_was_written_to_is_refused(files):
    base, child = files
    with WritableVhdx.open(base) as disk:
        disk.write(0, b"!")
    before = base.read_bytes()
    with pytest.raises(DamagedDataError, match="not the parent"):
        merge(child, base)
    assert base.read_bytes() == before


def test_parent_that_was_written_to_after_the_merge_is_refused(files):
    base, child = files
    merge(child, base)
    with WritableVhdx.open(base) as disk:
        disk.write(0, b"!")
    with pytest.raises(DamagedDataError, match="not the parent"):
        merge(child, base)


def test_disk_without_parent_cannot_be_merged_or_get_another(files, tmp_path):
    base, _ = files
    other = tmp_path / "other"
    create_dynamic(other, SIZE)
    with pytest.raises(DamagedDataError, match="no parent"):
        merge(other, base)
    with pytest.raises(UsageError, match="no parent"):
        reparent(other, base)


def test_disks_of_different_sizes_are_refused(files, tmp_path, poke):
    base, child = files
    raw = child.read_bytes()
    at = raw.index(SIZE.to_bytes(8, "little"), 2 * MIB + 65536)
    poke(child, at, (SIZE - MIB).to_bytes(8, "little"))
    with pytest.raises(UnsupportedError, match="resized"):
        merge(child, base)
    with pytest.raises(DamagedDataError, match="size"):
        reparent(child, base)


def test_reparent_may_be_repeated_for_ever(files, content):
    base, child = files
    whole, size = content(child, base), child.stat().st_size
    for number in range(40):
        reparent(child, base, relative_path=f".\\{'x' * number * 100}")
    assert content(child, base) == whole
    assert child.stat().st_size == size


def test_reparent_overwrites_no_metadata_of_others(files, poke, content):
    base, child = files
    with VhdxImage.open(FileSource(child)) as image:
        at = image.regions.metadata.offset
    table = child.read_bytes()[at : at + 65536]
    count = int.from_bytes(table[10:12], "little")
    theirs = struct.pack("<16sIII4x", b"their own thing!", 68 * 1024, MIB - 72 * 1024, 1)
    poke(child, at + 32 + 32 * count, theirs)
    poke(child, at + 10, (count + 1).to_bytes(2, "little"))
    whole, metadata = content(child, base), child.read_bytes()[at + 68 * 1024 : at + MIB - 4096]
    before = child.read_bytes()
    with pytest.raises(DamagedDataError, match="no room"):
        reparent(child, base, relative_path="x" * 5000)
    assert child.read_bytes() == before
    reparent(child, base, relative_path=r".\base", absolute_path=r"C:\base")
    assert content(child, base) == whole
    assert child.read_bytes()[at + 68 * 1024 : at + MIB - 4096] == metadata


def test_path_that_no_locator_can_hold_is_refused(files):
    with pytest.raises(UsageError, match="too long"):
        reparent(files[1], files[0], relative_path="x" * 40000)
