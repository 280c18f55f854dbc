"""A repository whose file system can be stopped, filled up or struck by a power loss."""

from __future__ import annotations

import errno
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typing_extensions import Buffer, override

from safepoint_native.repository import Repository
from safepoint_native.sources.filesystem import (
    FileSystem,
    LocalFileSystem,
    ReadableFile,
    WritableFile,
)
from safepoint_native.sources.os_errors import from_os_error

VM = "cluster1/8F2B4C1E-0000-4000-8000-000000000001"
CELL = 8 << 10


class Crashed(BaseException):
    """The process or the machine died here."""


class _Undo:
    """How to take back what is not durable yet, by folder of the name it concerns."""

    def __init__(self) -> None:
        self.steps: list[tuple[Path, Callable[[], None]]] = []

    def add(self, folder: Path, step: Callable[[], None]) -> None:
        self.steps.append((folder, step))

    def durable(self, folder: Path) -> None:
        self.steps = [(where, step) for where, step in self.steps if where != folder]

    def apply(self) -> None:
        for _, step in reversed(self.steps):
            step()


class _FragileFile:
    def __init__(self, owner: FragileFileSystem, path: Path, file: WritableFile) -> None:
        self._owner = owner
        self.path = path  # follows renames
        self._file = file
        self.is_durable = False

    def write_at(self, offset: int, parts: Sequence[Buffer], /) -> None:
        self._owner.step("write", self.path)
        self.is_durable = False
        self._file.write_at(offset, parts)

    def sync(self) -> None:
        self._owner.step("sync", self.path)
        self.is_durable = True

    def close(self) -> None:
        self._file.close()


class FragileFileSystem(LocalFileSystem):
    """Counts changing operations and fails at a chosen one.

    `stop_at` is the number of the operation that never happens: the process is dead from then
    on. With `full_at` the disk is full from that operation on, for writes and new files.
    `lose_power` takes back everything that was not made durable, the worst that may happen.
    """

    def __init__(self, *, stop_at: int | None = None, full_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.full_at = full_at
        self.steps: list[str] = []
        self.was_refused = False
        self._files: list[_FragileFile] = []
        self._undo = _Undo()

    def step(self, what: str, path: Path) -> None:
        if self.stop_at is not None and len(self.steps) >= self.stop_at:
            raise Crashed(f"{what} {path.name}")
        is_full = self.full_at is not None and len(self.steps) >= self.full_at
        if is_full and what in ("write", "create", "folder", "sync"):
            self.was_refused = True
            raise from_os_error(OSError(errno.ENOSPC, "No space left"), what, path)
        self.steps.append(f"{what} {path.name}")

    def lose_power(self) -> None:
        for file in self._files:
            if not file.is_durable and file.path.exists():
                data = file.path.read_bytes()
                file.path.write_bytes(data[: len(data) // 2])
        self._undo.apply()

    @override
    def create(self, path: Path, /) -> WritableFile:
        self.step("create", path)
        file = super().create(path)
        self._undo.add(path.parent, lambda: path.unlink(missing_ok=True))
        fragile = _FragileFile(self, path, file)
        self._files.append(fragile)
        return fragile

    @override
    def rename(self, source: Path, target: Path, /) -> None:
        self.step("rename", target)
        before = target.read_bytes() if target.exists() else None
        super().rename(source, target)
        for file in self._files:
            if file.path == source:
                file.path = target

        def undo() -> None:
            if target.exists():
                target.rename(source)
            if before is not None:
                target.write_bytes(before)

        self._undo.add(target.parent, undo)

    @override
    def remove(self, path: Path, /) -> None:
        self.step("remove", path)
        if path.exists():
            data = path.read_bytes()
            self._undo.add(path.parent, lambda: None if path.exists() else restore(path, data))
        super().remove(path)

    @override
    def make_directory(self, path: Path, /) -> None:
        self.step("folder", path)
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            self._undo.add(folder.parent, _removal(folder))
        super().make_directory(path)  # which syncs, and so takes that back

    @override
    def sync_directory(self, path: Path, /) -> None:
        self.step("sync folder", path)
        self._undo.durable(path)

    @override
    def open(self, path: Path, /) -> ReadableFile:
        if self.stop_at is not None and len(self.steps) >= self.stop_at:
            raise Crashed(f"open {path.name}")
        return super().open(path)


def _removal(folder: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(folder, ignore_errors=True)


def restore(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def noise(seed: int, length: int = CELL) -> bytes:
    """Reproducible bytes that do not compress."""
    return random.Random(seed).randbytes(length)


def write_point(repository: Repository, point_id: str, *, tag: str, seed: int = 0) -> None:
    """A small point with every kind of content: data, twice the same, zeros, a file."""
    writer = repository.begin(point_id, vm=VM, tag=tag, pack_bytes=2 * CELL)
    try:
        disk = writer.disk("disk0", 16 * CELL)
        disk.put(0, noise(seed))
        disk.put(2 * CELL, noise(seed + 1))
        disk.put(5 * CELL, noise(seed))
        disk.put(6 * CELL, bytes(CELL))
        disk.put(7 * CELL, noise(1000))  # the same in every point
        second = writer.disk("disk1", 2 * CELL)
        second.put(CELL, noise(seed + 2, 4096))
        writer.add_file("vm.vmcx", b"configuration" * 20)
        writer.finish({"consistency": "application"})
        repository.seal(point_id, tag=tag, vm=VM)
    finally:
        writer.close()


def expected_disk(seed: int) -> bytes:
    """What `disk0` of `write_point` reads back as."""
    image = bytearray(16 * CELL)
    for cell, number in ((0, seed), (2, seed + 1), (5, seed), (7, 1000)):
        image[cell * CELL : (cell + 1) * CELL] = noise(number)
    return bytes(image)


def check_consistent(folder: Path) -> list[str]:
    """Every point that is listed must verify and read back; return their ids."""
    repository = Repository.open(folder)
    found = []
    for point in repository.points():
        assert not point.problem, point
        report = repository.verify(point.point_id, vm=point.vm)
        assert report.is_good, report.findings
        with repository.reader(point.point_id) as reader:
            seed = int(point.point_id.removeprefix("p")) * 10
            assert reader.disk("disk0").read_at(0, 16 * CELL) == expected_disk(seed)
            assert reader.file("vm.vmcx") == b"configuration" * 20
        found.append(point.point_id)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "repository")


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


class Kit:
    """What the tests of this folder share."""

    vm = VM
    cell = CELL
    crashed = Crashed
    fragile = FragileFileSystem
    noise = staticmethod(noise)
    write_point = staticmethod(write_point)
    expected_disk = staticmethod(expected_disk)
    check_consistent = staticmethod(check_consistent)


_: type[FileSystem] = FragileFileSystem
