"""What every way to a share has in common: the same tests for mounted folders and SMB."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import ConflictError, DamagedDataError, InvalidRequestError, NotFoundError
from safepoint_native.sources.mounted import MountedShares, ShareMap
from safepoint_native.sources.port import ShareAccess, ShareEntry
from safepoint_native.sources.smb import SmbShares

ROOT = r"\\fs01\vmstore"
MIB = 1 << 20
CONTENT = random.Random(1).randbytes(3 * MIB + 12345)


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    if request.getfixturevalue("kind") == "smb":
        return Path(request.getfixturevalue("samba").folder)
    (tmp_path / "mounted").mkdir()
    return tmp_path / "mounted"


@pytest.fixture(params=["mounted", "smb"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shares(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[ShareAccess]:
    made: ShareAccess
    if kind == "smb":
        samba: Any = request.getfixturevalue("samba")
        made = SmbShares(ROOT, samba.server())
    else:
        made = MountedShares(ShareMap.of({ROOT: folder}))
    yield made
    made.close()


@pytest.fixture
def disk(folder: Path) -> Iterator[str]:
    path = folder / "vm" / "disk0.vhdx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    yield rf"{ROOT}\vm\disk0.vhdx"
    path.unlink()


def test_reads_are_exact(shares: ShareAccess, disk: str) -> None:
    source = shares.open(disk)
    assert source.size_bytes == len(CONTENT)
    for offset, length in ((0, 10), (12345, 2 * MIB), (len(CONTENT) - 7, 7), (3 * MIB, 0)):
        assert source.read_at(offset, length) == CONTENT[offset : offset + length]
    buffer = bytearray(len(CONTENT))
    source.read_into(0, memoryview(buffer))
    assert buffer == CONTENT
    source.close()
    source.close()


def test_reads_behind_the_end_are_refused(shares: ShareAccess, disk: str) -> None:
    source = shares.open(disk)
    for offset, length in ((len(CONTENT), 1), (-1, 1), (len(CONTENT) - 5, 6)):
        with pytest.raises(DamagedDataError, match="not there"):
            source.read_at(offset, length)
    source.close()


def test_files_and_folders(shares: ShareAccess, folder: Path) -> None:
    deep = rf"{ROOT}\new\deep er\ünder"
    shares.make_directory(deep)
    shares.make_directory(deep)
    assert shares.exists(deep)
    assert not shares.exists(rf"{deep}\x")
    assert not shares.exists(rf"{ROOT}\nowhere\x")
    shares.write_file(rf"{deep}\a.bin", b"abc")
    with pytest.raises(ConflictError, match=r"a\.bin"):
        shares.write_file(rf"{deep}\a.bin", b"other")
    assert shares.read_file(rf"{deep}\a.bin") == b"abc"
    shares.write_file(rf"{deep}\b.bin", b"")
    shares.make_directory(rf"{deep}\sub")
    found = list(shares.entries(deep))
    assert [one._replace(modified_seconds=0.0) for one in found] == [
        ShareEntry("a.bin", is_directory=False, size_bytes=3),
        ShareEntry("b.bin", is_directory=False, size_bytes=0),
        ShareEntry("sub", is_directory=True, size_bytes=0),
    ]
    files = [one for one in found if not one.is_directory]
    assert all(abs(time.time() - one.modified_seconds) < 3600 for one in files)
    with pytest.raises(ConflictError):
        shares.rename(rf"{deep}\a.bin", rf"{deep}\b.bin")
    shares.rename(rf"{deep}\a.bin", rf"{ROOT}\new\c.bin")
    assert (folder / "new" / "c.bin").read_bytes() == b"abc"
    with pytest.raises(ConflictError):
        shares.remove(deep)
    for path in (rf"{deep}\b.bin", rf"{deep}\sub", deep, rf"{ROOT}\new\c.bin"):
        shares.remove(path)
    assert not (folder / "new" / "deep er" / "ünder").exists()
    with pytest.raises(NotFoundError):
        shares.remove(rf"{ROOT}\new\c.bin")
    assert shares.free_bytes(ROOT) > MIB
    assert shares.is_writable(ROOT)


def test_a_sink_takes_pieces_in_any_order(shares: ShareAccess, folder: Path) -> None:
    path = rf"{ROOT}\restored.vhdx"
    sink = shares.create(path)
    sink.resize(len(CONTENT) + 10)
    cells = list(range(0, len(CONTENT), 700_000))
    random.Random(3).shuffle(cells)

    def write(some: list[int]) -> None:
        for at in some:
            sink.write_at(at, memoryview(CONTENT)[at : at + 700_000])

    threads = [threading.Thread(target=write, args=(cells[n::3],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.sync()
    sink.close()
    sink.close()
    assert (folder / "restored.vhdx").read_bytes() == CONTENT + bytes(10)
    with pytest.raises(ConflictError):
        shares.create(path)
    shares.remove(path)


def test_paths_that_are_none_are_refused(shares: ShareAccess) -> None:
    for path in (r"C:\disk.vhdx", "disk.vhdx", r"\\fs01", rf"{ROOT}\..\other\x", rf"{ROOT}\a*"):
        with pytest.raises(InvalidRequestError):
            shares.open(path)


def test_a_missing_file_is_named(shares: ShareAccess) -> None:
    for call in (shares.open, shares.read_file, shares.entries, shares.remove):
        with pytest.raises(NotFoundError, match=r"nowhere"):
            call(rf"{ROOT}\nowhere\x")
