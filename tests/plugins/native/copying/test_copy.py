"""What a VHDX chain holds is what a restored disk holds."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from safepoint.errors import (
    DamagedDataError,
    InvalidRequestError,
    RunCancelledError,
    SafepointError,
    StorageFullError,
    UnreachableError,
)
from safepoint_native.copying import RawSink, copy_disk, restore_disk
from safepoint_native.copying.cells import CELL_BYTES, cells_of
from safepoint_native.copying.reading import CellReader
from safepoint_native.repository import Repository
from safepoint_native.vhdx import (
    Chain,
    ChainExtent,
    DiskKind,
    FileSource,
    SequentialVhdxWriter,
    VhdxImage,
    WritableVhdx,
    create_differencing,
    create_dynamic,
)

MIB = 1 << 20
SIZE = 12 * MIB
_numbers = itertools.count()


class MemorySource:
    """Bytes in memory; `fail_at` makes reads of that offset fail."""

    name = "memory"

    def __init__(self, data: bytes, *, fail_at: int | None = None) -> None:
        self._data = data
        self._fail_at = fail_at
        self.reads = 0

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    def read_at(self, offset: int, length: int, /) -> bytes:
        buffer = bytearray(length)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def read_into(self, offset: int, buffer: memoryview, /) -> None:
        self.reads += 1
        if self._fail_at is not None and offset <= self._fail_at < offset + len(buffer):
            raise OSError(112, "Host is down")
        buffer[:] = self._data[offset : offset + len(buffer)]

    def close(self) -> None:
        return


class Pieces:
    """A disk made of pieces of sources, as a chain is."""

    def __init__(self, size_bytes: int, extents: list[ChainExtent]) -> None:
        self.size_bytes = size_bytes
        self._extents = extents

    def extents(self) -> Iterator[ChainExtent]:
        return iter(self._extents)


def plain_disk(source: MemorySource) -> Pieces:
    return Pieces(source.size_bytes, [ChainExtent(0, source.size_bytes, source, 0)])


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "repository")


def _restored(repository: Repository, point: str, target: Path) -> bytes:
    with repository.reader(point) as reader:
        disk = reader.disk("d")
        with RawSink(target, disk.size_bytes) as sink:
            restore_disk(disk, sink)
    return target.read_bytes()


writes = st.lists(
    st.tuples(st.integers(0, SIZE // 512 - 1), st.integers(1, 3000), st.booleans()), max_size=6
)


@given(base=writes, child=writes, workers=st.sampled_from([1, 2, 3]))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_chain_is_restored_bit_for_bit(
    repository: Repository,
    tmp_path: Path,
    base: list[tuple[int, int, bool]],
    child: list[tuple[int, int, bool]],
    workers: int,
) -> None:
    number = next(_numbers)
    image = bytearray(SIZE)
    paths = [tmp_path / f"{number}.vhdx", tmp_path / f"{number}.avhdx"]
    create_dynamic(paths[0], SIZE)
    _write(paths[0], None, base, image, number)
    create_differencing(paths[1], paths[0])
    _write(paths[1], VhdxImage.open(FileSource(paths[0])), child, image, number + 1)
    with Chain([VhdxImage.open(FileSource(path)) for path in reversed(paths)]) as chain:
        writer = repository.begin(f"p{number}", vm="vm", tag="t")
        stats = copy_disk(chain, writer.disk("d", SIZE), workers=workers)
        writer.seal()
    assert stats.zero_bytes <= image.count(0)
    assert stats.known_bytes + stats.zero_bytes <= SIZE
    assert _restored(repository, f"p{number}", tmp_path / f"{number}.raw") == image
    assert repository.verify(f"p{number}").is_good
    again = tmp_path / f"{number}-restored.vhdx"
    with (
        repository.reader(f"p{number}") as reader,
        SequentialVhdxWriter(again, kind=DiskKind.DYNAMIC, size_bytes=SIZE) as sink,
    ):
        restore_disk(reader.disk("d"), sink)
    with Chain([VhdxImage.open(FileSource(again))]) as restored:
        assert restored.read_at(0, SIZE) == image


def _write(
    path: Path,
    parent: VhdxImage | None,
    pieces: list[tuple[int, int, bool]],
    image: bytearray,
    seed: int,
) -> None:
    chosen = random.Random(seed)
    disk = WritableVhdx.open(path, parent=parent)
    for sector, sectors, is_data in pieces:
        length = min(sectors * 512, SIZE - sector * 512)
        data = chosen.randbytes(length) if is_data else bytes(length)
        disk.write(sector * 512, data)
        image[sector * 512 : sector * 512 + length] = data
    disk.flush()
    disk.close()


def test_holes_are_not_read_and_zeros_not_stored(repository: Repository, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(2 * MIB)
    source = MemorySource(content + bytes(3 * MIB))
    disk = Pieces(
        20 * MIB,
        [
            ChainExtent(0, 4 * MIB, None, 0),
            ChainExtent(4 * MIB, 5 * MIB, source, 0),
            ChainExtent(9 * MIB, 11 * MIB, None, 0),
        ],
    )
    writer = repository.begin("p", vm="vm", tag="t")
    stats = copy_disk(disk, writer.disk("d", 20 * MIB))
    writer.seal()
    assert source.reads == 5
    assert stats.read_bytes == 5 * MIB
    assert stats.zero_bytes == 18 * MIB
    assert 2 * MIB < stats.stored_bytes < 2.01 * MIB
    image = _restored(repository, "p", tmp_path / "raw")
    assert image == bytes(4 * MIB) + content + bytes(14 * MIB)
    assert (tmp_path / "raw").stat().st_blocks * 512 < 4 * MIB


def test_a_second_full_stores_only_what_changed(repository: Repository) -> None:
    content = bytearray(random.Random(1).randbytes(8 * MIB))
    stats = []
    for number in range(2):
        writer = repository.begin(f"p{number}", vm="vm", tag="t")
        stats.append(
            copy_disk(plain_disk(MemorySource(bytes(content))), writer.disk("d", 8 * MIB))
        )
        writer.seal()
        content[5 * MIB + 77] ^= 1
    assert stats[1].known_bytes == 7 * MIB
    assert MIB < stats[1].stored_bytes < 1.01 * MIB


def test_the_end_of_an_odd_disk_is_copied(repository: Repository, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(2 * MIB + 512)
    writer = repository.begin("p", vm="vm", tag="t")
    copy_disk(plain_disk(MemorySource(content)), writer.disk("d", len(content)))
    writer.seal()
    assert _restored(repository, "p", tmp_path / "raw") == content


def test_scattered_sectors_take_two_reads_a_cell() -> None:
    """Every other sector in a child, the rest in its parent."""
    child = MemorySource(random.Random(1).randbytes(3 * MIB))
    parent = MemorySource(random.Random(2).randbytes(3 * MIB))
    extents = [
        ChainExtent(at, 512, (child, parent)[at // 512 % 2], at + MIB) for at in range(0, MIB, 512)
    ]
    cells = list(cells_of(Pieces(MIB, extents)))
    with CellReader() as reader:
        ((_, data),) = ((cell, bytes(data)) for cell, data in reader.filled(iter(cells)))
    assert (child.reads, parent.reads) == (1, 1)
    for at in range(0, MIB, 512):
        expected = (child, parent)[at // 512 % 2].read_at(at + MIB, 512)
        assert data[at : at + 512] == expected


def test_cells_lie_on_a_grid() -> None:
    source = MemorySource(bytes(10 * MIB))
    extents = [
        ChainExtent(0, MIB // 2, None, 0),
        ChainExtent(MIB // 2, 3 * MIB, source, 4096),
        ChainExtent(7 * MIB // 2, MIB // 2, None, 0),
    ]
    cells = list(cells_of(Pieces(4 * MIB, extents)))
    assert [(cell.offset, cell.length, cell.data_bytes) for cell in cells] == [
        (0, MIB, MIB // 2),
        (MIB, MIB, MIB),
        (2 * MIB, MIB, MIB),
        (3 * MIB, MIB, MIB // 2),
    ]
    assert CELL_BYTES == MIB


def test_a_failing_source_stops_all_workers_and_is_told_once(repository: Repository) -> None:
    source = MemorySource(random.Random(1).randbytes(64 * MIB), fail_at=3 * MIB + 5)
    writer = repository.begin("p", vm="vm", tag="t")
    with pytest.raises(UnreachableError, match="cannot read memory: Host is down"):
        copy_disk(plain_disk(source), writer.disk("d", 64 * MIB), workers=2)
    writer.close()
    assert source.reads < 20
    assert repository.discard("t")
    assert not list(repository.path.rglob("*.partial"))


def test_a_failing_repository_stops_the_copy(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MemorySource(random.Random(1).randbytes(32 * MIB))
    writer = repository.begin("p", vm="vm", tag="t")
    disk = writer.disk("d", 32 * MIB)
    put, calls = disk.put, itertools.count()

    def full(offset: int, data: memoryview) -> int:
        if next(calls) == 3:
            raise StorageFullError("cannot write pack: No space left on device")
        return put(offset, data)

    monkeypatch.setattr(disk, "put", full)
    with pytest.raises(StorageFullError):
        copy_disk(plain_disk(source), disk)
    assert source.reads < 20


def test_a_copy_can_be_cancelled_and_reports_progress(repository: Repository) -> None:
    source = MemorySource(random.Random(1).randbytes(32 * MIB))
    seen: list[tuple[int, int]] = []
    writer = repository.begin("p", vm="vm", tag="t")
    with pytest.raises(RunCancelledError):
        copy_disk(
            plain_disk(source),
            writer.disk("d", 32 * MIB),
            on_progress=lambda done, total: seen.append((done, total)),
            should_stop=lambda: len(seen) >= 4,
        )
    assert 4 <= len(seen) < 20
    assert [total for _, total in seen] == [32 * MIB] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    writer.close()


def test_progress_ends_at_the_total(repository: Repository, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        seen.append((done, total))

    writer = repository.begin("p", vm="vm", tag="t")
    source = MemorySource(random.Random(1).randbytes(3 * MIB))
    copy_disk(plain_disk(source), writer.disk("d", 3 * MIB), on_progress=tell)
    writer.seal()
    assert seen[-1] == (3 * MIB, 3 * MIB)
    with repository.reader("p") as reader, RawSink(tmp_path / "raw", 3 * MIB) as sink:
        restore_disk(reader.disk("d"), sink, on_progress=tell)
    assert seen[-1] == (3 * MIB, 3 * MIB)


def test_an_interrupt_of_the_waiting_thread_stops_the_workers(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MemorySource(random.Random(1).randbytes(32 * MIB))
    real_join, is_first = threading.Thread.join, itertools.count()

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        if timeout is not None and next(is_first) == 0:
            raise KeyboardInterrupt
        real_join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    writer = repository.begin("p", vm="vm", tag="t")
    with pytest.raises(KeyboardInterrupt):
        copy_disk(plain_disk(source), writer.disk("d", 32 * MIB))
    monkeypatch.undo()
    assert source.reads < 32
    assert not [one for one in threading.enumerate() if one.name.startswith("copy-")]
    writer.close()


def test_sizes_have_to_agree(repository: Repository) -> None:
    writer = repository.begin("p", vm="vm", tag="t")
    with pytest.raises(InvalidRequestError, match="1048576"):
        copy_disk(plain_disk(MemorySource(bytes(MIB))), writer.disk("d", 2 * MIB))


def test_damage_stops_a_restore_and_leaves_no_image(
    repository: Repository, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(4 * MIB)
    writer = repository.begin("p", vm="vm", tag="t")
    copy_disk(plain_disk(MemorySource(content)), writer.disk("d", 4 * MIB))
    writer.seal()
    for pack in repository.path.glob("packs/*/*.pack"):
        data = pack.read_bytes()
        pack.write_bytes(data.replace(content[MIB + 100 : MIB + 200], bytes(100)))
    with (
        repository.reader("p") as reader,
        pytest.raises(DamagedDataError, match=f"d at byte {MIB}"),
        RawSink(tmp_path / "raw", 4 * MIB) as sink,
    ):
        restore_disk(reader.disk("d"), sink)
    assert not (tmp_path / "raw").exists()


def test_a_target_that_is_full_is_named(repository: Repository) -> None:
    class Full:
        def write(self, offset: int, data: object, /) -> None:
            raise OSError(28, "No space left on device")

    writer = repository.begin("p", vm="vm", tag="t")
    copy_disk(plain_disk(MemorySource(b"x" * MIB)), writer.disk("d", MIB))
    writer.seal()
    with repository.reader("p") as reader, pytest.raises(StorageFullError, match="d at byte 0"):
        restore_disk(reader.disk("d"), Full())


def test_a_raw_image_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("precious")
    with pytest.raises(SafepointError):
        RawSink(tmp_path / "raw", 10)
    assert (tmp_path / "raw").read_text() == "precious"


class Duplicating(MemorySource):
    """Counts handles as an SMB source has them, and keeps several reads on their way."""

    depth = 3
    handles: int
    most_waiting: int

    def __init__(self, data: bytes, owner: Duplicating | None = None) -> None:
        super().__init__(data)
        self._owner = owner or self
        if owner is None:
            self.handles = self.most_waiting = 0
        self._waiting = 0
        self.is_closed = False

    def duplicate(self) -> Duplicating:
        self._owner.handles += 1
        return Duplicating(self._data, self._owner)

    def begin_read(self, offset: int, buffer: memoryview, /) -> _Late:
        self._waiting += 1
        self._owner.most_waiting = max(self._owner.most_waiting, self._waiting)
        return _Late(self, offset, buffer)

    @override
    def close(self) -> None:
        if self._owner is not self and not self.is_closed:
            self._owner.handles -= 1
        self.is_closed = True


class _Late:
    def __init__(self, source: Duplicating, offset: int, buffer: memoryview) -> None:
        self._source, self._offset, self._buffer = source, offset, buffer

    def wait(self) -> None:
        self._source._waiting -= 1
        self._source.read_into(self._offset, self._buffer)


def test_workers_get_handles_of_their_own_and_keep_the_line_busy(
    repository: Repository, tmp_path: Path
) -> None:
    content = random.Random(5).randbytes(16 * MIB)
    source = Duplicating(content)
    writer = repository.begin("p", vm="vm", tag="t")
    copy_disk(plain_disk(source), writer.disk("d", 16 * MIB), workers=2)
    writer.seal()
    assert _restored(repository, "p", tmp_path / "raw") == content
    assert source.most_waiting == 3
    assert source.handles == 0
    assert not source.is_closed
