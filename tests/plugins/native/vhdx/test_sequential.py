"""The writer of whole files."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from safepoint.errors import DamagedDataError, UsageError
from safepoint_native.vhdx import (
    DiskKind,
    FileSource,
    ParentLocator,
    SequentialVhdxWriter,
    VhdxImage,
    WritableVhdx,
    create_dynamic,
)
from safepoint_native.vhdx.bat import BlockState

MIB = 1 << 20
SIZE = 9 * MIB + 4096 * 3


@pytest.fixture
def path(tmp_path):
    return tmp_path / "restored.vhdx"


def random_disk() -> tuple[bytes, list[int]]:
    """Return a disk and the offsets of those of its 64 KiB pieces that are not zeros."""
    chance, disk = random.Random(7), bytearray(SIZE)
    places = [at for at in range(0, SIZE, 65536) if chance.random() < 0.3]
    for at in places:
        disk[at : at + 65536] = chance.randbytes(len(disk[at : at + 65536]))
    return bytes(disk), places


@pytest.mark.parametrize("kind", [DiskKind.FIXED, DiskKind.DYNAMIC])
@pytest.mark.parametrize("sector", [512, 4096])
def test_file_holds_what_was_written_in_any_order_by_several_threads(path, kind, sector, content):
    disk, places = random_disk()
    random.Random(3).shuffle(places)
    disk_id = UUID(int=5)
    with (
        SequentialVhdxWriter(
            path,
            kind=kind,
            size_bytes=SIZE,
            block_bytes=MIB,
            logical_sector_bytes=sector,
            disk_id=disk_id,
        ) as writer,
        ThreadPoolExecutor(4) as threads,
    ):
        list(threads.map(lambda at: writer.write(at, disk[at : at + 65536]), places))
    assert content(path) == disk
    with VhdxImage.open(FileSource(path)) as image:
        assert (image.kind, image.disk_id) == (kind, disk_id)
        assert image.logical_sector_bytes == sector
        assert image.data_write_id == writer.data_write_id


def test_piece_may_span_blocks_and_be_of_any_size(path, content):
    data = random.Random(1).randbytes(3 * MIB + 7)
    with SequentialVhdxWriter(
        path, kind=DiskKind.DYNAMIC, size_bytes=SIZE, block_bytes=MIB
    ) as writer:
        writer.write(MIB - 3, memoryview(data))
        writer.write(0, b"")
    assert content(path)[MIB - 3 :][: len(data)] == data


def test_dynamic_file_stores_only_blocks_that_were_written(path):
    with SequentialVhdxWriter(path, kind=DiskKind.DYNAMIC, size_bytes=64 * MIB) as writer:
        writer.write(63 * MIB, b"x")
    assert path.stat().st_size == 6 * MIB


def test_differencing_file_shows_the_parent_where_nothing_was_written(path, tmp_path, content):
    base = tmp_path / "base"
    create_dynamic(base, SIZE)
    with WritableVhdx.open(base) as disk:
        disk.write(0, b"B" * SIZE)
    with VhdxImage.open(FileSource(base)) as image:
        locator = ParentLocator(image.data_write_id, r".\base")
    with SequentialVhdxWriter(
        path, kind=DiskKind.DIFFERENCING, size_bytes=SIZE, block_bytes=MIB, parent=locator
    ) as writer:
        writer.write(512, b"c" * 1024)
        writer.write(4096, b"d" * 512)
        writer.write(2 * MIB, b"e" * MIB)
        writer.write(SIZE - 512, b"f" * 512)
        with pytest.raises(UsageError, match="whole 512-byte sectors"):
            writer.write(1, b"x" * 512)
    expected = bytearray(b"B" * SIZE)
    expected[512:1536] = b"c" * 1024
    expected[4096:4608] = b"d" * 512
    expected[2 * MIB : 3 * MIB] = b"e" * MIB
    expected[-512:] = b"f" * 512
    assert content(path, base) == expected
    assert path.stat().st_size == 4 * MIB + 3 * MIB + MIB
    with VhdxImage.open(FileSource(path)) as image:
        states = [image.table.payload(block)[0] for block in (0, 1, 2, 9)]
    assert states == [
        BlockState.PARTIALLY_PRESENT,
        BlockState.NOT_PRESENT,
        BlockState.FULLY_PRESENT,
        BlockState.PARTIALLY_PRESENT,
    ]


def test_file_is_no_disk_before_it_is_closed(path):
    writer = SequentialVhdxWriter(path, kind=DiskKind.DYNAMIC, size_bytes=SIZE)
    writer.write(0, b"x" * SIZE)
    with pytest.raises(DamagedDataError, match="starts with zeros") as caught:
        VhdxImage.open(FileSource(path))
    assert "never finished" in caught.value.hint
    writer.close()
    writer.close()
    VhdxImage.open(FileSource(path)).close()


def test_data_reach_the_disk_before_the_signature(path, monkeypatch):
    events, pwrite, fsync = [], os.pwrite, os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("sync"), fsync(handle)))

    def note(handle, data, offset):
        events.append(offset)
        return pwrite(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", note)
    with SequentialVhdxWriter(path, kind=DiskKind.DYNAMIC, size_bytes=SIZE) as writer:
        writer.write(0, b"x")
    assert events[-4:-1] == ["sync", 0, "sync"]


def test_abort_removes_the_file_and_nothing_can_be_written_any_more(path):
    writer = SequentialVhdxWriter(path, kind=DiskKind.FIXED, size_bytes=SIZE)
    writer.write(0, b"x")
    writer.abort()
    writer.abort()
    writer.close()
    assert not path.exists()
    with pytest.raises(UsageError, match="closed"):
        writer.write(0, b"x")


def test_abort_leaves_a_finished_file_alone(path):
    writer = SequentialVhdxWriter(path, kind=DiskKind.FIXED, size_bytes=SIZE)
    writer.close()
    writer.abort()
    assert path.exists()


@pytest.mark.parametrize("where", ["body", "close"])
def test_failure_removes_the_file(path, monkeypatch, where):
    def fail(*_, **__):
        raise ZeroDivisionError

    def work():
        with SequentialVhdxWriter(path, kind=DiskKind.DYNAMIC, size_bytes=SIZE) as writer:
            writer.write(0, b"x")
            if where == "body":
                fail()

    if where == "close":
        monkeypatch.setattr("safepoint_native.vhdx.sequential.write_structures", fail)
    with pytest.raises(ZeroDivisionError):
        work()
    assert not path.exists()


@pytest.mark.parametrize("offset", [-1, SIZE - 1, SIZE])
def test_write_outside_of_the_disk_is_refused(path, offset):
    with (
        SequentialVhdxWriter(path, kind=DiskKind.DYNAMIC, size_bytes=SIZE) as writer,
        pytest.raises(UsageError, match="outside"),
    ):
        writer.write(offset, b"xx")


def test_disk_that_cannot_be_is_refused_and_leaves_no_file(path):
    with pytest.raises(UsageError, match="parent"):
        SequentialVhdxWriter(path, kind=DiskKind.DIFFERENCING, size_bytes=SIZE)
    with pytest.raises(UsageError, match="disk size"):
        SequentialVhdxWriter(path, kind=DiskKind.FIXED, size_bytes=7)
    assert not path.exists()


def test_file_that_is_there_is_not_overwritten(path):
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        SequentialVhdxWriter(path, kind=DiskKind.FIXED, size_bytes=SIZE)
    assert path.read_bytes() == b"mine"


class Elsewhere:
    """A new file that is not on this machine."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.calls: list[str] = []

    def write_at(self, offset, data):
        end = offset + len(data)
        self.content.extend(bytes(max(end - len(self.content), 0)))
        self.content[offset:end] = data

    def resize(self, size_bytes):
        self.content.extend(bytes(size_bytes - len(self.content)))

    def sync(self):
        self.calls.append("sync")

    def close(self):
        self.calls.append("close")

    def discard(self):
        self.calls.append("discard")


def test_file_may_lie_elsewhere(path, memory):
    target = Elsewhere()
    with SequentialVhdxWriter(
        path, kind=DiskKind.DYNAMIC, size_bytes=SIZE, target=target
    ) as writer:
        writer.write(3 * MIB, b"over there")
    assert not path.exists()
    assert target.calls == ["sync", "sync", "close"]
    with VhdxImage.open(memory(target.content)) as image:
        assert image.read_at(3 * MIB, 10) == b"over there"


def test_file_elsewhere_is_discarded_on_abort(path):
    target = Elsewhere()
    writer = SequentialVhdxWriter(path, kind=DiskKind.FIXED, size_bytes=SIZE, target=target)
    writer.abort()
    writer.abort()
    assert target.calls == ["discard"]
