"""Random writes in place."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safepoint.errors import DamagedDataError, UnsupportedError, UsageError
from safepoint_native.vhdx import (
    Chain,
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
SIZE = 3 * MIB + 3 * 4096

offsets = st.one_of(
    st.integers(0, SIZE),
    st.integers(0, SIZE // 512).map(lambda n: n * 512),
    st.sampled_from([0, MIB - 512, MIB, 2 * MIB - 1, 3 * MIB, SIZE - 512]),
)
lengths = st.one_of(
    st.integers(0, 3000), st.sampled_from([512, 4096, MIB, MIB + 1, 2 * MIB + 512, SIZE])
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), offsets, lengths, st.integers(1, 255)),
        st.tuples(st.just("zeros"), offsets, lengths, st.just(0)),
        st.tuples(st.just("child"), st.sampled_from([MIB, 2 * MIB]), st.just(0), st.just(0)),
        st.tuples(st.just("merge"), st.integers(0, 5), st.integers(0, 6), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0), st.just(0), st.just(0)),
    ),
    max_size=14,
)


class Machine:
    """A chain of files, the guest that writes to its leaf, and what the disk should hold."""

    def __init__(self, folder, *, fixed: bool, sector: int) -> None:
        self.folder = folder
        self.names = (folder / f"{number}.vhdx" for number in itertools.count())
        self.paths = [next(self.names)]
        create = create_fixed if fixed else create_dynamic
        create(self.paths[0], SIZE, block_bytes=MIB, logical_sector_bytes=sector)
        self.model = bytearray(SIZE)
        self.open()

    def open(self) -> None:
        self.parents = Chain.open_files(self.paths[1:]) if self.paths[1:] else None
        self.disk = WritableVhdx.open(self.paths[0], parent=self.parents, durable=False)

    def close(self) -> None:
        self.disk.close()
        if self.parents:
            self.parents.close()

    def write(self, offset: int, length: int, seed: int) -> None:
        data = bytes((seed + n) % 256 for n in range(251)) * (length // 251 + 1)
        data = data[: min(length, SIZE - offset)]
        self.disk.write(offset, data)
        self.model[offset : offset + len(data)] = data

    def zeros(self, offset: int, length: int, _: int) -> None:
        length = min(length, SIZE - offset)
        self.disk.write_zeros(offset, length)
        self.model[offset : offset + length] = bytes(length)

    def child(self, block_bytes: int, *_: int) -> None:
        self.close()
        path = next(self.names)
        create_differencing(path, self.paths[0], block_bytes=block_bytes)
        self.paths.insert(0, path)
        self.open()

    def merge(self, which: int, patience: int, _: int) -> None:
        if len(self.paths) == 1:
            return
        self.close()
        index = which % (len(self.paths) - 1)
        asked = itertools.count()
        child, parent = self.paths[index : index + 2]
        done = merge(child, parent, should_stop=lambda: next(asked) >= patience, durable=False)
        if done:
            assert merge(child, parent, durable=False)
            del self.paths[index]
            if index:
                reparent(self.paths[index - 1], parent)
        self.open()

    def reopen(self, *_: int) -> None:
        self.close()
        self.open()

    def check(self) -> None:
        assert self.disk.read(0, SIZE) == self.model
        with Chain.open_files(self.paths) as chain:
            assert chain.read_at(0, SIZE) == self.model


@settings(max_examples=80, deadline=None)
@given(steps=steps, fixed=st.booleans(), sector=st.sampled_from([512, 4096]))
def test_chain_holds_what_was_written_whatever_happened(tmp_path_factory, steps, fixed, sector):
    machine = Machine(tmp_path_factory.mktemp("machine"), fixed=fixed, sector=sector)
    try:
        for name, *arguments in steps:
            getattr(machine, name)(*arguments)
        machine.check()
        while len(machine.paths) > 1:
            machine.merge(len(machine.paths) - 2, 1000, 0)
        machine.check()
    finally:
        machine.close()


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.vhdx"
    create_dynamic(path, SIZE, block_bytes=MIB)
    with WritableVhdx.open(path) as disk:
        disk.write(0, b"B" * SIZE)
    return path


def data_write_id(path):
    with VhdxImage.open(FileSource(path)) as image:
        return image.data_write_id


def test_whoever_opens_the_file_during_a_write_finds_each_sector_old_or_new(
    base, tmp_path, content, monkeypatch
):
    child = tmp_path / "child"
    create_differencing(child, base, block_bytes=MIB)
    looks, write_at = [], LocalFile.write_at

    def write_and_look(self, offset, data):
        write_at(self, offset, data)
        looks.append(content(child, base))

    monkeypatch.setattr(LocalFile, "write_at", write_and_look)
    with WritableVhdx.open(child) as disk:
        disk.write(MIB - 1024, b"n" * 2048)
        disk.write(MIB - 4096, b"n" * 512)
        disk.write(2 * MIB, b"n" * MIB)
    assert len(looks) > 8
    for disk_then in looks:
        for at in range(0, SIZE, 512):
            assert disk_then[at : at + 512] in (b"B" * 512, b"n" * 512)
    assert looks[-1].count(b"n") == 2048 + 512 + MIB


def test_first_write_after_opening_gives_the_content_a_new_identity(base):
    before = data_write_id(base)
    with WritableVhdx.open(base) as disk:
        assert data_write_id(base) == before
        disk.write(0, b"x")
        first = data_write_id(base)
        disk.write(1, b"y")
        assert data_write_id(base) == first != before
        assert disk.image.data_write_id == first
    with WritableVhdx.open(base) as disk:
        disk.write(0, b"z")
    assert data_write_id(base) not in (before, first)


def test_opening_without_writing_changes_nothing(base):
    before = base.read_bytes()
    with WritableVhdx.open(base) as disk:
        disk.write(5, b"")
        disk.read(0, 100)
        disk.flush()
    assert base.read_bytes() == before


def test_block_that_is_written_bit_by_bit_becomes_wholly_present(base, tmp_path):
    child = tmp_path / "child"
    create_differencing(child, base, block_bytes=MIB)
    with WritableVhdx.open(child) as disk:
        disk.write(3 * MIB + 512, b"c" * (SIZE - 3 * MIB - 512))
        assert disk.image.table.payload(3)[0] == BlockState.PARTIALLY_PRESENT
        disk.write(3 * MIB, b"c" * 512)
        assert disk.image.table.payload(3)[0] == BlockState.FULLY_PRESENT


def test_block_that_gets_its_first_sector_again_shows_no_older_ones(
    base, tmp_path, content, set_entry
):
    child = tmp_path / "child"
    create_differencing(child, base, block_bytes=MIB)
    with WritableVhdx.open(child) as disk:
        disk.write(0, b"old!" * 1024)
    set_entry(child, 0, BlockState.NOT_PRESENT, 0)
    with WritableVhdx.open(child) as disk:
        disk.write(512, b"n" * 512)
    assert content(child, base)[:4096] == b"B" * 512 + b"n" * 512 + b"B" * 3072


@pytest.mark.parametrize("state", [BlockState.UNDEFINED, BlockState.ZERO, BlockState.UNMAPPED])
def test_write_into_a_hidden_block_of_a_child_keeps_the_rest_zeros(
    base, tmp_path, content, set_entry, state
):
    child = tmp_path / "child"
    create_differencing(child, base, block_bytes=MIB)
    set_entry(child, 1, state)
    with WritableVhdx.open(child) as disk:
        disk.write(MIB + 512, b"n" * 512)
    assert content(child, base)[MIB : 2 * MIB] == bytes(512) + b"n" * 512 + bytes(MIB - 1024)


def test_zeros_store_no_block_where_there_is_none(tmp_path):
    path = tmp_path / "new.vhdx"
    create_dynamic(path, 64 * MIB)
    size = path.stat().st_size
    with WritableVhdx.open(path) as disk:
        disk.write_zeros(0, 64 * MIB)
    assert path.stat().st_size == size


def test_zeros_in_a_child_are_stored_so_that_other_readers_see_them(base, tmp_path, content):
    child = tmp_path / "child"
    create_differencing(child, base, block_bytes=MIB)
    with WritableVhdx.open(child) as disk:
        disk.write_zeros(0, 2 * MIB)
        assert disk.image.table.payload(0)[0] == BlockState.FULLY_PRESENT
    assert content(child, base) == bytes(2 * MIB) + b"B" * (SIZE - 2 * MIB)


def test_file_grows_by_the_blocks_that_were_written_and_no_more(tmp_path):
    path = tmp_path / "new.vhdx"
    create_dynamic(path, 64 * MIB)
    size = path.stat().st_size
    with WritableVhdx.open(path) as disk:
        disk.write(0, b"a")
        disk.write(40 * MIB, b"b")
        disk.write(1, b"c")
    assert path.stat().st_size == size + 2 * 2 * MIB


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (SIZE, 1), (SIZE - 1, 2)])
def test_access_outside_of_the_disk_is_refused_and_changes_nothing(base, offset, length):
    before = base.read_bytes()
    with WritableVhdx.open(base) as disk:
        for attempt in (
            lambda: disk.write(offset, bytes(length)),
            lambda: disk.write_zeros(offset, length),
            lambda: disk.read(offset, length),
        ):
            with pytest.raises(UsageError, match="outside"):
                attempt()
    assert base.read_bytes() == before


def test_child_without_its_parent_takes_whole_sectors_only(base, tmp_path):
    child = tmp_path / "child"
    create_differencing(child, base)
    with WritableVhdx.open(child) as disk:
        disk.write(512, b"n" * 512)
        for attempt in (lambda: disk.write(0, b"n"), lambda: disk.read(0, 1)):
            with pytest.raises(UsageError, match="parent"):
                attempt()


def test_wrong_parent_is_refused(base, tmp_path):
    child, other = tmp_path / "child", tmp_path / "other"
    create_differencing(child, base)
    create_dynamic(other, SIZE)
    with (
        VhdxImage.open(FileSource(other)) as parent,
        pytest.raises(DamagedDataError, match="not the parent"),
    ):
        WritableVhdx.open(child, parent=parent)


def test_file_with_a_dirty_log_is_not_written(base, dirty, entry, table_sector):
    at, sector = table_sector(base, 0, 0)
    dirty(
        base,
        lambda log_id, size: [
            (0, entry(log_id, [(at, sector)], sequence=1, tail=0, flushed=size, file_bytes=size))
        ],
    )
    with pytest.raises(UnsupportedError, match="log"):
        WritableVhdx.open(base)


def test_space_left_behind_by_a_crash_is_not_used_for_other_data(base, content):
    with base.open("ab") as file:
        file.write(b"garbage" * 1000)
    with VhdxImage.open(FileSource(base)) as image:
        assert image.table.payload(0)[0] == BlockState.FULLY_PRESENT
    path = base.with_name("small")
    create_dynamic(path, SIZE, block_bytes=MIB)
    with path.open("ab") as file:
        file.write(b"garbage" * 1000)
    with WritableVhdx.open(path) as disk:
        disk.write(10, b"data")
    assert content(path) == bytes(10) + b"data" + bytes(SIZE - 14)


def test_closing_twice_is_fine_and_durable_writes_are_synced(base, monkeypatch):
    synced = []
    monkeypatch.setattr(LocalFile, "sync", lambda self: synced.append(self.name))
    disk = WritableVhdx.open(base)
    disk.write(0, b"x")
    disk.close()
    disk.close()
    assert len(synced) == 3
    with WritableVhdx.open(base, durable=False) as disk:
        disk.write(0, b"x")
        disk.flush()
    assert len(synced) == 3
