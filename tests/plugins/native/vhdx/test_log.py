"""Dirty logs: replayed in memory or refused, never ignored."""

from __future__ import annotations

from uuid import uuid4

import pytest

from safepoint.errors import DamagedDataError, UnsupportedError
from safepoint_native.vhdx import FileSource, VhdxImage, WritableVhdx, create_dynamic
from safepoint_native.vhdx.bat import BlockState

MIB = 1 << 20
SIZE = 4 * MIB
PAYLOAD = b"\x11\x22\x33\x44\x55\x66\x77\x88" + b"log payload " * 340 + b"tail\x99\xaa\xbb\xcc"


@pytest.fixture
def disk(tmp_path):
    """A disk whose blocks 0 and 1 hold A and B and change places in the tests."""
    path = tmp_path / "disk.vhdx"
    create_dynamic(path, SIZE, block_bytes=MIB)
    with WritableVhdx.open(path) as writer:
        writer.write(0, b"A" * MIB)
        writer.write(MIB, b"B" * MIB)
    return path


def place(path, block):
    with VhdxImage.open(FileSource(path)) as image:
        return image.table.payload(block)[1]


def test_changes_of_the_log_are_seen_and_the_file_is_left_alone(
    disk, dirty, entry, table_sector, content
):
    sector = table_sector(disk, 1, 0)
    target = place(disk, 0) + 8192
    assert len(PAYLOAD) == 4096

    def make(log_id, size):
        changes = [sector, (target, PAYLOAD)]
        yield 0, entry(log_id, changes, sequence=9, tail=0, flushed=size, file_bytes=size)

    dirty(disk, make)
    before = disk.read_bytes()
    expected = bytearray(b"A" * MIB + bytes(3 * MIB))
    expected[8192 : 8192 + 4096] = PAYLOAD
    assert content(disk) == expected
    assert disk.read_bytes() == before


def test_zeros_and_later_changes_count_in_their_order(disk, dirty, entry, content):
    at = place(disk, 0)

    def make(log_id, size):
        first = [(at, b"1" * 4096), (at + 4096, b"1" * 4096), (at + 8192, b"1" * 4096)]
        second = [(at + 4096, 3 * 4096), (at + 8192, b"2" * 4096)]
        common = {"tail": 4096 * 3, "flushed": size, "file_bytes": size}
        one = entry(log_id, first, sequence=5, **common)
        yield 4096 * 3, one
        yield 4096 * 3 + len(one), entry(log_id, second, sequence=6, **common)

    dirty(disk, make)
    assert content(disk)[: 5 * 4096] == (
        b"1" * 4096 + bytes(4096) + b"2" * 4096 + bytes(4096) + b"A" * 4096
    )


def test_entries_wrap_around_the_end_of_the_log(disk, dirty, entry, content):
    at = place(disk, 0)

    def make(log_id, size):
        common = {"tail": MIB - 8192, "flushed": size, "file_bytes": size}
        first = entry(log_id, [(at, b"1" * 4096)], sequence=1, **common)
        second = entry(log_id, [(at + 4096, b"2" * 4096)], sequence=2, **common)
        third = entry(log_id, [(at + 8192, b"3" * 4096)] * 2, sequence=3, **common)
        yield MIB - 8192, first
        yield 0, second
        yield 8192, third

    dirty(disk, make)
    assert content(disk)[: 4 * 4096] == b"1" * 4096 + b"2" * 4096 + b"3" * 4096 + b"A" * 4096


def test_single_entry_may_wrap_around(disk, dirty, entry, content):
    at = place(disk, 0)

    def make(log_id, size):
        changes = [(at + n * 4096, bytes([65 + n]) * 4096) for n in range(5)]
        tail = MIB - 3 * 4096
        yield tail, entry(log_id, changes, sequence=1, tail=tail, flushed=size, file_bytes=size)

    dirty(disk, make)
    assert content(disk)[: 5 * 4096] == b"".join(bytes([65 + n]) * 4096 for n in range(5))


def test_entry_with_many_changes_has_more_than_one_sector_of_descriptors(
    disk, dirty, entry, content
):
    at = place(disk, 0)

    def make(log_id, size):
        changes = [(at + n * 4096, bytes([n]) * 4096) for n in range(200)]
        yield 0, entry(log_id, changes, sequence=1, tail=0, flushed=size, file_bytes=size)

    dirty(disk, make)
    assert content(disk)[: 200 * 4096] == b"".join(bytes([n]) * 4096 for n in range(200))


def test_newest_whole_run_counts_and_not_a_torn_or_older_or_foreign_one(
    disk, dirty, entry, content
):
    at = place(disk, 0)

    def make(log_id, size):
        def one(number, text, tail, owner=log_id):
            return entry(
                owner,
                [(at, text * 4096)],
                sequence=number,
                tail=tail,
                flushed=size,
                file_bytes=size,
            )

        yield 0, one(10, b"o", 0)
        yield 5 * 8192, one(20, b"n", 5 * 8192)
        yield 6 * 8192, one(21, b"t", 5 * 8192)[:-4096] + bytes(4096)
        yield 9 * 8192, one(99, b"f", 9 * 8192, owner=uuid4())
        yield 12 * 8192, one(50, b"x", 11 * 8192)

    dirty(disk, make)
    assert content(disk)[:4096] == b"n" * 4096


def test_log_that_lets_the_file_grow_is_followed(disk, dirty, entry, table_sector, content):
    size = disk.stat().st_size
    sector = table_sector(disk, 2, size | BlockState.FULLY_PRESENT)

    def make(log_id, size):
        changes = [sector, (size + 4096, b"N" * 4096)]
        yield 0, entry(log_id, changes, sequence=1, tail=0, flushed=size, file_bytes=size + MIB)

    dirty(disk, make)
    block = bytes(4096) + b"N" * 4096 + bytes(MIB - 8192)
    assert content(disk)[2 * MIB : 3 * MIB] == block


def test_reads_behind_a_file_that_grew_in_the_log_are_bounded(disk, dirty, entry):
    def make(log_id, size):
        yield 0, entry(log_id, [], sequence=1, tail=0, flushed=size, file_bytes=size + 10)

    dirty(disk, make)
    with VhdxImage.open(FileSource(disk)) as image:
        end = disk.stat().st_size + 10
        assert image.source.size_bytes == end
        assert image.source.read_at(end - 10, 10) == bytes(10)
        with pytest.raises(DamagedDataError):
            image.source.read_at(end - 10, 11)
        with pytest.raises(DamagedDataError):
            image.source.read_into(end - 10, memoryview(bytearray(11)))


@pytest.mark.parametrize(
    ("header", "kind"),
    [({"log_version": 1}, UnsupportedError), ({}, DamagedDataError)],
)
def test_log_that_cannot_be_replayed_is_refused(disk, dirty, content, header, kind):
    dirty(disk, lambda *_: [], **header)
    with pytest.raises(kind, match="log"):
        content(disk)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"flushed": 1 << 40}, "truncated|log was written"),
        ({"file_bytes": 1 << 60}, "log was written"),
        ({"changes": [(1 << 40, b"x" * 4096)]}, "outside"),
        ({"changes": [(0, 1 << 50)]}, "outside"),
        ({"changes": [(0, 100)]}, "outside"),
        ({"changes": [(512, b"x" * 4096)]}, "log is damaged"),
        ({"tail": 8192}, "log is damaged"),
        ({"sequence": 0}, "log is damaged"),
    ],
)
def test_whole_entry_that_makes_no_sense_is_refused(disk, dirty, entry, content, change, why):
    def make(log_id, size):
        known = {"sequence": 1, "tail": 0, "flushed": size, "file_bytes": size, "changes": []}
        known.update(change)
        yield 0, entry(log_id, **known)

    dirty(disk, make)
    with pytest.raises(DamagedDataError, match=why):
        content(disk)


def test_torn_entry_is_refused_wherever_it_was_torn(disk, dirty, entry, content, poke):
    at = place(disk, 0)

    def make(log_id, size):
        yield 0, entry(log_id, [(at, PAYLOAD)], sequence=1, tail=0, flushed=size, file_bytes=size)

    dirty(disk, make)
    log_at = MIB
    raw = disk.read_bytes()[log_at : log_at + 8192]
    for position in range(0, 8192, 97):
        poke(disk, log_at + position, bytes([raw[position] ^ 1]))
        with pytest.raises(DamagedDataError, match="log is damaged"):
            content(disk)
        poke(disk, log_at + position, raw[position : position + 1])
    assert content(disk)[:4096] == PAYLOAD


def test_log_full_of_overlapping_entries_is_refused_in_reasonable_time(disk, dirty, content):
    def make(log_id, size):
        head = b"loge" + bytes(4) + MIB.to_bytes(4, "little") + bytes(4)
        head += (1).to_bytes(8, "little") + bytes(8) + log_id.bytes_le
        yield 0, head.ljust(4096, b"\0") * 256

    dirty(disk, make)
    with pytest.raises(DamagedDataError, match="overlap"):
        content(disk)
